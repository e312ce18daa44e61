"""Silero VAD 6 on ONNX Runtime: a small recurrent network that tells speech from other sound.

The model beside this file is `silero_vad_16k_sequence.onnx` of the package silero-vad 6.2.3 (MIT,
https://github.com/snakers4/silero-vad). A row of its input is 512 new samples (32 ms at 16 kHz)
after the 64 before them; several rows are run in one call, which costs less than half of as many
calls of one row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sotto.audio.chunk import Speech
from sotto.audio.format import HOP, Samples, exact_div

WINDOW = 512
CONTEXT = 64
STATE = (1, 1, 128)

_MODEL = Path(__file__).with_name("silero_v6.onnx")
_BLOCK = 256  # windows in one call: 8 s of sound, and bounded memory for long pieces
_MIDDLE = exact_div(HOP, 2)  # 80: a frame is judged by the window that holds its middle sample


class Silero:
    """The loaded model; each stream gets a detector of its own, and all may run at once."""

    def __init__(self) -> None:
        import onnxruntime  # heavy, and of use to this plug-in alone

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; the model warns of unused parts of itself
        self._session = onnxruntime.InferenceSession(
            str(_MODEL), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self) -> SileroDetector:
        """A detector at the start of a stream."""
        return SileroDetector(self._session)


class SileroDetector:
    """One stream's state. Frame i takes the probability of the window with sample 160 × i + 80.

    It holds back up to 32 ms of sound.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        """onnxruntime.InferenceSession; any thread may run it at any time."""
        self._h = np.zeros(STATE, np.float32)
        self._c = np.zeros(STATE, np.float32)
        self._rest = np.zeros(CONTEXT, np.float32)
        """The context of the next window, and what there is of the window itself."""
        self._open = np.empty(0, np.float32)
        """Probabilities of the windows that frames still to come may lie in."""
        self._first_open = 0
        """Which window of the stream `_open` starts with."""
        self._samples = 0
        self._frames = 0

    def receive(self, samples: Samples) -> Speech:
        """The frames whose windows are complete now."""
        self._samples += len(samples)
        self._rest = np.concatenate([self._rest, samples])
        self._judge((len(self._rest) - CONTEXT) // WINDOW)
        return self._take()

    def finish(self) -> Speech:
        """The frames in the last window; silence stands in for what it lacks."""
        missing = -(len(self._rest) - CONTEXT) % WINDOW
        if missing:
            self._rest = np.concatenate([self._rest, np.zeros(missing, np.float32)])
            self._judge(1)
        return self._take()

    def _judge(self, n: int) -> None:
        """Run the next n windows; their samples leave `_rest`, but for the context."""
        if not n:
            return
        windows = sliding_window_view(self._rest, CONTEXT + WINDOW)[::WINDOW]
        probabilities = [self._open]
        for lo in range(0, n, _BLOCK):
            rows = np.ascontiguousarray(windows[lo : min(lo + _BLOCK, n)])
            speech, self._h, self._c = self._session.run(
                ("speech_probs", "hn", "cn"), {"input": rows, "h": self._h, "c": self._c}
            )
            probabilities.append(speech)
        self._open = np.concatenate(probabilities)
        self._rest = self._rest[n * WINDOW :].copy()

    def _take(self) -> Speech:
        """The frames whose samples and windows are both there."""
        judged = (self._first_open + len(self._open)) * WINDOW
        end = min(-(-(judged - _MIDDLE) // HOP), self._samples // HOP)
        frames = np.arange(self._frames, max(end, self._frames))
        windows = (frames * HOP + _MIDDLE) // WINDOW
        speech: Speech = self._open[windows - self._first_open]
        self._frames += len(frames)
        done = min((self._frames * HOP + _MIDDLE) // WINDOW - self._first_open, len(self._open))
        self._open = self._open[done:]
        self._first_open += done
        return speech

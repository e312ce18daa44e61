"""Silero VAD 6 on ONNX Runtime: a small recurrent network that tells speech from other sound.

The model beside this file is `silero_vad_16k_sequence.onnx` of the package silero-vad 6.2.3 (MIT,
https://github.com/snakers4/silero-vad), its graph changed at two places by
`tools/silero_graph.py`, so that one call hears several streams. A row of its input is 512 new
samples (32 ms at 16 kHz) after the 64 before them. Rows of several windows and streams in one call
cost a half to two thirds of as many calls of one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Speech
from sotto.audio.format import HOP, Samples, exact_div, overlapping
from sotto.interfaces.detector import Detector

WINDOW = 512
CONTEXT = 64
STATE = (1, 1, 128)

_MODEL = Path(__file__).with_name("silero_v6.onnx")
_BLOCK = 256  # rows in one call: 8 s of sound, and bounded memory for long pieces
_STREAMS = 64  # in one call
_SETTLED = 125
"""Windows of digital silence, 4 s, after which more of it is not judged: a muted microphone costs
nothing. The network would go on drifting, for minutes; so it hears what follows as after 4 s."""
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

    def receive_all(self, detectors: Sequence[Detector], pieces: Sequence[Samples]) -> list[Speech]:
        """`receive` of several of its detectors, each its own piece."""
        return _receive_all(self._session, cast("Sequence[SileroDetector]", detectors), pieces)


class SileroDetector:
    """One stream's state. Frame i takes the probability of the window with sample 160 × i + 80.

    It holds back up to 32 ms of sound.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        """onnxruntime.InferenceSession; any thread may run it at any time."""
        self.h = np.zeros(STATE, np.float32)
        self.c = np.zeros(STATE, np.float32)
        """What the network remembers."""
        self._rest = np.zeros(CONTEXT, np.float32)
        """The context of the next window, and what there is of the window itself."""
        self._open: list[float] = []
        """Probabilities of the windows that frames still to come may lie in."""
        self._first_open = 0
        """Which window of the stream `_open` starts with."""
        self._silent = 0
        """Windows of digital silence, up to the last one."""
        self._worth: list[bool] = []
        """Which of the windows that came last are to be judged."""
        self._last = 0.0
        """The last probability."""
        self._samples = 0
        self._frames = 0

    def receive(self, samples: Samples) -> Speech:
        """The frames whose windows are complete now."""
        return _receive_all(self._session, [self], [samples])[0]

    def finish(self) -> Speech:
        """The frames in the last window; silence stands in for what it lacks."""
        missing = -(len(self._rest) - CONTEXT) % WINDOW
        if missing:
            self._rest = np.concatenate([self._rest, np.zeros(missing, np.float32)])
            _hear(self._session, [self], [self._take_windows()])
        return self.take_frames()

    def append(self, samples: Samples) -> Samples:
        """Add what comes. float32[n, 576]: the windows that are whole now, and to be judged."""
        self._samples += len(samples)
        self._rest = np.concatenate([self._rest, samples])
        return self._take_windows()

    def learn(self, judged: Iterable[float]) -> None:
        """The probabilities of those windows."""
        told = iter(judged)
        for worth in self._worth:
            self._last = next(told) if worth else self._last
            self._open.append(self._last)

    def _take_windows(self) -> Samples:
        windows = overlapping(self._rest, CONTEXT + WINDOW, WINDOW)
        self._rest = self._rest[len(windows) * WINDOW :].copy()
        self._worth = [self._is_worth(window) for window in windows]
        return windows if all(self._worth) else windows[self._worth]

    def _is_worth(self, window: Samples) -> bool:
        """Whether the next window must be judged."""
        self._silent = 0 if window.any() else self._silent + 1
        return self._silent <= _SETTLED

    def take_frames(self) -> Speech:
        """The frames whose samples and windows are both there."""
        judged = (self._first_open + len(self._open)) * WINDOW
        end = min(-(-(judged - _MIDDLE) // HOP), self._samples // HOP)
        frames = np.arange(self._frames, max(end, self._frames))
        windows = (frames * HOP + _MIDDLE) // WINDOW
        speech: Speech = np.asarray(self._open, np.float32)[windows - self._first_open]
        self._frames += len(frames)
        done = min((self._frames * HOP + _MIDDLE) // WINDOW - self._first_open, len(self._open))
        self._open = self._open[done:]
        self._first_open += done
        return speech


def _receive_all(
    session: Any, streams: Sequence[SileroDetector], pieces: Sequence[Samples]
) -> list[Speech]:
    windows = [stream.append(piece) for stream, piece in zip(streams, pieces, strict=True)]
    _hear(session, streams, windows)
    return [stream.take_frames() for stream in streams]


def _hear(session: Any, streams: Sequence[SileroDetector], windows: Sequence[Samples]) -> None:
    """Streams with the same number of windows share a call."""
    alike: dict[int, list[int]] = {}
    for place, own in enumerate(windows):
        alike.setdefault(len(own), []).append(place)
    for n, places in alike.items():
        for lo in range(0, len(places), _STREAMS):
            some = places[lo : lo + _STREAMS]
            group = [streams[place] for place in some]
            if n:
                judged = _judge(session, group, np.stack([windows[i] for i in some], axis=1))
            else:
                judged = np.empty((len(group), 0), np.float32)
            for stream, own in zip(group, judged.tolist(), strict=True):
                stream.learn(own)


def _judge(
    session: Any, streams: Sequence[SileroDetector], windows: Samples
) -> NDArray[np.float32]:
    """float32[n, streams, 576] → float32[streams, n]: probabilities."""
    h = np.concatenate([stream.h for stream in streams], axis=1)
    c = np.concatenate([stream.c for stream in streams], axis=1)
    probabilities = []
    step = max(_BLOCK // len(streams), 1)
    for lo in range(0, len(windows), step):
        rows = windows[lo : lo + step].reshape(-1, CONTEXT + WINDOW)
        inputs = {"input": rows, "h": h, "c": c}
        speech, h, c = session.run(("speech_probs", "hn", "cn"), inputs)
        probabilities.append(speech)
    for place, stream in enumerate(streams):
        stream.h, stream.c = h[:, place : place + 1], c[:, place : place + 1]
    return np.concatenate(probabilities, axis=1)

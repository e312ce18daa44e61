"""Smart Turn 3 on ONNX Runtime: from the melody of the last words, whether more is to come.

The model's file is the user's (https://huggingface.co/pipecat-ai/smart-turn-v3, BSD 2-Clause). It
is Whisper tiny's encoder with one output, a probability, and reads the last 8 s as Whisper's
features float32[1, 80, 800], shorter turns with silence before them. Its sound was brought to a
variance of 1 first; here that is done to the spectrogram: n times the amplitude adds log10 n² to
every band.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import FRAMES_PER_SECOND, N_FFT
from sotto.audio.mel import MIN_POWER, SILENCE, mel_filters, normalize
from sotto.errors import ModelUnavailable

FRAMES = 8 * FRAMES_PER_SECOND
BANDS = 80


class SmartTurn:
    """The loaded model; any thread may ask it at any time."""

    n_mels = BANDS

    def __init__(self, file: Path) -> None:
        """Raises ModelUnavailable."""
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as faults

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except (
            faults.NoSuchFile,
            faults.InvalidProtobuf,
            faults.InvalidGraph,
            faults.Fail,
        ) as error:
            raise ModelUnavailable(f"expected a turn detector in {file}: {error}") from error
        given = self._session.get_inputs()[0]
        if list(given.shape[1:]) != [BANDS, FRAMES]:
            raise ModelUnavailable(
                f"expected an input of [1, {BANDS}, {FRAMES}] in {file}, got {given.shape}"
            )
        self._input = given.name

    def judge(self, frames: Mel) -> float:
        """Probability that the turn is complete, from its last 8 s."""
        outputs = self._session.run(None, {self._input: features(frames)[None]})
        return float(np.clip(np.ravel(outputs[0])[0], 0.0, 1.0))


def features(frames: Mel) -> NDArray[np.float32]:
    """float32[80, 800]: what the model reads. Takes raw log10 mel, float32[n, 80]."""
    window = np.full((FRAMES, BANDS), SILENCE, np.float32)
    last = frames[-FRAMES:]
    window[FRAMES - len(last) :] = last
    louder = -math.log10(max(_variance(window), MIN_POWER))
    scaled = np.maximum(window + np.float32(louder), np.float32(SILENCE))
    return np.ascontiguousarray(normalize(scaled).T)


def _variance(mel: Mel) -> float:
    """The sound's, by Parseval's theorem; a Hann window's mean square is 3/8."""
    power = float((10.0**mel @ _weights()).mean())
    return 2 * power / (3 / 8 * N_FFT**2)


@cache
def _weights() -> NDArray[np.float32]:
    """float32[80]: with them the bands add up to the power of every bin, each once."""
    filters = mel_filters(BANDS)
    return np.linalg.lstsq(filters.T, np.ones(filters.shape[1], np.float32), rcond=None)[0]

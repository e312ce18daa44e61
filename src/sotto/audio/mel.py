"""Whisper's log-mel spectrogram, frame by frame as samples come in.

Source of the numbers: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak
Supervision", section 2.2. A frame every 10 ms is the power spectrum of 25 ms under a periodic Hann
window, summed into bands of the mel scale of Slaney 1998, "Auditory Toolbox" (Interval Research
Technical Report 1998-010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, MEL_BANDS, N_FFT, SAMPLE_RATE, Samples, exact_div, overlapping

PADDING = exact_div(N_FFT, 2)  # 200: frame i is centered at sample 160 × i
MIN_POWER = 1e-10
SILENCE = math.log10(MIN_POWER)  # -10: what zeros, Whisper's own padding, look like
DYNAMIC_RANGE = 8.0  # powers of ten that Whisper keeps below a window's loudest value

_BLOCK = 10
"""Frames in one product. OpenBLAS keeps one of up to 2^18 terms on one core, here 10 × 201 × 128;
for a larger one it wakes threads that go on spinning when it is done, which costs three times as
much as the product."""
_STRETCH = 20
"""Frames whose spectra are made at once: they stay in the processor's nearest memory."""

_LINEAR_STEP = 200 / 3  # Hz of one mel below 1 kHz
_LOG_FROM = 1000.0  # Hz
_LOG_FROM_MEL = _LOG_FROM / _LINEAR_STEP  # 15 mel
_LOG_STEP = math.log(6.4) / 27  # 27 mel above it lies 6.4 kHz


def _to_mel(hertz: float) -> float:
    if hertz < _LOG_FROM:
        return hertz / _LINEAR_STEP
    return _LOG_FROM_MEL + math.log(hertz / _LOG_FROM) / _LOG_STEP


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = np.maximum(mel - _LOG_FROM_MEL, 0.0)
    return np.where(above > 0, _LOG_FROM * np.exp(above * _LOG_STEP), mel * _LINEAR_STEP)


def band_centers(n_mels: int) -> NDArray[np.float64]:
    """float64[n_mels]: Hz."""
    nyquist = exact_div(SAMPLE_RATE, 2)
    return _to_hertz(np.linspace(_to_mel(0.0), _to_mel(nyquist), n_mels + 2))[1:-1]


def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """float32[n_mels, 201]: triangles of equal area, evenly spaced in mel from 0 to 8 kHz."""
    nyquist = exact_div(SAMPLE_RATE, 2)
    bins = np.linspace(0.0, nyquist, N_FFT // 2 + 1)
    corners = _to_hertz(np.linspace(_to_mel(0.0), _to_mel(nyquist), n_mels + 2))
    left, center, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - left) / (center - left)
    falling = (right - bins) / (right - center)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (right - left))).astype(np.float32)


def normalize(mel: Mel) -> Mel:
    """Whisper's clamp and scaling, over all frames given; what a checkpoint's encoder reads."""
    if not mel.size:
        return mel
    clamped: Mel = (np.maximum(mel, mel.max() - DYNAMIC_RANGE) + 4.0) / 4.0
    return clamped


def padded(mel: Mel, frames: int) -> Mel:
    """float32[frames, n_mels]: silence after it, then clamped and scaled.

    `mel` is raw and has at most so many frames.
    """
    window = np.full((frames, mel.shape[1]), SILENCE, np.float32)
    window[: len(mel)] = mel
    return normalize(window)


class LogMel:
    """One stream of samples at 16 kHz on its way to log-mel frames.

    Over a whole stream it gives one frame for each 160 samples (the last, incomplete hop gives
    none), the same however the stream is cut. It holds back up to 25 ms of sound.
    """

    def __init__(self, n_mels: int) -> None:
        if n_mels not in MEL_BANDS:
            raise ValueError(f"expected {' or '.join(map(str, MEL_BANDS))} bands, got {n_mels}")
        self.n_mels = n_mels
        self._rest = np.empty(0, np.float32)
        """From the first sample of the next frame on; while `_padded` is False, all there are."""
        self._padded = False
        """Whether the reflection before the first sample is in place."""
        self._samples = 0
        self._frames = 0

    def receive(self, samples: Samples) -> Mel:
        """float32[n, n_mels], raw log10 power: the frames all of whose samples are there now."""
        return _log_mel(self._frames_of(samples), self.n_mels)

    @staticmethod
    def receive_all(streams: Sequence[LogMel], pieces: Sequence[Samples]) -> list[Mel]:
        """`receive` of several streams that have the same number of bands, each its own piece."""
        frames = [each._frames_of(piece) for each, piece in zip(streams, pieces, strict=True)]
        mel = _log_mel(np.concatenate(frames), streams[0].n_mels)
        return np.split(mel, np.cumsum([len(own) for own in frames[:-1]]))

    def finish(self) -> Mel:
        """The last frames, which reach past the end; its reflection stands in for what is not."""
        left = self._samples // HOP - self._frames
        if left:
            before = 0 if self._padded else PADDING
            self._rest = np.pad(self._rest, (before, PADDING), mode="reflect")
        return _log_mel(self._next(left), self.n_mels)

    def _frames_of(self, samples: Samples) -> Samples:
        """The samples of the frames that are whole now."""
        self._samples += len(samples)
        self._rest = np.concatenate([self._rest, samples])
        if not self._padded:
            if len(self._rest) <= PADDING:
                return self._next(0)
            self._rest = np.concatenate([self._rest[PADDING:0:-1], self._rest])
            self._padded = True
        return self._next(max(0, (len(self._rest) - N_FFT) // HOP + 1))

    def _next(self, n: int) -> Samples:
        """float32[n, 400]: the samples of the next n frames; they leave `_rest`."""
        if not n:
            return np.empty((0, N_FFT), np.float32)
        frames: Samples = overlapping(self._rest, N_FFT, HOP)[:n]
        self._rest = self._rest[n * HOP :].copy()
        self._frames += n
        return frames


def _log_mel(frames: Samples, n_mels: int) -> Mel:
    """float32[n, 400] → float32[n, n_mels], raw log10 power."""
    mel = np.full((len(frames), n_mels), MIN_POWER, np.float32)
    for lo in range(0, len(frames), _STRETCH):
        _powers(frames[lo : lo + _STRETCH], mel[lo : lo + _STRETCH])
    np.log10(np.maximum(mel, MIN_POWER, out=mel), out=mel)
    return mel


def _powers(frames: Samples, mel: Mel) -> None:
    """Into `mel`; frames of digital silence are left as they are."""
    sounding = frames.any(axis=1)
    if not sounding.any():
        return
    spectrum = np.fft.rfft(frames[sounding] * _hann())
    power = spectrum.real**2 + spectrum.imag**2
    filters = _transposed_filters(mel.shape[1])
    blocks = [power[lo : lo + _BLOCK] @ filters for lo in range(0, len(power), _BLOCK)]
    mel[sounding] = np.concatenate(blocks)


@cache
def _hann() -> NDArray[np.float32]:
    """float32[400], periodic: one period, open."""
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)


@cache
def _transposed_filters(n_mels: int) -> NDArray[np.float32]:
    """float32[201, n_mels]"""
    return np.ascontiguousarray(mel_filters(n_mels).T)

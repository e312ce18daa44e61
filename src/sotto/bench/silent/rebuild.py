"""Sound from images: what somebody can do who has them and wants to hear the voice.

The bands are spread over the spectrum's lines again by non-negative least squares (multiplicative
updates: Lee and Seung 2001, "Algorithms for non-negative matrix factorization"); the phases, which
no image holds, are found by Griffin and Lim 1984, "Signal estimation from modified short-time
Fourier transform", with the momentum of Perraudin, Balazs and Søndergaard 2013, "A fast
Griffin-Lim algorithm".
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, N_FFT, Samples
from sotto.audio.mel import PADDING, mel_filters

ITERATIONS = 32
MOMENTUM = 0.99
SPREADING = 24
"""Multiplicative updates; the bands' powers are then met within some percent."""
_LEAST = 1e-10
_BLOCK = 4096
"""Frames at once."""

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


def rebuilt(mel: Mel, iterations: int = ITERATIONS) -> Samples:
    """float32[160 n] at 16 kHz, of raw log10 power, float32[n, n_mels]; no louder than 1."""
    if not len(mel):
        return np.empty(0, np.float32)
    magnitudes = np.sqrt(spread(mel))
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, magnitudes.shape)
    guess: Complex = magnitudes * np.exp(1j * phases)
    last = guess
    for _ in range(iterations):
        whole = _analyzed(_overlapped(guess), len(mel))
        ahead = whole + MOMENTUM * (whole - last)
        last = whole
        guess = magnitudes * ahead / np.maximum(np.abs(ahead), _LEAST)
    samples = _overlapped(guess)[PADDING : PADDING + len(mel) * HOP]
    return np.asarray(samples / max(1.0, float(np.abs(samples).max())), np.float32)


def spread(mel: Mel) -> Floats:
    """float64[n, 201]: powers of lines whose sums over bands are close to the bands' powers."""
    filters = mel_filters(mel.shape[1]).astype(np.float64)
    blocks = (_spread(mel[lo : lo + _BLOCK], filters) for lo in range(0, len(mel), _BLOCK))
    return np.concatenate(list(blocks))


def _spread(mel: Mel, filters: Floats) -> Floats:
    bands = np.power(10.0, mel.astype(np.float64))
    wanted = bands @ filters
    overlaps = filters.T @ filters
    # Each line begins as the mean of its bands' densities, which is above zero.
    weights = filters / np.maximum(filters.sum(axis=0), _LEAST)
    lines = np.maximum((bands / filters.sum(axis=1)) @ weights, _LEAST)
    for _ in range(SPREADING):
        lines *= wanted / np.maximum(lines @ overlaps, _LEAST * 1e-6)
    powers: Floats = np.maximum(lines, _LEAST)
    return powers


def _window() -> Floats:
    window: Floats = np.hanning(N_FFT + 1)[:-1]
    return window


def _analyzed(samples: Floats, n: int) -> Complex:
    """complex128[n, 201]."""
    frames = sliding_window_view(samples, N_FFT)[::HOP][:n]
    return np.asarray(np.fft.rfft(frames * _window(), axis=1))


def _overlapped(spectra: Complex) -> Floats:
    """The sound whose spectra are the nearest, in the least squares; with padding at both ends."""
    n = len(spectra)
    frames = np.fft.irfft(spectra, N_FFT, axis=1) * _window()
    samples = np.zeros((n - 1) * HOP + N_FFT)
    weights = np.zeros_like(samples)
    # Frames that do not overlap lie side by side: each third one of 400 samples, 160 apart.
    apart = -(-N_FFT // HOP)
    squared = _window() ** 2
    for first in range(min(apart, n)):
        chosen = frames[first::apart]
        place = np.arange(len(chosen))[:, None] * (apart * HOP) + first * HOP + np.arange(N_FFT)
        samples[place] += chosen
        weights[place] += squared
    return samples / np.maximum(weights, 1e-3)

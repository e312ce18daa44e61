"""Sound from log-mel: one of those whose log-mel is nearly the one that is given.

The bands are spread over the spectrum's lines again by non-negative least squares (multiplicative
updates: Lee and Seung 2001, "Algorithms for non-negative matrix factorization"); the phases, which
log-mel lacks, are found by Griffin and Lim 1984, "Signal estimation from modified short-time
Fourier transform", with the momentum of Perraudin, Balazs and Søndergaard 2013, "A fast
Griffin-Lim algorithm".
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, N_FFT, Samples, overlapping
from sotto.audio.mel import PADDING, mel_filters

ITERATIONS = 32
MOMENTUM = 0.99
SPREADING = 24
"""Multiplicative updates; the bands' powers are then met within some percent."""

_LEAST = np.float32(1e-10)
_LOUDEST = np.float32(20)
"""Of log10 power: no sound is, and float32 holds sums of that."""
_STRETCH = 256
"""Frames whose spectra are made at once: of 3,000 at once each takes three times as long."""
_HOPS = -(-N_FFT // HOP)  # 3: a frame lies in so many hops

Floats: TypeAlias = NDArray[np.float32]
Spectra: TypeAlias = NDArray[np.complex64]
"""complex64[n, 201]"""


def rebuilt(mel: Mel, iterations: int = ITERATIONS, spreading: int = SPREADING) -> Samples:
    """float32[160 n] at 16 kHz, of raw log10 power, float32[n, n_mels]; no louder than 1."""
    if not len(mel):
        return np.empty(0, np.float32)
    magnitudes = np.sqrt(spread(mel, spreading))
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, magnitudes.shape).astype(np.float32)
    guess: Spectra = np.empty(phases.shape, np.complex64)
    guess.real, guess.imag = magnitudes * np.cos(phases), magnitudes * np.sin(phases)
    weights = _sum_of(np.tile(_window() ** 2, (len(mel), 1)))
    gains: Floats = np.reciprocal(np.maximum(weights, np.float32(1e-3)))
    last = guess
    for _ in range(iterations):
        whole = _analyzed(_overlapped(guess) * gains)
        ahead: Spectra = whole + np.float32(MOMENTUM) * (whole - last)
        last = whole
        lengths: Floats = np.abs(ahead)
        guess = ahead * (magnitudes / np.maximum(lengths, _LEAST))
    samples = (_overlapped(guess) * gains)[PADDING : PADDING + len(mel) * HOP]
    loudest = max(np.float32(1), np.abs(samples).max())
    return np.asarray(samples / loudest, np.float32)


def spread(mel: Mel, updates: int = SPREADING) -> Floats:
    """float32[n, 201]: powers of lines whose sums over bands are close to the bands' powers."""
    filters = mel_filters(mel.shape[1])
    bands = np.power(np.float32(10), np.minimum(mel, _LOUDEST))
    wanted = bands @ filters
    overlaps = filters.T @ filters
    # Each line begins as the mean of its bands' densities, which is above zero.
    weights = filters / np.maximum(filters.sum(axis=0), _LEAST)
    lines = np.maximum((bands / filters.sum(axis=1)) @ weights, _LEAST)
    for _ in range(updates):
        lines *= wanted / np.maximum(lines @ overlaps, _LEAST * np.float32(1e-6))
    powers: Floats = np.maximum(lines, _LEAST)
    return powers


@cache
def _window() -> Floats:
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)


def _analyzed(samples: Floats) -> Spectra:
    frames = overlapping(samples, N_FFT, HOP)
    spectra: Spectra = np.empty((len(frames), N_FFT // 2 + 1), np.complex64)
    for lo in range(0, len(frames), _STRETCH):
        spectra[lo : lo + _STRETCH] = np.fft.rfft(frames[lo : lo + _STRETCH] * _window())
    return spectra


def _overlapped(spectra: Spectra) -> Floats:
    """The frames under the window, added up; with padding at both ends."""
    frames: Floats = np.asarray(np.fft.irfft(spectra, N_FFT), np.float32)
    return _sum_of(frames * _window())


def _sum_of(frames: Floats) -> Floats:
    """float32[160 (n - 1) + 400]"""
    n = len(frames)
    hops = np.zeros((n + _HOPS - 1, HOP), np.float32)
    for place in range(_HOPS):
        part = frames[:, place * HOP : (place + 1) * HOP]
        hops[place : place + n, : part.shape[1]] += part
    return hops.ravel()[: (n - 1) * HOP + N_FFT]

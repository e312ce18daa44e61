"""Mel frames as another voice, another room and another line would have made them.

All of it works on raw log10 power, so that features are made once. Powers of independent sounds
add; a filter adds to the logarithm; a room smears power over the frames that follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import FRAMES_PER_SECOND, frames
from sotto.audio.mel import DYNAMIC_RANGE, SILENCE, band_centers
from sotto.training.config import Augment
from sotto.training.data.mixing import Rng
from sotto.training.fields import Share

_LOUDNESS = (-5.0, 0.5)
"""Powers of ten by which a noise where nobody speaks is louder: from a quiet room to a street."""
_EARLIEST = 5
"""Frames after the direct sound in which early reflections fall together with it: 50 ms."""


@dataclass(frozen=True)
class Augmenter:
    """Changes clips at random, as a recipe allows."""

    spec: Augment
    n_mels: int
    noises: Sequence[Mel] = ()
    """Recordings without speech."""

    def voice(self, mel: Mel, speed: float, rng: Rng) -> Mel:
        """float32[round(n / speed), n_mels]: faster and higher by `speed`, and a throat's length.

        Warping: Jaitly and Hinton 2013, "Vocal Tract Length Perturbation improves speech
        recognition".
        """
        factor = speed * rng.uniform(*self.spec.warp)
        length = max(1, round(len(mel) / speed))
        times = np.linspace(0, len(mel) - 1, length)
        return self._warped(_resampled(mel, times), factor)

    def eased(self, strength: Share) -> Augmenter:
        """One that does less, and less often."""
        spec = self.spec
        low, high = spec.snr
        less = {
            key: strength * getattr(spec, key)
            for key in ("equalizer", "telephone", "noise", "reverberation", "quantize")
        }
        masks = {key: round(strength * getattr(spec, key)) for key in ("time_masks", "band_masks")}
        snr = (high - strength * (high - low), high)
        return replace(self, spec=spec.model_copy(update={**less, **masks, "snr": snr}))

    def place(self, mel: Mel, rng: Rng) -> Mel:
        """The same frames in another room, with noise, over another line."""
        spec = self.spec
        mel = mel + (self._filter(rng) + rng.uniform(*spec.gain) / 10).astype(np.float32)
        if rng.random() < spec.reverberation:
            mel = reverberated(mel, rng.uniform(*spec.decay), rng.uniform(0.0, 1.2))
        if rng.random() < spec.noise:
            mel = self._noisy(mel, rng.uniform(*spec.snr), rng)
        if rng.random() < spec.telephone:
            mel = mel + self._telephone(rng).astype(np.float32)
        mel = np.maximum(mel, SILENCE)
        if rng.random() < spec.quantize:
            mel = quantized(mel)
        return mel

    def non_speech(self, length: int, rng: Rng) -> Mel:
        """float32[length, n_mels]: a recorded noise, a made one, or nothing at all."""
        kind = rng.random()
        if kind < 0.1:  # digital silence
            return np.full((length, self.n_mels), SILENCE, np.float32)
        loudness = rng.uniform(*_LOUDNESS)
        mel: Mel = np.maximum(self._noise(length, rng) + loudness, SILENCE)
        if kind < 0.3:  # a noise that begins or ends
            at = int(rng.integers(length))
            mel[slice(0, at) if rng.random() < 0.5 else slice(at, None)] = SILENCE
        return mel

    def masked(self, features: Mel, rng: Rng) -> Mel:
        """Bands and stretches of time taken away from what an encoder reads.

        Park et al. 2019, "SpecAugment".
        """
        spec, (length, bands) = self.spec, features.shape
        features, mean = features.copy(), features.mean()
        longest = min(frames(spec.time_mask), length // 10)
        for _ in range(spec.time_masks):
            width = int(rng.integers(longest + 1))
            at = int(rng.integers(length - width + 1))
            features[at : at + width] = mean
        for _ in range(spec.band_masks):
            width = int(rng.integers(min(spec.band_mask, bands) + 1))
            at = int(rng.integers(bands - width + 1))
            features[:, at : at + width] = mean
        return features

    @cached_property
    def _centers(self) -> NDArray[np.float64]:
        return band_centers(self.n_mels)

    def _warped(self, mel: Mel, factor: float) -> Mel:
        """What was heard at f is heard at f × factor."""
        bands = np.arange(self.n_mels)
        places = np.interp(self._centers / factor, self._centers, bands)
        return _resampled(mel.T, places).T

    def _filter(self, rng: Rng) -> NDArray[np.float64]:
        """float64[n_mels]: a smooth curve of up to `equalizer` powers of ten."""
        position = np.linspace(0, 1, self.n_mels)
        curve = sum(
            rng.normal() / wave * np.cos(math.pi * wave * position + rng.uniform(0, math.pi))
            for wave in (1, 2, 3)
        )
        return np.asarray(self.spec.equalizer * curve / 2)

    def _telephone(self, rng: Rng) -> NDArray[np.float64]:
        top, bottom = rng.uniform(3400, 4000), rng.uniform(100, 300)
        above = np.where(self._centers > top, SILENCE * 2, 0.0)
        below = np.minimum(0.0, np.log2(np.maximum(self._centers, 20) / bottom))
        return above + below

    def _noisy(self, mel: Mel, snr: float, rng: Rng) -> Mel:
        noise = self._noise(len(mel), rng)
        # The level of speech is that of its loud frames; of noise, of all.
        levels = np.log10(np.power(10.0, mel).sum(axis=1))
        loud = np.percentile(levels, 80)
        level = np.log10(np.power(10.0, noise).sum(axis=1).mean())
        return added(mel, noise + (loud - snr / 10 - level))

    def _noise(self, length: int, rng: Rng) -> Mel:
        if self.noises and rng.random() < 0.6:
            recording = self.noises[int(rng.integers(len(self.noises)))]
            at = int(rng.integers(max(1, len(recording) - length + 1)))
            found = recording[at : at + length].astype(np.float32)
            missing = length - len(found)
            return np.pad(found, ((0, missing), (0, 0)), mode="wrap") if missing else found
        slope = rng.uniform(-4.0, 0.5) * np.linspace(0, 1, self.n_mels)
        hiss = self._filter(rng) + slope + self._hum(rng)
        # The power of noise in a band is chi-squared; the wider the band, the steadier it is.
        freedom = 2 + np.linspace(0, 12, self.n_mels)
        power = rng.gamma(freedom / 2, 2 / freedom, (length, self.n_mels))
        swell = 0.3 * rng.normal() * np.sin(np.arange(length) / rng.uniform(10, 100))
        return (hiss + np.log10(power + 1e-6) + swell[:, None]).astype(np.float32)

    def _hum(self, rng: Rng) -> NDArray[np.float64]:
        if rng.random() > 0.3:
            return np.zeros(self.n_mels)
        at, width = rng.uniform(0, self.n_mels / 2), rng.uniform(1, 4)
        bump = np.exp(-(((np.arange(self.n_mels) - at) / width) ** 2))
        return np.asarray(rng.uniform(0.5, 3.0) * bump)


def added(mel: Mel, other: Mel) -> Mel:
    """Two sounds at once."""
    return np.asarray(np.log10(np.power(10.0, mel) + np.power(10.0, other)), np.float32)


def quantized(mel: Mel) -> Mel:
    """To 256 levels between the loudest value and the end of Whisper's range."""
    top = mel.max()
    steps = np.round((np.maximum(mel, top - DYNAMIC_RANGE) - top) / DYNAMIC_RANGE * 255)
    return np.asarray(top + steps / 255 * DYNAMIC_RANGE, np.float32)


def reverberated(mel: Mel, decay: float, ratio: float) -> Mel:
    """In a room where sound dies away by 60 dB in `decay` seconds.

    `ratio`: powers of ten of direct over reverberant sound. The late reverberation of a room is
    noise under an exponential (Polack 1988), so that a frame's power spreads over those after it.
    """
    fall = 10 ** (-6 / (decay * FRAMES_PER_SECOND))  # of power, for each frame
    length = min(len(mel), max(1, round(decay * FRAMES_PER_SECOND)))
    tail = fall ** np.arange(length)
    tail[: min(_EARLIEST, length)] *= 0.5
    tail *= 10.0**-ratio / tail.sum()
    tail[0] += 1.0
    power = np.power(10.0, mel.astype(np.float64))
    size = len(mel) + length
    spectrum = np.fft.rfft(power, size, axis=0) * np.fft.rfft(tail, size)[:, None]
    smeared = np.fft.irfft(spectrum, size, axis=0)[: len(mel)]
    return np.asarray(np.log10(np.maximum(smeared, power)), np.float32)


def _resampled(rows: Mel, places: NDArray[np.float64]) -> Mel:
    """The rows between which the places lie, in proportion."""
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, len(rows) - 1)
    weight = (places - low)[:, None].astype(np.float32)
    return np.asarray(rows[low] * (1 - weight) + rows[high] * weight)

"""Frames of log-mel that tell less of who speaks, and still what is said.

Three things that make a voice one's own are changed, frame by frame: where the throat's resonances
lie (the frequency axis is warped: Jaitly and Hinton 2013, "Vocal Tract Length Perturbation improves
speech recognition"), the harmonics of its pitch (smoothed away), and its color, which the room and
the microphone have a part in (another one is added). How is drawn anew for each stream.
docs/silent-mode.md tells what that is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.mel import SILENCE, band_centers

WARP = (0.86, 1.17)
"""Between which a factor is drawn: with these the shipped model was trained."""
SMOOTHING = 100.0
"""Hz: the harmonics of a voice lie 80 to 300 Hz apart, its resonances some 500 Hz."""
GAIN = 0.5
"""Powers of ten, either way, by which a whole stream is louder or softer."""
WAVES = 8
COLOR = 1.0
"""Powers of ten, either way, of the first cosine of the color; the k-th has the k-th part."""

_AUDIBLE = SILENCE + 1e-3
"""From which on a value is more than digital silence, which rounding may move."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Disguise:
    """What is done to each frame of one stream; as it stands, nothing."""

    warp: tuple[float, float] = (1.0, 1.0)
    """What was heard at f is heard at f × factor: the lowest band's factor and the highest's. Those
    of the bands between lie between, evenly in the logarithm."""
    smoothing: float = 0.0
    """Hz: standard deviation of the Gaussian over the bands' centers."""
    color: tuple[float, ...] = ()
    """Powers of ten: of all bands, then of cosines of ½, 1, 1½ … periods over the bands."""

    @staticmethod
    def drawn(rng: np.random.Generator) -> Disguise:
        """One of many, for one stream."""
        low, high = math.log(WARP[0]), math.log(WARP[1])
        first, last = np.exp(rng.uniform(low, high, 2)).tolist()
        largest = [GAIN, *(COLOR / k for k in range(1, WAVES + 1))]
        color = tuple(float(rng.uniform(-most, most)) for most in largest)
        return Disguise((first, last), SMOOTHING, color)


class Anonymizer:
    """One stream's frames in one disguise. It keeps nothing of the frames."""

    def __init__(self, n_mels: int, disguise: Disguise) -> None:
        centers = band_centers(n_mels)
        self._turned = (_smoothing(centers, disguise.smoothing) @ _warp(centers, disguise.warp)).T
        self._color = _color(n_mels, disguise.color)

    def frames(self, mel: Mel) -> Mel:
        """float32[n, n_mels], raw log10 power, as it came. Digital silence stays what it is."""
        changed = np.maximum(mel.astype(np.float64) @ self._turned + self._color, SILENCE)
        # The color would show in silence, where nothing else hides it.
        changed[(mel < _AUDIBLE).all(axis=1)] = SILENCE
        return changed.astype(np.float32)


def _warp(centers: Matrix, ends: tuple[float, float]) -> Matrix:
    """float64[n, n]: each band of a new frame from the two old ones around its place."""
    n = len(centers)
    bands = np.arange(n)
    factors = np.exp(np.interp(bands, [0, n - 1], np.log(ends)))
    places = np.interp(centers / factors, centers, bands)
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, n - 1)
    matrix = np.zeros((n, n))
    np.add.at(matrix, (bands, low), 1 - (places - low))
    np.add.at(matrix, (bands, high), places - low)
    return matrix


def _smoothing(centers: Matrix, width: float) -> Matrix:
    """float64[n, n]: means over bands, whose weights fall with the distance in Hz."""
    if not width:
        return np.eye(len(centers))
    weights = np.exp(-0.5 * ((centers[:, None] - centers) / width) ** 2)
    means: Matrix = weights / weights.sum(axis=1, keepdims=True)
    return means


def _color(n_mels: int, heights: tuple[float, ...]) -> Matrix:
    """float64[n_mels]."""
    place = np.linspace(0, math.pi, n_mels)
    waves = np.cos(np.outer(np.arange(len(heights)), place))
    return np.asarray(np.asarray(heights) @ waves)

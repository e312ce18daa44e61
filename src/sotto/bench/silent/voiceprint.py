"""A speaker-verification embedding in numpy, learned from nothing but the clips it is given.

Frames are described by cepstra and their slopes (Furui 1981); a mixture of Gaussians over all
speakers says how usual each is (Reynolds, Quatieri and Dunn 2000, "Speaker verification using
adapted Gaussian mixture models"); how a clip's means differ from it, its supervector, is brought
down to the directions that tell speakers apart, and two clips are compared by probabilistic linear
discriminant analysis (Prince and Elder 2007; lengths as in Garcia-Romero and Espy-Wilson 2011).
It works on log-mel, so that it can be taught on images of any form as on sound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel

CEPSTRA = 40
GAUSSIANS = 64
ROUNDS = 8
"""Of expectation and maximization."""
PER_CLIP = 60
"""Frames of each clip that the mixture is learned from."""
RELEVANCE = 16.0
"""Frames that it takes to move a Gaussian's mean halfway."""
DIRECTIONS, TELLING = 200, 100
"""Kept of the supervectors' variance, and of those that tell speakers apart."""
DEPTH = 6.0
"""Powers of ten below a clip's loudest value at which values are cut off."""
SPEECH = 3.0
"""Powers of ten below a clip's loud frames that still count as speech."""
_SLOPE = 2
"""Frames to either side."""
_BLOCK = 20_000

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def describe(mel: Mel, *, centered: bool) -> Floats:
    """float32[k, 2 × CEPSTRA] of the frames with speech in raw log10 power.

    `centered` takes away the clip's mean, and with it the microphone and a part of the voice.
    """
    values = np.maximum(mel, mel.max() - DEPTH).astype(np.float64)
    levels = np.log10(np.power(10.0, values).sum(axis=1))
    cepstra = values @ _cosines(mel.shape[1]).T
    padded = np.pad(cepstra, ((_SLOPE, _SLOPE), (0, 0)), "edge")
    slopes = (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 10
    frames = np.hstack([cepstra, slopes])[levels > np.percentile(levels, 95) - SPEECH]
    if centered:
        frames -= frames.mean(axis=0)
    return np.asarray(frames, np.float32)


def _cosines(n_mels: int) -> Doubles:
    place = (np.arange(n_mels) + 0.5) / n_mels
    waves = np.cos(math.pi * np.outer(np.arange(CEPSTRA), place))
    return np.asarray(waves * math.sqrt(2 / n_mels))


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians with diagonal covariances, over frames that are scaled to unit variance."""

    offset: Floats
    scale: Floats
    means: Floats
    variances: Floats
    weights: Doubles

    @staticmethod
    def learned(frames: Floats, rng: np.random.Generator) -> Mixture:
        """By expectation and maximization, from frames drawn at random."""
        offset, scale = frames.mean(axis=0), frames.std(axis=0) + 1e-6
        frames = (frames - offset) / scale
        count = min(GAUSSIANS, len(frames))
        means = frames[rng.permutation(len(frames))[:count]]
        mixture = Mixture(offset, scale, means, np.ones_like(means), np.full(count, 1 / count))
        for _ in range(ROUNDS):
            mixture = mixture._round(frames)
        return mixture

    def supervector(self, frames: Floats) -> Floats:
        """float32[Gaussians × values]: how far a clip moves each mean, in standard deviations."""
        scaled = (frames - self.offset) / self.scale
        shares = self._shares(scaled)
        counts = shares.sum(axis=0)[:, None]
        moved = (shares.T @ scaled - counts * self.means) / (counts + RELEVANCE)
        weighed = moved * np.sqrt(self.weights[:, None] / self.variances)
        return np.asarray(weighed.ravel(), np.float32)

    def _round(self, frames: Floats) -> Mixture:
        counts = np.zeros(len(self.means))
        sums, squares = np.zeros(self.means.shape), np.zeros(self.means.shape)
        for lo in range(0, len(frames), _BLOCK):
            block = frames[lo : lo + _BLOCK]
            shares = self._shares(block)
            counts += shares.sum(axis=0)
            sums += shares.T @ block
            squares += shares.T @ block**2
        counts = np.maximum(counts, 1e-3)
        means = sums / counts[:, None]
        variances = np.maximum(squares / counts[:, None] - means**2, 1e-2)
        return Mixture(
            self.offset,
            self.scale,
            means.astype(np.float32),
            variances.astype(np.float32),
            counts / counts.sum(),
        )

    def _shares(self, frames: Floats) -> Floats:
        """float32[n, Gaussians]: how probable each Gaussian is for each frame."""
        precision = 1 / self.variances
        far = frames**2 @ precision.T - 2 * frames @ (self.means * precision).T
        far += (self.means**2 * precision).sum(axis=1)
        logs = np.log(self.weights) - 0.5 * (np.log(self.variances).sum(axis=1) + far)
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, eq=False)
class Backend:
    """Supervectors → vectors whose coordinates vary by 1 within a speaker, and how to compare."""

    mean: Floats
    directions: Doubles
    center: Doubles
    telling: Doubles
    between: Doubles
    """Variance of speakers, of each coordinate."""

    @staticmethod
    def learned(vectors: Floats, speakers: Sequence[str]) -> Backend:
        """From clips of several speakers, of some at least two."""
        mean = vectors.mean(axis=0)
        directions = _principal(vectors - mean)
        placed = _even((vectors - mean) @ directions)
        center = placed.mean(axis=0)
        _, label = np.unique(speakers, return_inverse=True)
        counts = np.bincount(label)
        means = np.stack([placed[label == one].mean(axis=0) for one in range(len(counts))])
        rest = placed - means[label]
        within = rest.T @ rest / len(rest)
        within += 1e-3 * np.trace(within) / len(within) * np.eye(len(within))
        telling, between = _discriminant(within, np.cov(means.T))
        # The mean of a few clips still varies by its share of what varies within.
        return Backend(
            mean, directions, center, telling, np.maximum(between - 1 / counts.mean(), 1e-4)
        )

    def placed(self, vectors: Floats) -> Doubles:
        """float64[n, k]."""
        return (_even((vectors - self.mean) @ self.directions) - self.center) @ self.telling

    def compare(self, placed: Doubles) -> Doubles:
        """float64[n, n]: the log-likelihood ratio of one speaker against two, less a constant."""
        total = 1 + self.between
        determinant = total**2 - self.between**2
        alone = (placed**2 * (total / determinant - 1 / total)).sum(axis=1)
        both = (placed * (self.between / determinant)) @ placed.T
        return np.asarray(both - 0.5 * (alone[:, None] + alone))


def _principal(vectors: Floats) -> Doubles:
    """float64[values, DIRECTIONS], so that each coordinate has unit variance."""
    values, turns = np.linalg.eigh((vectors @ vectors.T).astype(np.float64))
    most = min(DIRECTIONS, len(vectors) - 1)
    values, turns = values[::-1][:most], turns[:, ::-1][:, :most]
    values = np.maximum(values, values[0] * 1e-9)
    return np.asarray(vectors.T @ (turns / values * math.sqrt(len(vectors))))


def _even(vectors: Doubles) -> Doubles:
    """Of one length each."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.asarray(vectors / lengths * math.sqrt(vectors.shape[1]))


def _discriminant(within: Doubles, between: Doubles) -> tuple[Doubles, Doubles]:
    """The directions in which `within` is 1, and how `between` varies along them."""
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    values, turns = np.linalg.eigh(inverse @ between @ inverse.T)
    most = min(TELLING, len(values))
    return (turns[:, ::-1][:, :most].T @ inverse).T, values[::-1][:most]


@dataclass(frozen=True, eq=False)
class Voiceprint:
    """A system that was taught, ready to compare clips."""

    mixture: Mixture
    backend: Backend
    centered: bool

    @staticmethod
    def taught(mels: Iterable[Mel], speakers: Sequence[str], *, centered: bool) -> Voiceprint:
        """From clips with their speakers, each of which is looked at once."""
        rng = np.random.default_rng(0)
        frames = [describe(mel, centered=centered) for mel in mels]
        some = [one[rng.permutation(len(one))[:PER_CLIP]] for one in frames]
        mixture = Mixture.learned(np.concatenate(some), rng)
        vectors = np.stack([mixture.supervector(one) for one in frames])
        return Voiceprint(mixture, Backend.learned(vectors, speakers), centered)

    def scores(self, mels: Sequence[Mel]) -> Doubles:
        """float64[n, n]: how much each two clips sound like one speaker."""
        frames = (describe(mel, centered=self.centered) for mel in mels)
        vectors = np.stack([self.mixture.supervector(one) for one in frames])
        return self.backend.compare(self.backend.placed(vectors))

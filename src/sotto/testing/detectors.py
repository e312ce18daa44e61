"""Detectors whose answers can be told from the sound by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sotto.audio.chunk import Speech
from sotto.audio.format import HOP, Samples
from sotto.interfaces.detector import Detector


class Loudness:
    """Makes detectors that take everything loud for speech: 1.0 where a frame is, else 0.0."""

    def __init__(self, threshold: float = 0.01) -> None:
        self.threshold = threshold
        """Root mean square of a frame's 160 samples from which on it is speech."""

    def __call__(self) -> LoudnessDetector:
        """A detector at the start of a stream."""
        return LoudnessDetector(self.threshold)

    def receive_all(self, detectors: Sequence[Detector], pieces: Sequence[Samples]) -> list[Speech]:
        """One after the other: nothing would be gained together."""
        return [each.receive(piece) for each, piece in zip(detectors, pieces, strict=True)]


class LoudnessDetector:
    """One stream's state. It holds back less than one frame."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._rest = np.empty(0, np.float32)

    def receive(self, samples: Samples) -> Speech:
        """One value for each frame that is complete."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) - len(samples) % HOP
        self._rest = samples[whole:].copy()
        power = np.mean(samples[:whole].reshape(-1, HOP) ** 2, axis=1)
        speech: Speech = (np.sqrt(power) >= self._threshold).astype(np.float32)
        return speech

    def finish(self) -> Speech:
        """Nothing: what is left is no whole frame."""
        return np.empty(0, np.float32)

"""Voice activity: samples in, probability of speech out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sotto.audio.chunk import Speech
from sotto.audio.format import Samples


class Detector(Protocol):
    """Listens to one stream; it keeps that stream's state."""

    def receive(self, samples: Samples) -> Speech:
        """Probabilities for the frames (10 ms each) that became decidable, in order.

        Takes float32[n] at 16 kHz, any n. Over a whole stream it gives one value for each
        10 ms, however the stream is cut.
        """
        ...

    def finish(self) -> Speech:
        """The probabilities that were still open, once the stream is over."""
        ...


class DetectorFactory(Protocol):
    """Makes a detector for each stream; holds the loaded model that they share."""

    def __call__(self) -> Detector:
        """A detector at the start of a stream."""
        ...

    def receive_all(self, detectors: Sequence[Detector], pieces: Sequence[Samples]) -> list[Speech]:
        """`receive` of several detectors that it made, each its own piece; no detector twice.

        What each says does not depend on the others.
        """
        ...

"""When sound came in: frames → clock time."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from sotto.clock import Clock

KEPT = 1_000
"""Pieces of sound of which it is known; as 20 ms each they are 20 s."""


class Arrivals:
    """Of the newest sound."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._came: deque[tuple[int, float]] = deque(maxlen=KEPT)

    def note(self, frame: int) -> None:
        """Sound up to that frame came now."""
        if not self._came or frame > self._came[-1][0]:
            self._came.append((frame, self._clock.monotonic()))

    def of(self, frame: int) -> float:
        """When the sound before that frame was there; now, where it is still to come."""
        at = bisect_left(self._came, frame, key=lambda pair: pair[0])
        return self._came[at][1] if at < len(self._came) else self._clock.monotonic()

"""When a lost connection is tried again, and when it is given up. No clock: times are told."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

LASTING = 10.0
"""Seconds that a stream lasts whose end is a new trouble, and not the same again."""
LONGEST = 600.0
"""Seconds that a server may ask to be waited for."""


@dataclass(frozen=True)
class Patience:
    """How long a client goes on trying, and waits for the program's sound."""

    tries: int = 10
    """In a row without a final, after a connection was lost; 0: none."""
    opening: int = 0
    """The same, before a stream that was put off (`retryable` errors) has begun at all."""
    waits: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
    """Seconds before each try; the last one holds for all that follow."""
    spread: float = 0.3
    """Added to each wait at random, up to this part of it, so that not all clients of a server
    come back at once."""
    pause: float | None = 2.0
    """Seconds without sound of the program, after which the open utterance ends; None: it stays
    open. The server could not know whether the program pauses or the line, and waits longer."""

    def wait(
        self, tried: int, retry_after: float | None, chance: Callable[[], float] = random.random
    ) -> float:
        """Seconds before the next try; what the server asks for is the least."""
        own = self.waits[min(tried, len(self.waits) - 1)]
        least = min(retry_after or 0.0, LONGEST)
        return max(own, least) * (1 + self.spread * chance())


class Tries:
    """Of one run."""

    def __init__(self, patience: Patience, chance: Callable[[], float] = random.random) -> None:
        self._patience = patience
        self._chance = chance
        self._tried = 0

    def progress(self) -> None:
        """Something was achieved: the next trouble is a new one."""
        self._tried = 0

    def next(self, *, lasted: float, retry_after: float | None) -> float | None:
        """Seconds before the next try; None: no more. `lasted`: seconds that the stream did."""
        if lasted >= LASTING:
            self._tried = 0
        if self._tried >= self._patience.tries:
            return None
        wait = self._patience.wait(self._tried, retry_after, self._chance)
        self._tried += 1
        return wait

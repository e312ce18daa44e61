"""Which windows are in, and which row of the cache each of them has. Pure: no torch, no clock.

Rows that are in use are always the first ones, so that a step reads the caches as they lie: who
leaves gives its row to one of the last.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sotto.errors import Overloaded
from sotto.interfaces.engine import DecodeJob, Priority

KEPT = 4
"""One of so many rows is kept for live speech: files alone cannot take all of them."""
PATIENCE = 32
"""Steps after which a window that was passed over counts as one priority better."""


@dataclass(eq=False)
class Sequence:
    """One window on its way."""

    job: DecodeJob
    language: str = ""
    language_probability: float = 1.0
    no_speech_prob: float = 0.0
    passed: int = 0
    """Steps that began others instead."""

    @property
    def urgency(self) -> int:
        """The smaller, the sooner."""
        return max(self.job.priority - self.passed // PATIENCE, 0)


@dataclass(frozen=True)
class Move:
    """What a row holds is to be copied to another."""

    source: int
    target: int


class Scheduler:
    """Who runs with the next step."""

    def __init__(self, slots: int) -> None:
        """`slots`: rows that there are."""
        if slots < 1:
            raise ValueError(f"expected 1 row or more, got {slots}")
        self.slots = slots
        self._arrived: list[Sequence] = []
        self._live: list[Sequence] = []
        """By row."""

    def __len__(self) -> int:
        return len(self._arrived) + len(self._live)

    @property
    def live(self) -> tuple[Sequence, ...]:
        """Those that have begun, by row."""
        return tuple(self._live)

    def takes(self, priority: Priority) -> bool:
        """Whether one more of that priority may join."""
        kept = self.slots // KEPT if priority is Priority.FILE else 0
        return len(self) < self.slots - kept

    def join(self, job: DecodeJob) -> Sequence:
        """Have a window begin as soon as its turn comes. Raises Overloaded."""
        if not self.takes(job.priority):
            raise Overloaded(f"expected at most {self.slots} windows at once, got one more")
        sequence = Sequence(job)
        self._arrived.append(sequence)
        return sequence

    def next(self, budget: int) -> list[Sequence]:
        """Those that begin now, in order of urgency and then of arrival.

        They have no more than `budget` frames together, but for the first: what is encoded keeps
        all others waiting.
        """
        order = sorted(self._arrived, key=lambda one: one.urgency)
        count = 0
        for sequence in order:
            budget -= len(sequence.job.mel)
            if count and budget < 0:
                break
            count += 1
        for sequence in order[count:]:
            sequence.passed += 1
        return order[:count]

    def begin(self, chosen: list[Sequence]) -> range:
        """Give them rows, in this order; which those are."""
        first = len(self._live)
        for sequence in chosen:
            self._arrived.remove(sequence)
            self._live.append(sequence)
        return range(first, len(self._live))

    def leave(self, jobs: Collection[DecodeJob]) -> list[Move]:
        """Forget windows, wherever they are; what has to be copied for that, in any order."""
        self._arrived = [one for one in self._arrived if one.job not in jobs]
        stay = [row for row, one in enumerate(self._live) if one.job not in jobs]
        count = len(stay)
        free = sorted(set(range(count)) - set(stay))
        moves = [Move(*pair) for pair in zip(stay[count - len(free) :], free, strict=True)]
        for move in moves:
            self._live[move.target] = self._live[move.source]
        del self._live[count:]
        return moves

    def clear(self) -> None:
        """Forget all."""
        self._arrived.clear()
        self._live.clear()

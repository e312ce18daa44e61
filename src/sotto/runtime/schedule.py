"""Which jobs run next. Pure: no threads, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sotto.errors import Overloaded
from sotto.interfaces.engine import BUCKET, DecodeJob, Priority

PATIENCE = 32
"""Batches after which a job that was passed over counts as one priority better."""

SLACK = 128
"""Frames by which windows of one batch may differ, beyond a quarter of their length."""

T = TypeVar("T")


@dataclass(eq=False)
class Waiting(Generic[T]):
    """A job in the queue, and whatever its owner knows it by."""

    job: DecodeJob
    owner: T
    passed: int = field(default=0)
    """Batches that went without it."""

    @property
    def urgency(self) -> int:
        """The smaller, the sooner; jobs that are passed over gain."""
        return max(self.job.priority - self.passed // PATIENCE, 0)


class Schedule(Generic[T]):
    """A bounded queue that gives batches: priority first, then order of arrival."""

    def __init__(self, *, max_batch: int, limit: int, exact: bool) -> None:
        self.max_batch = max_batch
        self.limit = limit
        self.exact = exact
        """Whether only windows of one padded length share a batch."""
        self._waiting: list[Waiting[T]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether only finals are taken."""
        return len(self._waiting) >= self.limit

    def put(self, job: DecodeJob, owner: T) -> Waiting[T]:
        """Queue a job. Raises Overloaded where the queue is full, but never for a final."""
        if self.is_full and job.priority is not Priority.FINAL:
            raise Overloaded(f"expected fewer than {self.limit} waiting jobs, got one more")
        waiting = Waiting(job, owner)
        self._waiting.append(waiting)
        return waiting

    def withdraw(self, waiting: Waiting[T]) -> bool:
        """Take a job back; False where it is not in the queue any more."""
        if waiting not in self._waiting:
            return False
        self._waiting.remove(waiting)
        return True

    def take(self) -> list[Waiting[T]]:
        """The next batch: the most urgent job, and those like it in length; empty if none waits."""
        order = sorted(self._waiting, key=lambda waiting: waiting.urgency)
        if not order:
            return []
        alike = [waiting for waiting in order if self._fits(order[0].job, waiting.job)]
        batch = alike[: self.max_batch]
        chosen = set(map(id, batch))
        self._waiting = [waiting for waiting in self._waiting if id(waiting) not in chosen]
        for waiting in self._waiting:
            waiting.passed += 1
        return batch

    def _fits(self, first: DecodeJob, other: DecodeJob) -> bool:
        a, b = len(first.mel), len(other.mel)
        if self.exact:
            return -(-a // BUCKET) == -(-b // BUCKET)
        return abs(a - b) <= max(a, b) // 4 + SLACK

"""Which jobs run next. Pure: no threads, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
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
    number: int
    """In order of arrival."""
    before: float
    """Batches that went before it came; each of n jobs that go one by one is 1/n of one."""


class Schedule(Generic[T]):
    """A bounded queue that gives batches, or one job after the other: priority first, then order of
    arrival."""

    def __init__(self, *, max_batch: int, limit: int, exact: bool) -> None:
        self.max_batch = max_batch
        self.limit = limit
        self.exact = exact
        """Whether only windows of one padded length share a batch."""
        self._waiting: dict[Priority, list[Waiting[T]]] = {each: [] for each in Priority}
        """Of each priority, in order of arrival: so the first is the most urgent of them."""
        self._arrived = 0
        self._gone = 0.0
        """Batches."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def is_full(self) -> bool:
        """Whether only finals are taken."""
        return len(self) >= self.limit

    def put(self, job: DecodeJob, owner: T) -> Waiting[T]:
        """Queue a job. Raises Overloaded where the queue is full, but never for a final."""
        if self.is_full and job.priority is not Priority.FINAL:
            raise Overloaded(f"expected fewer than {self.limit} waiting jobs, got one more")
        waiting = Waiting(job, owner, self._arrived, self._gone)
        self._arrived += 1
        self._waiting[job.priority].append(waiting)
        return waiting

    def withdraw(self, waiting: Waiting[T]) -> bool:
        """Take a job back; False where it is not in the queue any more."""
        alike = self._waiting[waiting.job.priority]
        if waiting not in alike:
            return False
        alike.remove(waiting)
        return True

    def take(self) -> list[Waiting[T]]:
        """The next batch: the most urgent job, and those like it in length; empty if none waits."""
        order = sorted(chain.from_iterable(self._waiting.values()), key=self._place)
        if not order:
            return []
        alike = [waiting for waiting in order if self._fits(order[0].job, waiting.job)]
        batch = alike[: self.max_batch]
        for waiting in batch:
            self._waiting[waiting.job.priority].remove(waiting)
        self._gone += 1
        return batch

    def pop(self, fits: Callable[[DecodeJob], bool], *, among: int) -> Waiting[T] | None:
        """The most urgent job, if it fits; nobody passes it if not. None too if none waits.

        `among`: how many are decoded at once with it, by which those that it passes over age.
        """
        first = min(
            (each[0] for each in self._waiting.values() if each), key=self._place, default=None
        )
        if first is None or not fits(first.job):
            return None
        self._waiting[first.job.priority].remove(first)
        self._gone += 1 / among
        return first

    def restore(self, waiting: Waiting[T]) -> None:
        """Take back what `pop` gave: nothing has passed it meanwhile."""
        self._waiting[waiting.job.priority].insert(0, waiting)

    def _place(self, waiting: Waiting[T]) -> tuple[int, int]:
        """The smaller, the sooner; jobs that are passed over gain."""
        passed = int((self._gone - waiting.before) // PATIENCE)
        return max(waiting.job.priority - passed, 0), waiting.number

    def _fits(self, first: DecodeJob, other: DecodeJob) -> bool:
        a, b = len(first.mel), len(other.mel)
        if self.exact:
            return -(-a // BUCKET) == -(-b // BUCKET)
        return abs(a - b) <= max(a, b) // 4 + SLACK

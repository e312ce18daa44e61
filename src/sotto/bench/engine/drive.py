"""So many windows at once through an engine, whichever way it takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sotto.clock import Clock
from sotto.errors import EngineFailed
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Engine, Hypothesis

END = 1
"""Token that ends each window, and is decoded as the others are."""


@dataclass(frozen=True)
class Run:
    """What some windows took."""

    seconds: float
    tokens: tuple[int, ...]
    """That were decoded of each window, in order, their end tokens included."""
    most: int
    """Windows that were in the engine at once."""


def run(engine: Engine, jobs: Sequence[DecodeJob], at_once: int, clock: Clock) -> Run:
    """All jobs, at most so many at once. Raises EngineFailed.

    An engine of batches is given one after the other, each of so many; to one that others may join
    at each step, the next comes as soon as one has left.
    """
    began = clock.monotonic()
    if isinstance(engine, ContinuousEngine):
        heard, most = _joined(engine, jobs, at_once)
    else:
        heard, most = _in_batches(engine, jobs, at_once), min(at_once, len(jobs))
    return Run(clock.monotonic() - began, tuple(map(_tokens, heard)), most)


def _in_batches(engine: Engine, jobs: Sequence[DecodeJob], at_once: int) -> list[Hypothesis]:
    return [
        hypothesis
        for first in range(0, len(jobs), at_once)
        for hypothesis in engine.decode(jobs[first : first + at_once])
    ]


def _joined(
    engine: ContinuousEngine, jobs: Sequence[DecodeJob], at_once: int
) -> tuple[list[Hypothesis], int]:
    waiting, heard = deque(jobs), dict[int, Hypothesis]()
    inside = most = 0
    while waiting or inside:
        while waiting and inside < at_once and engine.takes(waiting[0].priority):
            engine.join(waiting.popleft())
            inside += 1
        if not inside:
            raise EngineFailed("expected room for a window, got none")
        most = max(most, inside)
        for job, hypothesis in engine.step():
            heard[job.id] = hypothesis
            inside -= 1
    return [heard[job.id] for job in jobs], most


def _tokens(hypothesis: Hypothesis) -> int:
    return sum(len(word.tokens) for word in hypothesis.tail) + END

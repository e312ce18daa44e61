"""An engine that tells which jobs it begins: nobody else sees when one leaves the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from sotto.interfaces.engine import (
    ContinuousEngine,
    DecodeJob,
    Engine,
    Hypothesis,
    Priority,
    Traits,
)

Announce: TypeAlias = Callable[[Sequence[DecodeJob]], None]
"""Called in the engine's thread."""


def announcing(engine: Engine, announce: Announce) -> Engine:
    """The same engine, of the same kind."""
    if isinstance(engine, ContinuousEngine):
        return _Joined(engine, announce)
    return _Batches(engine, announce)


class _Batches:
    def __init__(self, engine: Engine, announce: Announce) -> None:
        self._engine = engine
        self._announce = announce

    @property
    def traits(self) -> Traits:
        return self._engine.traits

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self._announce(jobs)
        return self._engine.decode(jobs)

    def close(self) -> None:
        self._engine.close()


class _Joined(_Batches):
    def __init__(self, engine: ContinuousEngine, announce: Announce) -> None:
        super().__init__(engine, announce)
        self._joined = engine

    def takes(self, priority: Priority) -> bool:
        return self._joined.takes(priority)

    def join(self, job: DecodeJob) -> None:
        self._joined.join(job)
        self._announce([job])

    def leave(self, job: DecodeJob) -> None:
        self._joined.leave(job)

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        return self._joined.step()

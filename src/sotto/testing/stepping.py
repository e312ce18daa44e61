"""An engine that jobs join and leave at every step, and that hears what an OracleEngine hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sotto.errors import EngineFailed, Overloaded
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority, Traits
from sotto.testing.engines import OracleEngine


@dataclass
class _Way:
    """Of one job to its end."""

    leads_to: Hypothesis | None
    """None: to a step that breaks."""
    steps: int = 0


class SteppingEngine:
    """Hears a word at each step. One of its slots is kept for live speech."""

    def __init__(self, slots: int = 4, engine: OracleEngine | None = None) -> None:
        """`engine`: what it hears; by default as an OracleEngine comes."""
        if slots < 2:
            raise ValueError(f"expected 2 slots or more, got {slots}")
        self.slots = slots
        self.engine = engine or OracleEngine()
        self.steps: list[tuple[DecodeJob, ...]] = []
        """Who was in at each step."""
        self._in: dict[DecodeJob, _Way] = {}

    @property
    def traits(self) -> Traits:
        """Those of the engine within."""
        return self.engine.traits

    @property
    def inside(self) -> tuple[DecodeJob, ...]:
        """Who is in, in order of joining."""
        return tuple(self._in)

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """As the engine within; not while a job is in."""
        assert not self._in, f"expected no job in the engine, got {len(self._in)}"
        return self.engine.decode(jobs)

    def takes(self, priority: Priority) -> bool:
        """Files leave one slot free."""
        return len(self._in) < self.slots - (priority is Priority.FILE)

    def join(self, job: DecodeJob) -> None:
        """Take it in. Raises Overloaded, and what `decode` does but for sound that is `broken`."""
        if not self.takes(job.priority):
            raise Overloaded(f"expected fewer than {self.slots} jobs, got one more")
        is_broken = not np.isfinite(job.mel).all()
        self._in[job] = _Way(None if is_broken else self.engine.decode([job])[0])

    def leave(self, job: DecodeJob) -> None:
        """Forget it."""
        self._in.pop(job, None)

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        """A word more of each; those that have no more. Raises EngineFailed on `broken` sound."""
        self.steps.append(self.inside)
        done = []
        for job, way in tuple(self._in.items()):
            if way.leads_to is None:
                self._in.clear()
                raise EngineFailed("expected finite mel, got NaN")
            way.steps += 1
            if way.steps >= len(way.leads_to.tail):
                done.append((job, way.leads_to))
        for job, _ in done:
            del self._in[job]
        return done

    def close(self) -> None:
        """Refuse to decode from now on."""
        self.engine.close()

"""An engine whose steps a test takes one by one."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import ClassVar

from sotto.clock import SystemClock
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Hypothesis, Priority
from sotto.runtime.batcher import Ticket
from sotto.runtime.continuous import Continuous
from sotto.runtime.metrics import Metrics
from sotto.runtime.schedule import Schedule
from sotto.runtime.tracing import Tracing
from sotto.testing.engines import VOCABULARY, broken, speak
from sotto.testing.stepping import SteppingEngine
from sotto.transcript.options import DecodeOptions

PATIENCE = 60
"""Seconds after which a test is stuck."""


class Stepped(SteppingEngine):
    """Takes a step only once the test lets it."""

    def __init__(self, slots: int = 4) -> None:
        super().__init__(slots)
        self.joined: list[int] = []
        """Ids, in order."""
        self.threads: set[int] = set()
        self._came = threading.Semaphore(0)
        self._go = threading.Semaphore(0)
        self._free = False

    async def comes(self) -> tuple[int, ...]:
        """Once it is about to take a step that was not waited for before: who is in."""
        assert await asyncio.to_thread(self._came.acquire, timeout=PATIENCE)
        return tuple(job.id for job in self.inside)

    async def goes_on(self) -> tuple[int, ...]:
        """Let it take the step; who is in before the next."""
        self._go.release()
        return await self.comes()

    def runs(self) -> None:
        """Let it take all steps from now on."""
        self._free = True
        self._go.release()

    def join(self, job: DecodeJob) -> None:
        self.threads.add(threading.get_ident())
        super().join(job)
        self.joined.append(job.id)

    def leave(self, job: DecodeJob) -> None:
        self.threads.add(threading.get_ident())
        super().leave(job)

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        self.threads.add(threading.get_ident())
        self._came.release()
        assert self._free or self._go.acquire(timeout=PATIENCE)
        return super().step()

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        super().close()


def server(
    engine: ContinuousEngine,
    *,
    limit: int = 10,
    metrics: Metrics | None = None,
    tracing: Tracing | None = None,
) -> Continuous:
    queue = Schedule[Ticket](max_batch=1, limit=limit, exact=True)
    return Continuous("oracle", engine, queue, SystemClock(), metrics or Metrics(), tracing)


def job(
    number: int,
    words: int = 3,
    priority: Priority = Priority.PARTIAL,
    *,
    language: str | None = None,
) -> DecodeJob:
    """One that takes as many steps as words."""
    spoken = [(VOCABULARY[place], 10 + place * 40, 40 + place * 40) for place in range(words)]
    mel = speak(spoken, 16 + words * 40).mel
    return DecodeJob(number, mel, DecodeOptions(), priority, language)


def bad(number: int) -> DecodeJob:
    """One on which its step breaks."""
    return DecodeJob(number, broken(96).mel, DecodeOptions(), Priority.PARTIAL)


class Plug:
    """What the table of plug-ins names where a test wants such an engine."""

    @classmethod
    def load(cls, folder: Path, **given: object) -> SteppingEngine:
        engine = SteppingEngine()
        cls.given = {"folder": folder, **given}
        return engine

    given: ClassVar[dict[str, object]] = {}
    """What the last one was loaded with."""

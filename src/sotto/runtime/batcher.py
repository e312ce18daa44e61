"""One engine, many sessions: while one batch runs, the next one fills.

An engine that jobs join at any step has another driver: `runtime/continuous.py`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sotto.clock import Clock
from sotto.errors import SottoError
from sotto.interfaces.engine import DecodeJob, Engine, Hypothesis, Traits
from sotto.runtime.attempt import attempt
from sotto.runtime.metrics import Metrics
from sotto.runtime.schedule import Schedule, Waiting
from sotto.runtime.tracing import BatchRun, BatchTrace, Mark, Tracing


@dataclass(eq=False)
class Ticket:
    """A job that was handed in."""

    result: asyncio.Future[Hypothesis]
    """Raises what the engine raised; cancelled where the job was withdrawn. Whoever cancels it has
    no use for it any more: an engine that can, leaves the job undone."""
    since: float
    """Clock time of handing in."""
    mark: Mark = None
    """Of the job in its own trace; whoever handed it in sets it before anything else runs."""
    run: BatchRun | None = None
    """The last batch in which it ran; None while it has not."""
    place: Waiting[Ticket] | None = field(default=None, repr=False)


class Recognizer(Protocol):
    """What decodes jobs for sessions: by an engine of this process, or of another."""

    @property
    def traits(self) -> Traits:
        """What the model is."""
        ...

    def submit(self, job: DecodeJob) -> Ticket:
        """Hand in a job. Raises Overloaded."""
        ...

    def withdraw(self, ticket: Ticket) -> bool:
        """Take a job back; False where it has begun, and then it goes on.

        Whoever has no use for that cancels its result.
        """
        ...

    async def room(self) -> None:
        """Return once a job that nobody waits for would be taken."""
        ...

    def close(self) -> None:
        """Free the engine after what it is doing now; jobs that wait are cancelled."""
        ...


class Batcher:
    """Runs one engine in a thread of its own."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        schedule: Schedule[Ticket],
        clock: Clock,
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        self._name = name
        self._engine = engine
        self._schedule = schedule
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing or Tracing()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"engine-{name}")
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._loop: asyncio.Task[None] | None = None

    @property
    def traits(self) -> Traits:
        """What the engine's checkpoint is."""
        return self._engine.traits

    def submit(self, job: DecodeJob) -> Ticket:
        """Hand in a job. Raises Overloaded where the queue is full."""
        if self._loop is None:
            # A context of its own: it outlives the stream that came first.
            running = asyncio.get_running_loop().create_task(self._run(), context=Context())
            self._loop = running
        ticket = Ticket(asyncio.get_running_loop().create_future(), self._clock.monotonic())
        ticket.place = self._schedule.put(job, ticket)
        self._note()
        self._wake.set()
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Take a job back; False where it has begun."""
        if ticket.place is None or not self._schedule.withdraw(ticket.place):
            return False
        self._count(ticket.place.job, "withdrawn")
        ticket.result.cancel()
        self._note()
        return True

    async def room(self) -> None:
        """Return once the queue is not full."""
        await self._room.wait()

    def close(self) -> None:
        """Jobs that wait are cancelled; the engine is freed after the batch that runs."""
        if self._loop is not None:
            self._loop.cancel()
        for batch in iter(self._schedule.take, []):
            for waiting in batch:
                waiting.owner.result.cancel()
        self._thread.submit(self._engine.close)
        self._thread.shutdown(wait=False)

    def _note(self) -> None:
        self._metrics.queue.labels(self._name).set(len(self._schedule))
        (self._room.clear if self._schedule.is_full else self._room.set)()

    def _count(self, job: DecodeJob, outcome: str) -> None:
        self._metrics.jobs.labels(self._name, job.priority.name.lower(), outcome).inc()

    async def _run(self) -> None:
        while True:
            batch = self._schedule.take()
            if batch:
                self._note()
                await self._decode(batch)
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _decode(self, batch: list[Waiting[Ticket]]) -> None:
        started = self._clock.monotonic()
        for waiting in batch:
            waited = started - waiting.owner.since
            labels = (self._name, waiting.job.priority.name.lower())
            self._metrics.queue_seconds.labels(*labels).observe(waited)
        self._metrics.batch_size.labels(self._name).observe(len(batch))
        marks = [(waiting.job, waiting.owner.mark) for waiting in batch]
        trace = self._tracing.batch(self._name, marks)
        heard = await self._call([waiting.job for waiting in batch])
        if isinstance(heard, SottoError):
            self._note_run(batch, started, trace, error=heard.code)
            await self._fail(batch, heard)
        else:
            self._note_run(batch, started, trace)
            for waiting, hypothesis in zip(batch, heard, strict=True):
                self._count(waiting.job, "done")
                if not waiting.owner.result.done():
                    waiting.owner.result.set_result(hypothesis)
        took = self._clock.monotonic() - started
        self._metrics.decode_seconds.labels(self._name).observe(took)

    def _note_run(
        self, batch: list[Waiting[Ticket]], began: float, trace: BatchTrace, *, error: str = ""
    ) -> None:
        trace.end(error=error)
        run = BatchRun(began, self._clock.monotonic(), len(batch), trace.mark)
        for waiting in batch:
            waiting.owner.run = run

    async def _call(self, jobs: list[DecodeJob]) -> list[Hypothesis] | SottoError:
        loop = asyncio.get_running_loop()
        decode = partial(attempt, self._name, self._engine.decode, jobs)
        return await loop.run_in_executor(self._thread, decode)

    async def _fail(self, batch: list[Waiting[Ticket]], error: SottoError) -> None:
        """One job's fault is its own: the others of its batch are decoded one by one."""
        if len(batch) > 1:
            for waiting in batch:
                await self._decode([waiting])
            return
        self._count(batch[0].job, "failed")
        if not batch[0].owner.result.done():
            batch[0].owner.result.set_exception(error)

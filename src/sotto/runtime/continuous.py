"""One engine, many sessions: jobs join it and leave it between any two of its steps."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sotto.clock import Clock
from sotto.errors import SottoError
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Traits
from sotto.runtime.batcher import Ticket
from sotto.runtime.metrics import Metrics
from sotto.runtime.rounds import Begun, Desk, Job, News, Outcome, Rounds
from sotto.runtime.schedule import Schedule
from sotto.runtime.tracing import BatchRun, BatchTrace, Tracing


class Continuous:
    """Runs one engine in a thread of its own. Lives in one event loop."""

    def __init__(
        self,
        name: str,
        engine: ContinuousEngine,
        schedule: Schedule[Ticket],
        clock: Clock,
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        """Of the schedule only `limit` counts: how many are in at once is the engine's to say."""
        self._name = name
        self._engine = engine
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing or Tracing()
        self._desk = Desk(schedule)
        self._rounds = Rounds(name, engine, self._desk, clock, self._tell, self._measure)
        # The process may end: it waits for a round, and not for a thread that sleeps.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"engine-{name}")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._out: set[Ticket] = set()
        """Those that have no result yet."""
        self._runs: dict[Ticket, tuple[Begun, BatchTrace]] = {}
        """Of those that are in."""

    @property
    def traits(self) -> Traits:
        """What the engine's checkpoint is."""
        return self._engine.traits

    def submit(self, job: DecodeJob) -> Ticket:
        """Hand in a job. Raises Overloaded where the queue is full.

        It leaves the engine at the next step once its result is cancelled.
        """
        self._loop = asyncio.get_running_loop()
        ticket = Ticket(self._loop.create_future(), self._clock.monotonic())
        ticket.place = self._desk.put(job, ticket)
        ticket.result.add_done_callback(lambda _: self._settled(ticket))
        self._out.add(ticket)
        self._note()
        self._wake()
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """Take a job back; False where it has begun."""
        if ticket.place is None or not self._desk.withdraw(ticket.place):
            return False
        self._end(ticket.place, None)
        self._note()
        return True

    async def room(self) -> None:
        """Return once the queue is not full."""
        await self._room.wait()

    def close(self) -> None:
        """Free the engine after the step that runs; jobs that wait, or are in, are cancelled."""
        self._desk.close()
        for ticket in tuple(self._out):
            if ticket.place is not None:
                self._end(ticket.place, None)
        self._room.set()
        self._thread.submit(self._rounds.free)
        self._thread.shutdown(wait=False)

    def _wake(self) -> None:
        if self._desk.wakes():
            self._thread.submit(self._rounds.go_on)

    def _settled(self, ticket: Ticket) -> None:
        """Where nobody waits for a job any more, its room is another's."""
        if ticket not in self._out or ticket.place is None or self.withdraw(ticket):
            return
        self._desk.disown(ticket.place)
        self._wake()

    def _note(self) -> None:
        waiting, is_full = self._desk.state()
        self._metrics.queue.labels(self._name).set(waiting)
        (self._room.clear if is_full else self._room.set)()

    def _hear(self, news: News) -> None:
        """What the thread did, as the event loop has it."""
        for begun in news.begun:
            self._begin(begun)
        for job, outcome in news.ended:
            self._end(job, outcome)
        self._note()

    def _begin(self, begun: Begun) -> None:
        job, ticket = begun.job.job, begun.job.owner
        if ticket not in self._out:
            return
        labels = (self._name, job.priority.name.lower())
        self._metrics.queue_seconds.labels(*labels).observe(begun.at - ticket.since)
        trace = self._tracing.batch(self._name, [(job, ticket.mark)])
        self._runs[ticket] = begun, trace

    def _end(self, job: Job, outcome: Outcome) -> None:
        ticket = job.owner
        if ticket not in self._out:
            return
        self._out.remove(ticket)
        self._end_run(ticket, outcome)
        what = "done"
        if outcome is None:
            what = "withdrawn"
            ticket.result.cancel()
        elif isinstance(outcome, SottoError):
            what = "failed"
            if not ticket.result.done():
                ticket.result.set_exception(outcome)
        elif not ticket.result.done():
            ticket.result.set_result(outcome)
        self._metrics.jobs.labels(self._name, job.job.priority.name.lower(), what).inc()

    def _end_run(self, ticket: Ticket, outcome: Outcome) -> None:
        if ticket not in self._runs:
            return
        begun, trace = self._runs.pop(ticket)
        trace.end(error=outcome.code if isinstance(outcome, SottoError) else "")
        if outcome is not None:
            ended = self._clock.monotonic()
            ticket.run = BatchRun(begun.at, ended, begun.among, trace.mark)

    # In the thread.

    def _tell(self, news: News) -> None:
        assert self._loop is not None, "expected a job before news of one"
        try:
            self._loop.call_soon_threadsafe(self._hear, news)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._desk.close()

    def _measure(self, among: int, took: float) -> None:
        self._metrics.batch_size.labels(self._name).observe(among)
        self._metrics.decode_seconds.labels(self._name).observe(took)

"""The driver: one session from its first frame to its last event. Start reading here.

`run_session` takes what was heard, gives it to the session, does what the session asks for
(tell the listener, decode a job), and comes back when all is said and stored.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from sotto.audio.chunk import MelChunk
from sotto.audio.format import seconds
from sotto.errors import (
    CallerError,
    Draining,
    EngineFailed,
    Gone,
    Overloaded,
    RateLimited,
    SottoError,
    Superseded,
)
from sotto.interfaces.engine import DecodeJob, Hypothesis
from sotto.runtime.batcher import Recognizer, Ticket
from sotto.runtime.keeping import Keeper, Keeping
from sotto.runtime.metrics import Metrics
from sotto.runtime.observing import Watch
from sotto.runtime.tracing import Look
from sotto.streaming.actions import Action, Decode, Emit
from sotto.streaming.session import Session
from sotto.transcript.events import (
    Acknowledged,
    Committed,
    Event,
    Final,
    Partial,
    SpeechEnded,
    SpeechStarted,
)
from sotto.transcript.later import later, later_segment

Listener: TypeAlias = Callable[[Event], Awaitable[None]]
"""Told each event in order.

It raises Gone or TooSlow where telling is no use any more, and sees to it that the sound ends too.
"""

MAX_OUTBOX = 1_000
"""Events that wait for a slow listener before no more sound is taken."""
LEAVING = (Gone, Superseded, Draining, RateLimited)
"""Why a client that comes back takes its open utterance to another stream."""
ATTEMPTS = 2
"""Times that a job is tried where the engine broke."""


@dataclass(frozen=True)
class Flush:
    """End the open utterance here; sound may follow."""


Heard: TypeAlias = MelChunk | Flush


@dataclass(frozen=True)
class Surroundings:
    """What a session needs of the server."""

    recognizer: Recognizer
    metrics: Metrics
    keeping: Keeping | None = None
    """None: nothing is kept, and nothing acknowledged."""
    origin: int = 0
    """The frame of the listener's clock, and of what is kept, that is the session's first."""
    kind: str = "live"
    """For the metrics: live or file."""
    watch: Watch = field(default_factory=Watch)


async def run_session(
    session: Session, heard: AsyncIterator[Heard], listener: Listener, around: Surroundings
) -> None:
    """Run a session to its end.

    Raises what ended it early: a CallerError of `heard` or of the listener (all that came
    before is decoded and stored all the same), or a ServerError.
    """
    driver = _Driver(session, listener, around)
    try:
        async with asyncio.TaskGroup() as tasks:
            await driver.run(heard, tasks)
    except ExceptionGroup as group:
        raise _first(group) from group
    if driver.failure is not None:
        raise driver.failure


@dataclass(eq=False)
class _Out:
    """A job that is out."""

    job: DecodeJob
    look: Look
    ticket: Ticket | None = None
    """None: the queue has no room for it yet."""
    task: asyncio.Task[None] | None = None


class _Driver:
    def __init__(self, session: Session, listener: Listener, around: Surroundings) -> None:
        self.failure: SottoError | None = None
        self._session = session
        self._listener = listener
        self._around = around
        keeping, unkept = around.keeping, around.metrics.unkept
        self._keeper = None if keeping is None else Keeper(keeping, unkept.inc)
        self._left: int | None = None
        """The number of the utterance that a cut left open to its client."""
        self._outbox: deque[Event] = deque()
        self._out: set[_Out] = set()
        self._changed = asyncio.Event()

    async def run(self, heard: AsyncIterator[Heard], tasks: asyncio.TaskGroup) -> None:
        sender = tasks.create_task(self._send())
        try:
            async for item in heard:
                await self._hear(item, tasks)
        except (CallerError, Draining) as error:
            self.failure = error
        self._leave()
        self._act(self._session.finish(), tasks)
        await self._until(lambda: self._session.is_done and not self._outbox)
        sender.cancel()

    async def _hear(self, item: Heard, tasks: asyncio.TaskGroup) -> None:
        if isinstance(item, Flush):
            self._act(self._session.flush(), tasks)
            return
        self._around.metrics.audio.labels(self._around.kind).inc(seconds(len(item)))
        self._around.watch.trace.hear(self._session.frame + len(item))
        for action in self._session.receive(item):
            self._act([action], tasks)
            await self._until(lambda: not self._session.is_full and len(self._outbox) < MAX_OUTBOX)
        if self._keeper is not None:
            silent_until = self._keeper.silence(self._session.settled)
            if silent_until is not None:
                self._act([Emit(Acknowledged(silent_until))], tasks)

    def _leave(self) -> None:
        """Where a client was cut off that comes back, what is open is heard as a whole then."""
        keeping = self._around.keeping
        if keeping is None or keeping.leave is None:
            return
        if isinstance(self.failure, Gone | Superseded):
            self._listener = _nobody
        if isinstance(self.failure, LEAVING) and self._session.is_speaking:
            self._left = self._session.newest

    def _act(self, actions: Iterable[Action], tasks: asyncio.TaskGroup) -> None:
        for action in actions:
            match action:
                case Emit(event):
                    self._around.watch.note(event, self._session.frame)
                    self._outbox.append(event)
                case Decode(job) if job.replaces and not self._withdraw():
                    self._session.receive_refusal()
                case Decode(job):
                    out = _Out(job, self._around.watch.trace.look(job))
                    self._out.add(out)
                    out.task = tasks.create_task(self._decode(out, tasks))
        self._changed.set()

    def _withdraw(self) -> bool:
        """Take back the session's job that is out, unless it has begun."""
        for out in tuple(self._out):
            if out.ticket is not None and not self._around.recognizer.withdraw(out.ticket):
                return False
            if out.task is not None:
                out.task.cancel()
            self._out.discard(out)  # now: a task that never ran cannot, and may be asked again
        return True

    async def _decode(self, out: _Out, tasks: asyncio.TaskGroup) -> None:
        hypothesis: Hypothesis | None = None
        try:
            hypothesis = await self._await_hypothesis(out)
        finally:
            self._out.discard(out)
            if out.ticket is not None:
                self._around.recognizer.withdraw(out.ticket)
                out.look.end(out.ticket.since, out.ticket.run, hypothesis)
        self._act(self._session.receive_result(hypothesis), tasks)

    async def _await_hypothesis(self, out: _Out) -> Hypothesis:
        attempt = 1
        while True:
            try:
                out.ticket = self._around.recognizer.submit(out.job)
                out.ticket.mark = out.look.mark
                return await out.ticket.result
            except Overloaded:
                out.ticket = None
                await self._around.recognizer.room()
            except EngineFailed:
                if attempt == ATTEMPTS:
                    raise
                attempt += 1

    async def _send(self) -> None:
        while True:
            await self._until(lambda: bool(self._outbox))
            event = self._outbox[0]
            await self._keep(event)
            try:
                if not self._is_left(event):
                    await self._tell(event)
            except CallerError as error:
                self._listener = _nobody
                self.failure = error
            self._around.watch.trace.told(event)
            self._outbox.popleft()
            self._changed.set()

    def _is_left(self, event: Event) -> bool:
        """Whether it is of what the client says again elsewhere."""
        match event:
            case Final(segment):
                return segment.id == self._left
            case SpeechStarted() | Partial() | Committed() | SpeechEnded():
                return event.utterance == self._left
            case _:
                return False

    async def _keep(self, event: Event) -> None:
        if not isinstance(event, Final) or self._keeper is None:
            return
        segment = later_segment(event.segment, self._around.origin)
        if segment.id == self._left:
            self._keeper.leave(segment)
            return
        with self._around.watch.trace.keeping(segment.id):
            await self._keeper.keep(segment)

    async def _tell(self, event: Event) -> None:
        if isinstance(event, Committed):
            metrics = self._around.metrics
            metrics.words.labels(self._around.kind).inc(len(event.words))
            for word in event.words:
                metrics.commit_lag.observe(seconds(self._session.frame - word.end))
        if isinstance(event, Acknowledged):
            await self._acknowledge(event.until)
            return
        await self._listener(later(event, self._around.origin))
        if isinstance(event, Final):
            await self._acknowledge(event.segment.end)

    async def _acknowledge(self, until: int) -> None:
        if self._keeper is not None and self._keeper.is_whole:
            self._keeper.acknowledged(until)
            await self._listener(Acknowledged(until + self._around.origin))

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


async def _nobody(event: Event) -> None:
    """Nobody listens any more; what is said is still stored."""


def _first(group: ExceptionGroup[Exception]) -> Exception:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            return _first(error)
        if isinstance(error, SottoError):
            return error
    return group.exceptions[0]

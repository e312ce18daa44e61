"""What the thread of an engine does that jobs join and leave between any two of its steps.

Round by round: those leave that nobody waits for any more, the most urgent of those that wait
join, the event loop is told, the engine takes a step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeAlias, TypeVar

from sotto.clock import Clock
from sotto.errors import EngineFailed, Overloaded, SottoError
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Hypothesis
from sotto.runtime.attempt import attempt
from sotto.runtime.batcher import Ticket
from sotto.runtime.schedule import Schedule, Waiting

Job: TypeAlias = Waiting[Ticket]
Outcome: TypeAlias = Hypothesis | SottoError | None
"""None: it left, since nobody waited for it any more."""

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """What the event loop and the thread share, under a lock that is held for moments."""

    def __init__(self, schedule: Schedule[Ticket]) -> None:
        self._lock = threading.Lock()
        self._schedule = schedule
        self._unwanted: list[Job] = []
        self._awake = False
        self._closed = False

    def state(self) -> tuple[int, bool]:
        """How many wait, and whether only finals are taken."""
        with self._lock:
            return len(self._schedule), self._schedule.is_full

    def put(self, job: DecodeJob, ticket: Ticket) -> Job:
        """Queue a job. Raises Overloaded as the schedule does; EngineFailed after the end."""
        with self._lock:
            if self._closed:
                raise EngineFailed("expected an engine that is open, got one that was closed")
            return self._schedule.put(job, ticket)

    def withdraw(self, job: Job) -> bool:
        """Take a job back; False where it does not wait."""
        with self._lock:
            return self._schedule.withdraw(job)

    def disown(self, job: Job) -> None:
        """Nobody waits for a job any more that may be in the engine."""
        with self._lock:
            self._unwanted.append(job)

    def disowned(self) -> list[Job]:
        """Those of which that was said since the last time."""
        with self._lock:
            given, self._unwanted = self._unwanted, []
            return given

    def next(self, fits: Callable[[DecodeJob], bool], *, among: int) -> Job | None:
        """As the schedule's `pop`."""
        with self._lock:
            return self._schedule.pop(fits, among=among)

    def restore(self, job: Job) -> None:
        """As the schedule's."""
        with self._lock:
            self._schedule.restore(job)

    def wakes(self) -> bool:
        """Whether the thread sleeps and has to be woken; from now on it is awake."""
        with self._lock:
            wakes = not (self._awake or self._closed)
            self._awake = self._awake or wakes
            return wakes

    def sleeps(self, *, busy: bool) -> bool:
        """Whether the thread may sleep: it is not busy and nothing waits, or it is the end."""
        with self._lock:
            if self._closed:
                return True
            self._awake = busy or bool(len(self._schedule) or self._unwanted)
            return not self._awake

    def close(self) -> None:
        """Nothing is taken any more, and the thread ends its rounds."""
        with self._lock:
            self._closed = True


@dataclass(frozen=True)
class Begun:
    """A job that the engine has taken."""

    job: Job
    at: float
    """Clock time."""
    among: int
    """Jobs that were in then, with itself."""


@dataclass(frozen=True)
class News:
    """What a round has brought."""

    begun: list[Begun] = field(default_factory=list)
    ended: list[tuple[Job, Outcome]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.begun or self.ended)


class Rounds:
    """All calls of the engine, from one thread."""

    def __init__(
        self,
        name: str,
        engine: ContinuousEngine,
        desk: Desk,
        clock: Clock,
        tell: Callable[[News], None],
        measure: Callable[[int, float], None],
    ) -> None:
        """`tell` and `measure` are called in the thread; `measure` with the jobs that were in at a
        step, and the seconds that it took."""
        self._name = name
        self._engine = engine
        self._desk = desk
        self._clock = clock
        self._tell = tell
        self._measure = measure
        self._in: dict[DecodeJob, Job] = {}
        self._alone: list[Job] = []
        """To be decoded one by one, before anybody joins again."""
        self._news = News()

    def go_on(self) -> None:
        """Round after round, until nothing is in and nothing waits, or it is the end."""
        while not self._desk.sleeps(busy=bool(self._in or self._alone or self._news)):
            self._let_go()
            self._admit()
            if self._news:
                self._tell(self._news)
                self._news = News()
            if self._alone:
                self._decode_alone()
            elif self._in:
                self._step()

    def free(self) -> None:
        """Whoever is in leaves, and the engine's memory is freed. After the last round."""
        for job in self._in:
            self._attempt(self._engine.leave, job)
        self._in.clear()
        self._attempt(self._engine.close)

    def _let_go(self) -> None:
        for job in self._desk.disowned():
            if self._in.get(job.job) is job:
                del self._in[job.job]
                self._attempt(self._engine.leave, job.job)
            elif job in self._alone:
                self._alone.remove(job)
            elif not self._desk.withdraw(job):
                continue  # it was done in the meantime
            self._news.ended.append((job, None))

    def _admit(self) -> None:
        while not self._alone:
            job = self._desk.next(self._fits, among=len(self._in) + 1)
            if job is None or not self._join(job):
                return

    def _fits(self, job: DecodeJob) -> bool:
        # One for which an empty engine has no room would wait for ever, and with it all others.
        return not self._in or self._attempt(self._engine.takes, job.priority) is True

    def _join(self, job: Job) -> bool:
        """False where there is no room, and the job waits on."""
        error = self._attempt(self._engine.join, job.job)
        if isinstance(error, Overloaded) and self._in:
            self._desk.restore(job)
            return False
        self._news.begun.append(Begun(job, self._clock.monotonic(), len(self._in) + 1))
        if error is None:
            self._in[job.job] = job
        elif isinstance(error, Overloaded):
            self._alone.append(job)
        else:
            self._news.ended.append((job, error))
        return True

    def _step(self) -> None:
        among, began = len(self._in), self._clock.monotonic()
        done = self._attempt(self._engine.step)
        self._measure(among, self._clock.monotonic() - began)
        if isinstance(done, SottoError):
            self._part()
            return
        for decoded, hypothesis in done:
            job = self._in.pop(decoded, None)
            if job is not None:
                self._news.ended.append((job, hypothesis))

    def _part(self) -> None:
        """One job's fault is its own: all that were in are decoded one by one."""
        for job in self._in:  # where it broke other than it should, they may be in still
            self._attempt(self._engine.leave, job)
        self._alone = sorted(self._in.values(), key=lambda job: job.job.priority)
        self._in.clear()

    def _decode_alone(self) -> None:
        job, began = self._alone.pop(0), self._clock.monotonic()
        heard = self._attempt(self._decode, job.job)
        self._measure(1, self._clock.monotonic() - began)
        self._news.ended.append((job, heard))

    def _decode(self, job: DecodeJob) -> Hypothesis:
        (heard,) = self._engine.decode([job])
        return heard

    def _attempt(self, call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | SottoError:
        return attempt(self._name, call, *given, **named)

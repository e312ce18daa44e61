"""Streams in other processes than the engine: an interpreter bears some hundred of them.

So it is where a server has more streams than one process can: the engine in one, and the sessions
in others, which hand it their jobs.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TypeAlias

from sotto.bench.streams.client import Log
from sotto.bench.streams.generator import GeneratorFailed
from sotto.bench.streams.plan import Track
from sotto.bench.virtual.crowd import Crowd
from sotto.bench.virtual.elsewhere import Elsewhere
from sotto.bench.virtual.line import (
    Answers,
    Asks,
    Begins,
    Leaves,
    Line,
    Message,
    Opened,
    Over,
    Ready,
    Speak,
    Spoken,
)
from sotto.bench.virtual.memory import settled_memory
from sotto.bench.virtual.tape import Sounds
from sotto.clock import SystemClock
from sotto.errors import Overloaded
from sotto.interfaces.engine import DecodeJob, Engine, Hypothesis, Traits
from sotto.runtime.batcher import Recognizer, Ticket
from sotto.runtime.beginning import announcing
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service

LEAVING = 5.0
"""Seconds that a process may take to end."""

Open: TypeAlias = Callable[[Recognizer], AbstractAsyncContextManager[Service]]
"""A service with that recognizer, in another process: a module's function, or a `partial`."""


@dataclass(frozen=True)
class Setup:
    """What a process of sessions needs."""

    open: Open
    traits: Traits
    request: StreamRequest
    sounds: Sounds
    patience: float


class Beginnings:
    """Which jobs the engine begins, for those who handed them in. `around` is for its loader."""

    def __init__(self) -> None:
        self._tell: dict[int, Callable[[], None]] = {}
        """By the job's identity."""

    def around(self, engine: Engine) -> Engine:
        """The engine, which says so when it begins."""
        return announcing(engine, self._announce)

    def watch(self, job: DecodeJob, tell: Callable[[], None]) -> None:
        """`tell` is called in the engine's thread."""
        self._tell[id(job)] = tell

    def forget(self, job: DecodeJob) -> None:
        """Nobody waits any more."""
        self._tell.pop(id(job), None)

    def _announce(self, jobs: Sequence[DecodeJob]) -> None:
        for job in jobs:
            if (tell := self._tell.get(id(job))) is not None:
                tell()


@dataclass(frozen=True)
class Spread:
    """How streams are spread over processes."""

    processes: int
    open: Open
    beginnings: Beginnings


class Door:
    """One process of sessions, from the engine's side."""

    def __init__(self, recognizer: Recognizer, beginnings: Beginnings, pipe: Connection) -> None:
        self.ready = asyncio.Event()
        self.opened = asyncio.Event()
        self.gone = asyncio.Event()
        self._spoken: asyncio.Queue[Spoken | None] = asyncio.Queue()
        self._recognizer = recognizer
        self._beginnings = beginnings
        self._tickets: dict[int, Ticket] = {}
        self._line = Line(pipe, self._hear)

    async def speak(self, tracks: tuple[Track, ...]) -> Spoken:
        """All of them at once. Raises GeneratorFailed where the process is gone."""
        self.opened.clear()
        self._line.send(Speak(tracks))
        spoken = await self._spoken.get()
        if spoken is None:
            raise GeneratorFailed("expected what streams heard, but their process is gone")
        return spoken

    def close(self) -> None:
        """Let it end."""
        self._line.send(Over())

    def _hear(self, message: Message) -> None:
        match message:
            case Asks(number, job):
                self._submit(number, job)
            case Leaves(number):
                self._leave(number)
            case Spoken():
                self._spoken.put_nowait(message)
            case Opened():
                self.opened.set()
            case Ready():
                self.ready.set()
            case Over():
                for event in (self.ready, self.opened, self.gone):
                    event.set()
                self._spoken.put_nowait(None)
            case _:
                raise AssertionError(f"expected what sessions say, got {message!r}")

    def _submit(self, number: int, job: DecodeJob) -> None:
        self._beginnings.watch(job, lambda: self._line.send(Begins(number)))
        try:
            ticket = self._recognizer.submit(job)
        except Overloaded:
            self._beginnings.forget(job)
            self._line.send(Answers(number, None, full=True))
            return
        self._tickets[number] = ticket
        ticket.result.add_done_callback(lambda result: self._answer(number, job, result))

    def _answer(self, number: int, job: DecodeJob, result: asyncio.Future[Hypothesis]) -> None:
        self._beginnings.forget(job)
        self._tickets.pop(number, None)
        if not result.cancelled():
            heard = None if result.exception() else result.result()
            self._line.send(Answers(number, heard, full=False))

    def _leave(self, number: int) -> None:
        ticket = self._tickets.get(number)
        if ticket is not None and not self._recognizer.withdraw(ticket):
            ticket.result.cancel()


@dataclass
class Doors:
    """All processes of sessions."""

    doors: list[Door]
    busy: float = 0.0
    """Seconds of processor time in each, of their sessions' threads together, in the last step."""

    async def speak(self, tracks: tuple[Track, ...], opened: asyncio.Event) -> tuple[Log, ...]:
        """All tracks at once, dealt out in turn. Raises GeneratorFailed."""
        count = len(self.doors)
        shares = [tracks[number::count] for number in range(count)]
        async with asyncio.TaskGroup() as tasks:
            spoken = [
                tasks.create_task(door.speak(share))
                for door, share in zip(self.doors, shares, strict=True)
            ]
            for door in self.doors:
                await door.opened.wait()
            opened.set()
        told = [one.result() for one in spoken]
        self.busy = sum(one.busy for one in told)
        logs = {log.client: log for one in told for log in one.logs}
        return tuple(logs[track.client] for track in tracks)


@asynccontextmanager
async def doors(recognizer: Recognizer, spread: Spread, setup: Setup) -> AsyncIterator[Doors]:
    """The processes, which end with the context. Raises GeneratorFailed."""
    spawn = multiprocessing.get_context("spawn")
    made: list[Door] = []
    processes: list[SpawnProcess] = []
    try:
        for _ in range(spread.processes):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_main, args=(setup, theirs))
            process.start()
            theirs.close()
            processes.append(process)
            made.append(Door(recognizer, spread.beginnings, ours))
        for door in made:
            await door.ready.wait()
            if door.gone.is_set():
                raise GeneratorFailed("expected a process of sessions, but it is gone")
        yield Doors(made)
    finally:
        for door in made:
            door.close()
        for process in processes:
            await asyncio.to_thread(_end, process)


def _end(process: SpawnProcess) -> None:
    process.join(LEAVING)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


def _main(setup: Setup, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it, and ends it
    with suppress(asyncio.CancelledError):
        asyncio.run(_door(setup, pipe))


async def _door(setup: Setup, pipe: Connection) -> None:
    """Until the other side is gone, or wants it to go: whatever it does then, nobody waits for."""
    orders: asyncio.Queue[tuple[Track, ...]] = asyncio.Queue()
    own = asyncio.current_task()

    def hear(message: Message) -> None:
        match message:
            case Begins() | Answers():
                recognizer.hear(message)
            case Speak(tracks):
                orders.put_nowait(tracks)
            case _ if own is not None:
                own.cancel()

    line = Line(pipe, hear)
    recognizer = Elsewhere(line, setup.traits)
    async with setup.open(recognizer) as service:
        crowd = Crowd(
            service,
            recognizer,
            setup.request,
            setup.sounds,
            SystemClock(),
            patience=setup.patience,
        )
        with settled_memory():
            line.send(Ready())
            while True:
                line.send(await _speak(crowd, await orders.get(), line))


async def _speak(crowd: Crowd, tracks: tuple[Track, ...], line: Line) -> Spoken:
    opened = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(crowd.speak(tracks, opened))
        await opened.wait()
        line.send(Opened())
        began, spent = time.monotonic(), time.thread_time()
    took = time.monotonic() - began
    return Spoken(speaking.result(), (time.thread_time() - spent) / took)

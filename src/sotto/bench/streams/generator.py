"""All clients of one step, in a process of their own: the server's work must not delay them, nor
theirs the measurement.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeAlias

from sotto.bench.streams.client import Client, Log
from sotto.bench.streams.dialect import Dialect, Wire
from sotto.bench.streams.plan import Track
from sotto.bench.streams.sound import Pcm, Tape
from sotto.clock import Clock, SystemClock
from sotto.errors import SottoError

AT_ONCE = 16
"""Clients that connect at the same time."""
SPREAD = 2.0
"""Seconds over which clients begin."""
GOLDEN = 0.618_033_988_749_895
"""Multiples of it, modulo 1, lie evenly for any number of clients (Weyl); so their messages do."""
LEAVING = 5.0
"""Seconds that the process may take to end."""


class GeneratorFailed(SottoError):
    """The process with the clients broke."""

    code = "generator_failed"


@dataclass(frozen=True)
class Order:
    """What the clients are to do."""

    dialect: Dialect
    address: str
    pcm: tuple[Pcm, ...]
    """The clips of the tracks."""
    tracks: tuple[Track, ...]
    patience: float = 30.0
    """Seconds after a client's last sound for which it waits for the last words."""


@dataclass(frozen=True)
class Connected:
    """All clients that could are connected, and begin."""

    clients: int
    at: float
    """Of the machine's monotonic clock, which all its processes share."""


@dataclass(frozen=True)
class Finished:
    """All clients are done."""

    logs: tuple[Log, ...]
    cpu: float
    """Seconds of processor time that the process spent since it began to speak."""
    seconds: float
    """In which it did."""


@dataclass(frozen=True)
class Broken:
    """The process failed."""

    why: str


Told: TypeAlias = Connected | Finished | Broken


class Generator:
    """The running process."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    def hear(self, seconds: float) -> Connected | Finished | None:
        """What it tells next; None where it tells nothing for so long. Raises GeneratorFailed."""
        if not self._pipe.poll(seconds):
            return None
        try:
            told: Told = self._pipe.recv()
        except EOFError:
            self._process.join(LEAVING)
            raise GeneratorFailed(
                f"expected the clients' logs, but their process ended with {self._process.exitcode}"
            ) from None
        if isinstance(told, Broken):
            raise GeneratorFailed(told.why)
        return told


@contextmanager
def generating(order: Order) -> Iterator[Generator]:
    """The process, which ends with the context."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_main, args=(order, theirs), daemon=True)
    try:
        with _interrupted_later():
            process.start()
            theirs.close()
        yield Generator(process, ours)
    finally:
        ours.close()
        if process.pid is not None:
            _end(process)


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(LEAVING)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Ctrl-C comes when this is over; a process that is started within it never hears one, for it
    inherits what is blocked: who started it ends it. For the main thread only.
    """
    resource_tracker.ensure_running()  # its start would unblock the signal
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def _main(order: Order, pipe: Connection) -> None:
    _allow_sockets()
    try:
        pipe.send(asyncio.run(generate(order, pipe)))
    except SottoError as error:
        pipe.send(Broken(error.message))
    pipe.close()


def _allow_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def generate(order: Order, pipe: Connection) -> Finished:
    """Connect all, then let all speak. Raises ServerError where not one can connect."""
    clock = SystemClock()
    logs = tuple(Log(track.client) for track in order.tracks)
    wires = await _connect(order, logs)
    if not any(wires):
        raise GeneratorFailed(f"expected a server, got none: {logs[0].failure if logs else ''}")
    began = clock.monotonic() + 0.1
    pipe.send(Connected(sum(wire is not None for wire in wires), began))
    spent = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for wire, track, log in zip(wires, order.tracks, logs, strict=True):
            if wire is not None:
                tasks.create_task(_talk(order, wire, track, log, began, clock))
    return Finished(logs, time.process_time() - spent, clock.monotonic() - began)


async def _talk(
    order: Order, wire: Wire, track: Track, log: Log, began: float, clock: Clock
) -> None:
    own_start = began + SPREAD * (track.client * GOLDEN % 1)
    tape = Tape(order.pcm, track)
    client = Client(order.dialect, wire, tape, clock, asyncio.sleep, order.patience)
    await client.talk(log, own_start)


async def _connect(order: Order, logs: tuple[Log, ...]) -> list[Wire | None]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(log: Log) -> Wire | None:
        async with slots:
            try:
                return await order.dialect.connect(order.address)
            except (SottoError, OSError, ValueError, KeyError) as error:
                log.failure = f"not let in: {error}"
                return None

    return await asyncio.gather(*map(one, logs))

"""A soak at speed: hours of talk through the live door in minutes, and whether memory stays flat.

The clients are those of `sotto bench streams`, but late by the whole of their sound from the
beginning: so each sends as fast as the server takes it, 100 ms in a message. How much was heard the
server says: what is sent may still wait in the sockets.

One session lasts as long as the soak, for what grows within a session; the others come one after
the other, for what a session leaves behind. Beside them idle ones come and go at the pace of
speech, of which every second one hangs up without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sotto.audio.format import SAMPLE_RATE
from sotto.bench import figures
from sotto.bench.figures import Figures, between
from sotto.bench.servers import Server
from sotto.bench.soak_result import (
    HALF,
    HOUR,
    Account,
    Plan,
    Result,
    Sample,
    account,
    growth,
    settled,
)
from sotto.bench.streams.client import Client, Log
from sotto.bench.streams.dialect import Dialect, Wire
from sotto.bench.streams.plan import Track, silent
from sotto.bench.streams.sound import Bank, Tape
from sotto.bench.usage import Usage
from sotto.clock import Clock
from sotto.errors import Gone, ServerError

LOOKS = 200
"""At the server's memory, evenly over the sound; so a result is no longer for more hours."""
TICK = 0.5
"""Seconds after which the server is asked whether a look is due."""
VISIT = (1.0, 4.0)
"""Seconds that an idle session lasts, at least and at most."""
MOST_FAILURES = 20
"""Sessions that may fail before the soak is given up."""
PATIENCE = 60.0
"""Seconds after its last sound for which a session waits for its last words."""
LEAVING = 20.0
"""Seconds in which the server may notice that all clients are gone."""


async def soak(
    server: Server,
    dialect: Dialect,
    bank: Bank,
    wanted: Plan,
    clock: Clock,
    tell: Callable[[str], None],
) -> Result:
    """All of it. Raises ServerError, also where the server's memory cannot be read."""
    began, first = clock.monotonic(), _look(server)
    run = _Run(server, dialect, bank, wanted, clock, tell, first)
    await run.all()
    took, last = clock.monotonic() - began, run.look()
    after = await _once_all_left(server, clock)
    flat = settled(run.samples)
    errors = between(first.figures, after).errors
    return Result(
        run.hours,
        took,
        run.hours * HOUR / took,
        (last.usage.cpu - first.usage.cpu) / took,
        flat[0].rss,
        last.usage.rss,
        max(sample.rss for sample in run.samples),
        growth(flat),
        growth(settled(run.samples, HALF)),
        run.told,
        run.visits,
        tuple(run.failures),
        round(after.total("sotto_sessions")),
        {code: number for code, number in errors.items() if code != Gone.code},
        tuple(run.samples),
    )


@dataclass(frozen=True)
class _Look:
    usage: Usage
    figures: Figures

    @property
    def heard(self) -> float:
        """Hours since the server was started."""
        return self.figures.total("sotto_audio_seconds_total") / HOUR


def _look(server: Server) -> _Look:
    """Raises ServerError."""
    used, told = server.usage(), figures.read(server.address)
    if used is None:
        raise ServerError("expected figures of the server's process, got none: it needs --pid")
    if told is None:
        raise ServerError(f"expected figures at {server.address}/metrics, got none")
    return _Look(used, told)


async def _once_all_left(server: Server, clock: Clock) -> Figures:
    """The server's figures once it counts no session more, or has had its time for it."""
    until = clock.monotonic() + LEAVING
    while True:
        told = _look(server).figures
        if not told.total("sotto_sessions") or clock.monotonic() > until:
            return told
        await asyncio.sleep(TICK)


@dataclass
class _Run:
    """A soak that goes on."""

    server: Server
    dialect: Dialect
    bank: Bank
    wanted: Plan
    clock: Clock
    tell: Callable[[str], None]
    first: _Look
    told: Account = field(default_factory=Account)
    visits: int = 0
    failures: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    is_over: bool = False
    """Whether all is said: who visits leaves in his own time, and nobody comes."""

    @property
    def hours(self) -> float:
        """That were heard at the last look."""
        return self.samples[-1].hours

    def look(self) -> _Look:
        """One more sample."""
        look = _look(self.server)
        self.samples.append(Sample(look.heard - self.first.heard, look.usage.rss))
        return look

    async def all(self) -> None:
        """Talk, with the others beside it until that is done. Raises ServerError."""
        tracks = self.wanted.tracks(self.bank.spoken)
        talking = asyncio.gather(*(self._talk(tracks) for _ in range(self.wanted.streams)))
        visits = [asyncio.ensure_future(self._visit(p)) for p in range(self.wanted.idle)]
        watch = asyncio.ensure_future(self._watch())
        every: list[asyncio.Future[Any]] = [talking, watch, *visits]
        try:
            # Beside the talk nothing ends but by an error.
            done, _ = await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            self.is_over = True
            await asyncio.gather(*visits)
        finally:
            for one in every:
                one.cancel()
            await asyncio.gather(*every, return_exceptions=True)

    async def _talk(self, tracks: Iterator[Track]) -> None:
        for track in tracks:
            log = Log(track.client)
            await self._session(track, log, track.length / SAMPLE_RATE)
            self.told += account(track, log.arrivals)

    async def _visit(self, place: int) -> None:
        for number in count():
            # By the golden ratio: visits of all lengths, and no two places alike.
            shortest, longest = VISIT
            seconds = shortest + (longest - shortest) * ((place + number) * 0.618 % 1)
            if number % 2:
                await self._session(silent(place, seconds), Log(place), 0.0)
            else:
                await self._leave_silently(seconds)
            self.visits += 1
            if self.is_over:
                return

    async def _session(self, track: Track, log: Log, late: float) -> None:
        """One, begun so many seconds ago. Raises ServerError where too many have failed."""
        if (wire := await self._connect()) is None:
            return
        tape = Tape(self.bank.pcm, track)
        client = Client(self.dialect, wire, tape, self.clock, asyncio.sleep, PATIENCE)
        await client.talk(log, self.clock.monotonic() - late)
        if log.failure is not None:
            self._fail(log.failure)

    async def _leave_silently(self, seconds: float) -> None:
        if (wire := await self._connect()) is None:
            return
        try:
            await asyncio.sleep(seconds)
        finally:
            await wire.close()

    async def _connect(self) -> Wire | None:
        try:
            return await self.dialect.connect(self.server.address)
        except (ServerError, OSError, ValueError, KeyError) as error:
            self._fail(f"not let in: {error}")
            return None

    def _fail(self, why: str) -> None:
        self.failures.append(why)
        if len(self.failures) >= MOST_FAILURES:
            raise ServerError(f"expected sessions to last, but {MOST_FAILURES} did not: {why}")

    async def _watch(self) -> None:
        """Look whenever so much more was heard."""
        whole, began = self.wanted.hours, self.clock.monotonic()
        while True:
            look = await asyncio.to_thread(_look, self.server)
            hours = look.heard - self.first.heard
            if hours >= len(self.samples) * whole / LOOKS:
                self.samples.append(Sample(hours, look.usage.rss))
                speed = hours * HOUR / max(self.clock.monotonic() - began, TICK)
                self.tell(
                    f"{hours:.2f} of {whole:g} h, {speed:.0f} × the pace of speech, "
                    f"{look.usage.rss / 2**20:.0f} MB"
                )
            await asyncio.sleep(TICK)

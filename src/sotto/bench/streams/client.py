"""One client: sound at the pace of speech, whatever the server does; what comes back, with times.

Message k holds the sound of 0.1·k to 0.1·(k+1) s and is due when the last of it has been spoken.
A client that is late sends at once and catches up; it never moves what follows, so a slow server
cannot make its own clients ask for less (Tene, How not to measure latency: coordinated omission).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from sotto.bench.streams.dialect import Dialect, Failed, HungUp, Observation, Over, Reader, Wire
from sotto.bench.streams.sound import MESSAGES_PER_SECOND, Tape
from sotto.clock import Clock

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
"""Returns after so many seconds of the clock."""


@dataclass(frozen=True)
class Arrival:
    """One message of the server that said something."""

    at: float
    """Seconds since the client began to speak."""
    heard: tuple[Observation, ...]


@dataclass
class Log:
    """What happened to one client."""

    client: int
    arrivals: list[Arrival] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    """Seconds by which each message was late by the generator's own fault."""
    sent: list[float] = field(default_factory=list)
    """Seconds from when each message was due until it was handed over."""
    failure: str | None = None
    """Why the stream ended before its time; None: it did not."""


@dataclass(frozen=True)
class Client:
    """One that is connected."""

    dialect: Dialect
    wire: Wire
    tape: Tape
    clock: Clock
    sleep: Sleep
    patience: float
    """Seconds after the last sound for which it waits for the last words."""

    async def talk(self, log: Log, began: float) -> None:
        """Say everything, from the clock's time `began` on, and hear everything."""
        reading = asyncio.ensure_future(self._read(self.dialect.reader(), log, began))
        try:
            with suppress(HungUp):  # who reads says why
                await self._speak(log, began, reading)
                for message in self.dialect.goodbye():
                    await self.wire.send(message)
            done, _ = await asyncio.wait({reading}, timeout=self.patience)
            if not done and self.dialect.says_over:
                log.failure = f"the last words did not come within {self.patience:g} s"
            if done:
                reading.result()
        finally:
            reading.cancel()
            await self.wire.close()

    async def _speak(self, log: Log, began: float, reading: asyncio.Future[None]) -> None:
        free = began  # when the message before was handed over
        for number, pcm in enumerate(self.tape, 1):
            if reading.done():
                return
            due = began + number / MESSAGES_PER_SECOND
            if (wait := due - self.clock.monotonic()) > 0:
                await self.sleep(wait)
            started = self.clock.monotonic()
            log.own.append(max(0.0, started - max(due, free)))
            await self.wire.send(self.dialect.message(pcm))
            free = self.clock.monotonic()
            log.sent.append(free - due)

    async def _read(self, reader: Reader, log: Log, began: float) -> None:
        while True:
            try:
                message = await self.wire.receive()
                at = self.clock.monotonic() - began
                heard = tuple(reader.read(message))
            except HungUp as error:
                if self.dialect.says_over or len(log.sent) < self.tape.messages:
                    log.failure = f"the server hung up: {error}"
                return
            except (ValueError, KeyError, TypeError) as error:
                log.failure = f"expected {self.dialect.name}'s messages, got others: {error!r}"
                return
            if heard:
                log.arrivals.append(Arrival(at, heard))
            if end := _end(heard):
                log.failure = end.why if isinstance(end, Failed) else None
                return


def _end(heard: Sequence[Observation]) -> Over | Failed | None:
    return next((one for one in heard if isinstance(one, Over | Failed)), None)

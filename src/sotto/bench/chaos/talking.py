"""One client: its talk at the pace of speech, through `sotto.client`, whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sotto.bench.streams.sound import MESSAGES_PER_SECOND, Tape
from sotto.client import AsyncClient, Closed, Event, Patience, Ready, StreamOptions
from sotto.clock import Clock
from sotto.errors import SottoError

PATIENCE = Patience(tries=300, opening=300, waits=(0.2, 0.5, 1.0))
"""What is measured is what is lost, and not when a client gives up: some minutes."""


@dataclass(frozen=True)
class Arrival:
    """An event, as the client's program took it."""

    at: float
    """The clock's seconds."""
    event: Event


@dataclass
class Log:
    """What one client was told."""

    client: int
    arrivals: list[Arrival] = field(default_factory=list)
    failure: str | None = None
    """Why it ended before its time; None: it did not."""
    late: float = 0.0
    """Seconds by which this machine held the client up in its talk, at most."""

    @property
    def events(self) -> list[Event]:
        """Without their times."""
        return [arrival.event for arrival in self.arrivals]

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        if self.failure is not None:
            return True
        return bool(self.arrivals) and isinstance(self.arrivals[-1].event, Closed)

    @property
    def is_live(self) -> bool:
        """Whether it has begun, and has not ended."""
        return bool(self.arrivals) and not self.is_over

    @property
    def sessions(self) -> list[str]:
        """The server's names for them, each once."""
        readies = (event.session for event in self.events if isinstance(event, Ready))
        return list(dict.fromkeys(readies))


@dataclass(frozen=True)
class Talker:
    """What all clients have in common."""

    options: StreamOptions
    pace: float
    """Seconds of sound in a second."""
    clock: Clock

    async def talk(self, url: str, tape: Tape, log: Log) -> None:
        """Say everything, and note everything that is told."""
        client = AsyncClient(url, patience=PATIENCE)
        try:
            async for event in client.listen(self._messages(tape, log), **self.options):
                log.arrivals.append(Arrival(self.clock.monotonic(), event))
        except SottoError as error:
            log.failure = f"{error.code}: {error.message}"

    async def _messages(self, tape: Tape, log: Log) -> AsyncIterator[bytes]:
        """Each when the last of it has been spoken; those that are late at once."""
        began = self.clock.monotonic()
        for number, pcm in enumerate(tape, 1):
            due = began + number / (MESSAGES_PER_SECOND * self.pace)
            if (wait := due - self.clock.monotonic()) > 0:
                await asyncio.sleep(wait)
                log.late = max(log.late, self.clock.monotonic() - due)
            yield pcm.astype("<i2").tobytes()

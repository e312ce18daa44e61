"""Many sessions in this process, each with a voice that speaks at its pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from sotto.bench.streams.client import Log, Sleep
from sotto.bench.streams.generator import GOLDEN, SPREAD
from sotto.bench.streams.plan import Track
from sotto.bench.streams.sound import MESSAGES_PER_SECOND
from sotto.bench.virtual.reading import Listener
from sotto.bench.virtual.tape import FrameTape, Sounds
from sotto.clock import Clock
from sotto.errors import SottoError
from sotto.runtime.batcher import Recognizer
from sotto.runtime.requests import StreamRequest
from sotto.runtime.runner import Heard, Surroundings, run_session
from sotto.runtime.service import Service
from sotto.streaming.session import Session

DIALECT = "virtual"
"""In the metrics."""


@dataclass(frozen=True)
class Crowd:
    """Streams of one service, which is loaded."""

    service: Service
    recognizer: Recognizer
    """The model's own, or one in its place."""
    request: StreamRequest
    sounds: Sounds
    clock: Clock
    sleep: Sleep = asyncio.sleep
    patience: float = 30.0
    """Seconds after a stream's last sound for which it waits for the last words."""

    async def speak(self, tracks: tuple[Track, ...], opened: asyncio.Event) -> tuple[Log, ...]:
        """All tracks at once; `opened` is set when all sessions are open and begin."""
        logs = tuple(Log(track.client) for track in tracks)
        async with AsyncExitStack() as stack:
            sessions = [await self._open(stack, log) for log in logs]
            opened.set()
            began = self.clock.monotonic()
            async with asyncio.TaskGroup() as tasks:
                for session, track, log in zip(sessions, tracks, logs, strict=True):
                    if session is not None:
                        own = began + SPREAD * (track.client * GOLDEN % 1)
                        tasks.create_task(self._run(session, track, log, own))
        return logs

    async def _open(self, stack: AsyncExitStack, log: Log) -> Session | None:
        try:
            stream = await stack.enter_async_context(
                self.service.open_stream(self.request, DIALECT)
            )
        except SottoError as error:
            log.failure = f"not let in: {error.message}"
            return None
        return stream.session

    async def _run(self, session: Session, track: Track, log: Log, began: float) -> None:
        tape = FrameTape(self.sounds, track)
        listener = Listener(log, self.clock, began)
        around = Surroundings(self.recognizer, self.service.metrics)
        longest = SPREAD + tape.messages / MESSAGES_PER_SECOND + self.patience
        try:
            async with asyncio.timeout(longest):
                await run_session(session, self._voice(tape, log, began), listener, around)
        except TimeoutError:
            log.failure = f"the last words did not come within {self.patience:g} s"
        except SottoError as error:
            log.failure = f"{error.code}: {error.message}"

    async def _voice(self, tape: FrameTape, log: Log, began: float) -> AsyncIterator[Heard]:
        """Each chunk when it is due, or at once where that is past; none moves what follows."""
        free = began  # when the session came back for more
        for number in range(tape.messages):
            due = began + (number + 1) / MESSAGES_PER_SECOND
            if (wait := due - self.clock.monotonic()) > 0:
                await self.sleep(wait)
            log.own.append(max(0.0, self.clock.monotonic() - max(due, free)))
            chunk = tape.chunk(number)
            if len(chunk):
                yield chunk
            free = self.clock.monotonic()
            log.sent.append(free - due)
        yield tape.rest()

"""Several streams of one client: the speakers of a meeting, the channels of a recording.

Each is decoded on its own: none waits for another's decode.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from sotto.errors import Gone, Overloaded
from sotto.runtime.intake import Message
from sotto.runtime.service import Stream
from sotto.transcript.events import Event

Open: TypeAlias = Callable[[str], AbstractAsyncContextManager[Stream]]
"""A stream for a voice, for as long as the context lasts."""
Listen: TypeAlias = Callable[[str, Event], Awaitable[None]]
"""Told each voice's events in order."""

MAX_WAITING = 64
"""Messages of one voice that wait to be heard; then its sender waits."""


class Voices:
    """Streams by name, opened when they are first sent something. Belongs into one TaskGroup."""

    def __init__(
        self, tasks: asyncio.TaskGroup, open_stream: Open, listen: Listen, *, most: int
    ) -> None:
        self._tasks = tasks
        self._open = open_stream
        self._listen = listen
        self._most = most
        self._waiting: dict[str, asyncio.Queue[Message | None]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def send(self, voice: str, message: Message) -> None:
        """Let a voice be heard. Raises Overloaded for one too many, Gone for one that ended."""
        waiting = self._waiting.get(voice)
        if waiting is None:
            if len(self._waiting) >= self._most:
                raise Overloaded(f"expected at most {self._most} voices, got one more")
            waiting = self._waiting[voice] = asyncio.Queue(MAX_WAITING)
            self._running[voice] = self._tasks.create_task(self._run(voice, waiting))
        if self._running[voice].done():
            raise Gone(f"the voice {voice} is carried on over another connection")
        await waiting.put(message)

    async def send_all(self, message: Message) -> None:
        """Tell every voice."""
        for waiting in tuple(self._waiting.values()):
            await waiting.put(message)

    async def finish(self) -> None:
        """Come back when every voice's last word was told."""
        for waiting in tuple(self._waiting.values()):
            await waiting.put(None)
        if self._running:
            await asyncio.wait(self._running.values())
        self._waiting.clear()
        self._running.clear()

    async def _run(self, voice: str, waiting: asyncio.Queue[Message | None]) -> None:
        async def listen(event: Event) -> None:
            await self._listen(voice, event)

        try:
            async with self._open(voice) as stream:
                await stream.run(_messages(waiting), listen)
        finally:
            while not waiting.empty():  # whoever waits to put something in must not wait forever
                waiting.get_nowait()


async def _messages(waiting: asyncio.Queue[Message | None]) -> AsyncIterator[Message]:
    while (message := await waiting.get()) is not None:
        yield message

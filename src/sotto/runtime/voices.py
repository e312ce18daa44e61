"""Several streams of one client: the speakers of a meeting, the channels of a recording.

Each is decoded on its own: none waits for another's decode.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sotto.errors import Gone, Overloaded, SottoError
from sotto.runtime.intake import Message
from sotto.runtime.runner import Listener
from sotto.transcript.events import Event


class Hearing(Protocol):
    """What a voice is heard by: a `Stream`, or what stands before one."""

    async def run(self, messages: AsyncIterator[Message], listener: Listener) -> None:
        """From the first message to the last event."""
        ...


Open: TypeAlias = Callable[[str], AbstractAsyncContextManager[Hearing]]
"""A stream for a voice, for as long as the context lasts."""
Listen: TypeAlias = Callable[[str, Event], Awaitable[None]]
"""Told each voice's events in order."""
Failed: TypeAlias = Callable[[str, SottoError], None]
"""Told of a voice that an error ended, once all that came before it is told and stored."""

MAX_WAITING = 1_000_000
"""Bytes of one voice that wait to be heard, 31 s as 16-bit samples; then its sender waits."""
PER_MESSAGE = 64
"""Bytes that a waiting message is counted for beside its own."""


@dataclass(frozen=True)
class _Voice:
    inbox: _Inbox
    running: asyncio.Task[None]


class Voices:
    """Streams by name, opened when they are first sent something. Belongs into one TaskGroup.

    A voice that is sent nothing for `linger` seconds ends, and is opened anew by what comes then.
    Without `failed`, an error of one voice ends the TaskGroup, and with it the others.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        open_stream: Open,
        listen: Listen,
        *,
        most: int,
        linger: float | None = None,
        failed: Failed | None = None,
    ) -> None:
        self._tasks = tasks
        self._open = open_stream
        self._listen = listen
        self._most = most
        self._linger = linger
        self._failed = failed
        self._voices: dict[str, _Voice] = {}
        """Those that take messages."""
        self._running: set[asyncio.Task[None]] = set()
        """Those, and what is on its way to its last word."""

    def has(self, voice: str) -> bool:
        """Whether its stream is open, or about to be."""
        return voice in self._voices

    async def send(self, voice: str, message: Message) -> None:
        """Let a voice be heard. Raises Overloaded for one too many, Gone for one that ended."""
        known = self._voices.get(voice) or self._begin(voice)
        if known.running.done():
            raise Gone(f"the voice {voice!r} is carried on over another connection")
        await known.inbox.put(message)

    async def send_all(self, message: Message) -> None:
        """Tell every voice."""
        for known in tuple(self._voices.values()):
            await known.inbox.put(message)

    async def finish(self) -> None:
        """Come back when every voice's last word was told."""
        for known in self._voices.values():
            known.inbox.end()
        self._voices.clear()
        if self._running:
            await asyncio.wait(self._running)

    def _begin(self, voice: str) -> _Voice:
        if sum(not task.done() for task in self._running) >= self._most:
            raise Overloaded(f"expected at most {self._most} voices, got one more")
        inbox = _Inbox()
        running = self._tasks.create_task(self._run(voice, inbox))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        begun = self._voices[voice] = _Voice(inbox, running)
        return begun

    async def _run(self, voice: str, inbox: _Inbox) -> None:
        async def listen(event: Event) -> None:
            await self._listen(voice, event)

        try:
            async with self._open(voice) as stream:
                await stream.run(self._messages(voice, inbox), listen)
        except SottoError as error:
            self._forget(voice, inbox)
            if self._failed is None:
                raise
            self._failed(voice, error)
        finally:
            inbox.close()

    async def _messages(self, voice: str, inbox: _Inbox) -> AsyncIterator[Message]:
        while True:
            try:
                async with asyncio.timeout(self._linger):
                    message = await inbox.get()
            except TimeoutError:
                if not inbox.is_empty:  # it came in the very moment
                    continue
                self._forget(voice, inbox)
                return
            if message is None:
                return
            yield message

    def _forget(self, voice: str, inbox: _Inbox) -> None:
        """What comes for this voice from now on opens it anew."""
        known = self._voices.get(voice)
        if known is not None and known.inbox is inbox:
            del self._voices[voice]


class _Inbox:
    """What one voice is still to hear, bounded by its bytes."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._ended = False
        self._changed = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._messages

    async def put(self, message: Message) -> None:
        """Add a message, once there is room; where nobody reads any more, it is dropped."""
        while self._bytes >= MAX_WAITING:
            await self._change()
        if not self._ended:
            self._messages.append(message)
            self._bytes += _weight(message)
            self._changed.set()

    async def get(self) -> Message | None:
        """The next message; None after the last."""
        while not self._messages:
            if self._ended:
                return None
            await self._change()
        message = self._messages.popleft()
        self._bytes -= _weight(message)
        self._changed.set()
        return message

    def end(self) -> None:
        """Nothing more is put in."""
        self._ended = True
        self._changed.set()

    def close(self) -> None:
        """Nobody reads any more: whoever waits to put something in goes on."""
        self._messages.clear()
        self._bytes = 0
        self.end()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _weight(message: Message) -> int:
    return PER_MESSAGE + (len(message) if isinstance(message, bytes) else 0)

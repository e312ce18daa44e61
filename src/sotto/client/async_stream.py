"""One run, for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Self

from sotto.client.address import Address
from sotto.client.events import Event, Ready
from sotto.client.inbox import MOST_UNREAD, READ_SECONDS, Inbox
from sotto.client.line import Line
from sotto.client.patience import Patience
from sotto.client.progress import Progress
from sotto.client.run import Run
from sotto.client.sound import Encoder, Sound
from sotto.client.wire import Place, StreamOptions, config, config_at, pcm_format
from sotto.errors import Gone, ProtocolViolation


class AsyncStream:
    """Sound in, events out; opened by `async with`, once.

    One task may send while another one reads. Leaving the block hangs up at once: whoever wants
    the last words calls `finish` and reads up to `Closed`.
    """

    def __init__(self, address: Address, options: StreamOptions, patience: Patience) -> None:
        """Raises BadOption."""
        pcm = pcm_format(options)
        first = config(options, pcm)
        self._progress = Progress(pcm)
        self._encoder = Encoder(pcm, self._progress.piece_bytes)
        self._inbox = Inbox(MOST_UNREAD, READ_SECONDS)

        def dial(place: Place) -> Awaitable[tuple[Line, Ready]]:
            return Line.open(address, config_at(first, place))

        self._run = Run(dial, self._progress, self._inbox, patience)
        self._line: Line | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Wait until the server listens. Raises what it says against it, and Unreachable."""
        if self._task is not None:
            raise ProtocolViolation("expected a stream that was not opened before")
        self._line, ready = await self._run.open()
        self._task = asyncio.create_task(self._run.run(self._line, ready))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        if self._task is None or self._line is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._inbox.is_closed:  # it was left before its task ran at all
            self._inbox.close(Gone("the stream was left"))
            await self._line.close()
        if not self._task.cancelled():
            self._task.result()

    async def send(self, sound: Sound) -> None:
        """Send sound that follows. Waits where two minutes of it are not stored yet.

        Raises BadAudio; what ended the stream, if anything did; ProtocolViolation after `finish`.
        """
        self._check()
        for message in self._encoder.receive(sound):
            await self._run.changes.until(lambda: self._progress.has_room or self._inbox.is_closed)
            self._check()
            self._progress.add(message)
            self._run.changes.tell()

    async def flush(self) -> None:
        """Let the open utterance end here: its final comes, and more sound may follow."""
        self._check()
        self._progress.mark()
        self._run.changes.tell()

    async def finish(self) -> None:
        """Say that no more sound comes: the last words come, and then `Closed`.

        Raises BadAudio where the sound ended in the middle of a sample.
        """
        self._run.ended = True
        self._run.changes.tell()
        self._encoder.finish()

    def __aiter__(self) -> AsyncIterator[Event]:
        """The events up to `Closed`."""
        return self

    async def __anext__(self) -> Event:
        """Raises what ended the stream, where no more tries were left or would help."""
        event = await self._inbox.take()
        if event is None:
            raise StopAsyncIteration
        return event

    def _check(self) -> None:
        """Raises what speaks against more sound."""
        self._inbox.check()
        if self._task is None or self._inbox.is_closed:
            raise Gone("expected an open stream, got one that is not open")
        if self._run.ended:
            raise ProtocolViolation("expected no more sound after `finish`")

"""From the first stream to the last: each carries on where the one before it was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sotto.client.changes import Changes
from sotto.client.events import Closed, Event, Final, Ready, Reconnecting
from sotto.client.failures import may_resume
from sotto.client.inbox import Inbox
from sotto.client.line import Line
from sotto.client.patience import Patience, Tries
from sotto.client.progress import Progress
from sotto.client.wire import Place
from sotto.errors import Gone, SottoError

Dial: TypeAlias = Callable[[Place], Awaitable[tuple[Line, Ready]]]
"""Opens another stream of the same kind, at a place. Raises SottoError."""

PULSE_SECONDS = 5.0
"""Between two looks whether the server is still there, where nothing is sent."""


class Run:
    """Sends what lies on the tape, and tells what is said of it."""

    def __init__(self, dial: Dial, progress: Progress, inbox: Inbox, patience: Patience) -> None:
        self.changes = Changes()
        """Told by whoever adds sound or ends it, and when there is room for more."""
        self.ended = False
        """No more sound comes."""
        self._dial = dial
        self._progress = progress
        self._inbox = inbox
        self._tries = Tries(patience)
        self._patience = patience

    async def open(self) -> tuple[Line, Ready]:
        """The first stream. Raises what is said against it, after as many tries as asked for."""
        for tried in range(self._patience.opening):
            try:
                return await self._dial(self._progress.place)
            except SottoError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(self._patience.wait(tried, error.retry_after))
        return await self._dial(self._progress.place)

    async def run(self, line: Line, ready: Ready) -> None:
        """All of it. What ends it is told to the inbox, whatever it is."""
        failure: SottoError | None = Gone("the stream was left")
        try:
            await self._streams(line, ready)
            failure = None
        except SottoError as error:
            failure = error
        finally:
            self._inbox.close(failure)
            self.changes.tell()

    async def _streams(self, line: Line, ready: Ready) -> None:
        loop = asyncio.get_running_loop()
        first: tuple[Event, ...] = (ready,)
        while True:
            began = loop.time()
            try:
                await self._stream(line, first)
                return
            except SottoError as error:
                line, ready = await self._again(error, loop.time() - began)
            first = (ready, self._progress.resume())

    async def _again(self, error: SottoError, lasted: float) -> tuple[Line, Ready]:
        """Another stream. Raises what is in the way of it, for good or for too long."""
        while True:
            wait = self._tries.next(lasted=lasted, retry_after=error.retry_after)
            if wait is None or not may_resume(error):
                raise error
            await self._inbox.put(Reconnecting(wait, error))
            await asyncio.sleep(wait)
            try:
                return await self._dial(self._progress.place)
            except SottoError as refused:
                error, lasted = refused, 0.0

    async def _stream(self, line: Line, first: tuple[Event, ...]) -> None:
        """One stream up to `closed`; `first` is told before. Raises what ended it earlier."""
        helpers = [asyncio.create_task(self._send(line)), asyncio.create_task(self._pulse(line))]
        try:
            for event in first:
                self._progress.receive(event)
                await self._inbox.put(event)
            await self._hear(line)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
            await line.close()
            for helper in helpers:
                if not helper.cancelled():
                    helper.result()

    async def _hear(self, line: Line) -> None:
        while True:
            event = await line.receive()
            self._progress.receive(event)
            self.changes.tell()
            if isinstance(event, Final):
                self._tries.progress()
            await self._inbox.put(event)
            if isinstance(event, Closed):
                return

    async def _send(self, line: Line) -> None:
        progress, spoke = self._progress, False
        while True:
            await self.changes.until(lambda: progress.may_send)
            piece = progress.take()
            if piece is None:
                if self.ended:
                    await line.finish()
                    return
                if not await self._more(self._patience.pause if spoke else None):
                    progress.mark()
            elif piece.data:
                spoke = True
                await line.send(piece.data)
                if progress.is_unread:
                    self.changes.tell()
            else:
                spoke = False
                await line.flush()

    async def _more(self, seconds: float | None) -> bool:
        """Whether within that time there is something to send, or nothing ever will be."""
        try:
            async with asyncio.timeout(seconds):
                await self.changes.until(lambda: self.ended or self._progress.has_waiting)
        except TimeoutError:
            return False
        return True

    async def _pulse(self, line: Line) -> None:
        """Learn how far the server has read, and notice where it is not there any more."""
        progress = self._progress
        while True:
            place = progress.taken
            if not await line.was_read():
                return
            progress.was_read(place)
            self.changes.tell()
            try:
                async with asyncio.timeout(PULSE_SECONDS):
                    await self.changes.until(lambda: progress.is_unread)
            except TimeoutError:
                continue

"""Ending early what clients have under way: a stream at its next pause, a client with a reason.

Nothing that was heard is lost by it: a stream's finals are told and stored before the reason is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from sotto.errors import Draining, RateLimited, SottoError
from sotto.runtime.runner import Listener
from sotto.streaming.session import Session
from sotto.transcript.events import Event, Final

EARLY = (Draining, RateLimited)
"""Why a stream ends that its client did not end; raised once its last final is told and stored."""

LULL = 0.005
"""Seconds without a message after which nothing that was sent waits to be heard."""

Item = TypeVar("Item")


class End:
    """Where one stream ends before its client ends it."""

    def __init__(self, wanted: asyncio.Event, session: Session) -> None:
        """`wanted`: once it is set, no more messages are taken."""
        self.why: SottoError | None = None
        """What the client is told after its last final."""
        self._wanted = wanted
        self._session = session
        self._waits = 0
        """Counts the messages that were waited for."""
        self._is_waiting = False
        self._is_patient = True

    def at_pause(self, why: SottoError) -> None:
        """Between two utterances, so that no word is cut; the first reason holds."""
        self.why = self.why or why
        self._is_patient = False
        self._look()

    def once_heard(self, why: SottoError) -> None:
        """The same, but not while something waits to be heard that the client has sent."""
        self.why = self.why or why
        self._look()

    def now(self, why: SottoError) -> None:
        """Wherever it is; what was said until now becomes a final, or waits for its client."""
        self.why = self.why or why
        self._wanted.set()

    def watched(self, listener: Listener) -> Listener:
        """The listener; after a final it is seen whether the stream may end."""

        async def listen(event: Event) -> None:
            await listener(event)
            if isinstance(event, Final):
                self._look()

        return listen

    async def noticed(self, messages: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """The messages; it is seen when one is waited for."""
        self._wait()
        async for message in messages:
            self._is_waiting = False
            yield message
            self._wait()

    def check(self) -> None:
        """Raises the reason, where the stream ended for one."""
        if self.why is not None:
            raise self.why

    def _wait(self) -> None:
        self._waits += 1
        self._is_waiting = True
        self._look()

    def _look(self) -> None:
        if self.why is None or self._session.is_speaking:
            return
        if not self._is_patient:
            self._wanted.set()
        elif self._is_waiting:
            asyncio.get_running_loop().call_later(LULL, self._end_unless, self._waits)

    def _end_unless(self, waits: int) -> None:
        """Unless a message came meanwhile."""
        if self._is_waiting and self._waits == waits and not self._session.is_speaking:
            self._wanted.set()


class Socket(Protocol):
    """One that is open, a WebSocket's or bare TCP's."""

    def hurry(self) -> None:
        """From now on what is sent must be read soon."""
        ...

    def end(self, why: SottoError) -> None:
        """Take nothing more, and tell the client why."""
        ...


class Request(Protocol):
    """One over HTTP, that is being answered."""

    def end(self, why: SottoError) -> None:
        """Tell the client this instead of its answer."""
        ...


class Closing:
    """All that is under way in a server, and how it is brought to its end."""

    def __init__(self) -> None:
        self._streams: set[End] = set()
        self._sockets: set[Socket] = set()
        self._requests: set[Request] = set()
        self._changed = asyncio.Event()
        self._why: SottoError | None = None
        """Why streams end; one that begins later ends for it too."""

    @property
    def has_streams(self) -> bool:
        """Whether any stream is heard."""
        return bool(self._streams)

    @property
    def has_clients(self) -> bool:
        """Whether any socket is open, or request being answered."""
        return bool(self._sockets or self._requests)

    @contextmanager
    def stream(self, end: End) -> Iterator[None]:
        """For as long as a stream is heard."""
        self._streams.add(end)
        if self._why is not None:
            end.once_heard(self._why)
        try:
            yield
        finally:
            self._streams.discard(end)
            self._changed.set()

    @contextmanager
    def socket(self, socket: Socket) -> Iterator[None]:
        """For as long as a socket is open."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)
            self._changed.set()

    @contextmanager
    def request(self, request: Request) -> Iterator[None]:
        """For as long as a request is being answered."""
        self._requests.add(request)
        try:
            yield
        finally:
            self._requests.discard(request)
            self._changed.set()

    async def until(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Return once it is so, or the time is over; looked at whenever one of them is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not is_so():
                    self._changed.clear()
                    await self._changed.wait()

    def end_streams(self, why: SottoError) -> None:
        """Each at its next pause, once what its client has sent is heard."""
        self._why = why
        for end in tuple(self._streams):
            end.once_heard(why)

    def cut_streams(self, why: SottoError) -> None:
        """Each where it is; no client may be slow any more."""
        for socket in tuple(self._sockets):
            socket.hurry()
        for end in tuple(self._streams):
            end.now(why)

    def end_sockets(self, why: SottoError) -> None:
        """Those whose dialect did not end them with their streams."""
        for socket in tuple(self._sockets):
            socket.end(why)

    def end_requests(self, why: SottoError) -> None:
        """Those that are not answered yet."""
        for request in tuple(self._requests):
            request.end(why)

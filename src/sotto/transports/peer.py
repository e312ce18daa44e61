"""What all WebSocket dialects share: the socket as messages in and messages out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from starlette.datastructures import QueryParams
from starlette.websockets import WebSocketDisconnect, WebSocketState

from sotto.errors import Gone, SottoError, TooLarge, TooSlow
from sotto.runtime.access import Caller
from sotto.runtime.until import until

HURRY = 1.0
"""Seconds in which a message must be read once the server has no more time."""


DELIBERATE = (1000, 1001)
"""Close codes of a client that does not mean to come back."""


class Parting:
    """What a client is told of the error that ends its socket."""

    def last_words(self, error: SottoError) -> str | None:
        """The last message; None: the close code says it."""
        return None

    def lingers(self, error: SottoError) -> bool:
        """Whether the client then has a moment in which it may hang up by itself."""
        return False


class Socket(Protocol):
    """What carries messages: starlette's WebSocket, or whatever is like it."""

    client_state: WebSocketState
    application_state: WebSocketState

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the request that opened it; names in lower case."""
        ...

    @property
    def query_params(self) -> QueryParams:
        """What its address said after the question mark."""
        ...

    @property
    def path_params(self) -> dict[str, Any]:
        """What its address said where the path has a name in braces."""
        ...

    @property
    def scope(self) -> MutableMapping[str, Any]:
        """What else is known of it, as ASGI has it."""
        ...

    async def receive(self) -> MutableMapping[str, Any]:
        """The next message, or that there is none any more, as ASGI has them."""
        ...

    async def send_text(self, data: str) -> None:
        """Raises WebSocketDisconnect, RuntimeError or OSError where nobody is there to take it."""
        ...

    async def send_bytes(self, data: bytes) -> None:
        """As `send_text`."""
        ...


class Peer:
    """The other side of one socket."""

    caller = Caller()
    """Who it is; told by whoever lets it in."""
    is_lost = False
    """Whether the connection broke, as far as is known: its client did not take its leave."""
    parting: Parting | None = None
    """Set where last words depend on what was said before; None: they are the dialect's."""

    def __init__(
        self,
        socket: Socket,
        *,
        send_timeout: float,
        max_message: int = 4 * 1024**2,
        idle_timeout: float | None = None,
    ) -> None:
        """`idle_timeout`: seconds after which a client that says nothing is sent away."""
        self._socket = socket
        self._send_timeout = send_timeout
        self._max_message = max_message
        """Bytes, or characters."""
        self._idle_timeout = idle_timeout
        self._given_up = asyncio.Event()
        self._why: SottoError | None = None
        """What ends the socket though the client did not."""
        self._waiting: asyncio.Timeout | None = None
        """For the first message."""
        self._sending: set[asyncio.Timeout] = set()

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the upgrade; names in lower case."""
        return self._socket.headers

    @property
    def query(self) -> QueryParams:
        """What the address says after its question mark."""
        return self._socket.query_params

    @property
    def path(self) -> Mapping[str, str]:
        """What the address says where the dialect's path has a name in braces."""
        return self._socket.path_params

    @property
    def subprotocols(self) -> list[str]:
        """What the client offers to speak."""
        return list(self._socket.scope.get("subprotocols", []))

    def end(self, why: SottoError) -> None:
        """Receive no more: whoever waits for a message is raised this instead."""
        self._why = self._why or why
        self._given_up.set()
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0)

    def hurry(self) -> None:
        """From now on a client has but a second to read what it is sent."""
        self._send_timeout = min(self._send_timeout, HURRY)
        for sending in self._sending:
            if not sending.expired():
                sending.reschedule(asyncio.get_running_loop().time() + HURRY)

    async def first_text(self, timeout: float) -> str | None:
        """The first message; None where it is not text. Raises TooSlow, Gone, and as `end` says."""
        self._check_ended()
        try:
            async with asyncio.timeout(timeout) as self._waiting:
                message = await self._socket.receive()
        except TimeoutError:
            self._check_ended()
            raise TooSlow(f"expected a first message within {timeout:g} s, got none") from None
        finally:
            self._waiting = None
        if message["type"] == "websocket.disconnect":
            raise Gone("the client hung up before its first message")
        text: str | None = message.get("text")
        return text

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Text and binary messages until the client hangs up, or is given up.

        Raises TooLarge, TooSlow where nothing comes for too long, and as `end` says.
        """
        watch = _Watch(self._idle_timeout, self.end)
        try:
            async for message in until(self._received(), self._given_up):
                watch.heard()
                yield message
        finally:
            watch.close()
        self._check_ended()

    async def _received(self) -> AsyncIterator[str | bytes]:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self.is_lost = message.get("code") not in DELIBERATE
                return
            data: bytes | None = message.get("bytes")
            body = data if data is not None else message.get("text") or ""
            if len(body) > self._max_message:
                raise TooLarge(
                    f"expected messages of at most {self._max_message:,} bytes, got {len(body):,}"
                )
            yield body

    async def send(self, message: str | bytes) -> None:
        """Send one message. Raises Gone, or TooSlow where it is not taken in time."""
        states = (self._socket.client_state, self._socket.application_state)
        if states != (WebSocketState.CONNECTED, WebSocketState.CONNECTED):
            raise Gone("the client hung up")
        try:
            async with self._in_time():
                if isinstance(message, str):
                    await self._socket.send_text(message)
                else:
                    await self._socket.send_bytes(message)
        except TimeoutError:
            self._given_up.set()
            raise TooSlow(
                f"expected a client that reads within {self._send_timeout:g} s, got none"
            ) from None
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            self.is_lost = True
            self._given_up.set()
            raise Gone("the client hung up") from error

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with asyncio.timeout(self._send_timeout) as sending:
            self._sending.add(sending)
            try:
                yield
            finally:
                self._sending.discard(sending)

    def _check_ended(self) -> None:
        if self._why is not None:
            raise self._why


class _Watch:
    """Finds out who says nothing: one timer for many messages."""

    def __init__(self, seconds: float | None, end: Callable[[SottoError], None]) -> None:
        """`seconds` None: anybody may be silent for ever."""
        self._seconds = seconds
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self._look, seconds)

    def heard(self) -> None:
        """Something came."""
        self._since = self._loop.time()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, seconds: float) -> None:
        due = self._since + seconds
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look, seconds)
        else:
            self._end(TooSlow(f"expected something within {seconds:g} s, got nothing"))

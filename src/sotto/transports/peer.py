"""What all WebSocket dialects share: the socket as messages in and messages out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sotto.errors import Gone, SottoError, TooLarge, TooSlow
from sotto.runtime.access import Caller
from sotto.runtime.until import until


class Parting:
    """What a client is told of the error that ends its socket."""

    def last_words(self, error: SottoError) -> str | None:
        """The last message; None: the close code says it."""
        return None

    def lingers(self, error: SottoError) -> bool:
        """Whether the client then has a moment in which it may hang up by itself."""
        return False


class Peer:
    """The other side of one socket."""

    caller = Caller()
    """Who it is; told by whoever lets it in."""
    parting: Parting | None = None
    """Set where last words depend on what was said before; None: they are the dialect's."""

    def __init__(
        self, socket: WebSocket, *, send_timeout: float, max_message: int = 4 * 1024**2
    ) -> None:
        self._socket = socket
        self._send_timeout = send_timeout
        self._max_message = max_message
        """Bytes, or characters."""
        self._given_up = asyncio.Event()

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

    async def first_text(self, timeout: float) -> str | None:
        """The first message; None where it is not text. Raises TooSlow, Gone."""
        try:
            async with asyncio.timeout(timeout):
                message = await self._socket.receive()
        except TimeoutError:
            raise TooSlow(f"expected a first message within {timeout:g} s, got none") from None
        if message["type"] == "websocket.disconnect":
            raise Gone("the client hung up before its first message")
        text: str | None = message.get("text")
        return text

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Text and binary messages until the client hangs up, or is given up. Raises TooLarge."""
        async for message in until(self._received(), self._given_up):
            yield message

    async def _received(self) -> AsyncIterator[str | bytes]:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
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
            async with asyncio.timeout(self._send_timeout):
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
            self._given_up.set()
            raise Gone("the client hung up") from error

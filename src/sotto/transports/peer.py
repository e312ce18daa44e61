"""What all WebSocket dialects share: the socket as messages in and messages out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sotto.errors import Gone, TooLarge, TooSlow


class Peer:
    """The other side of one socket."""

    def __init__(
        self, socket: WebSocket, *, send_timeout: float, max_message: int = 4 * 1024**2
    ) -> None:
        self._socket = socket
        self._send_timeout = send_timeout
        self._max_message = max_message
        """Bytes, or characters."""
        self._given_up = asyncio.Event()

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
        given_up = asyncio.ensure_future(self._given_up.wait())
        receive: asyncio.Future[Message] | None = None
        try:
            while True:
                receive = asyncio.ensure_future(self._socket.receive())
                await asyncio.wait({receive, given_up}, return_when=asyncio.FIRST_COMPLETED)
                if not receive.done():
                    return
                message = receive.result()
                if message["type"] == "websocket.disconnect":
                    return
                data: bytes | None = message.get("bytes")
                body = data if data is not None else message.get("text") or ""
                if len(body) > self._max_message:
                    raise TooLarge(
                        f"expected messages of at most {self._max_message:,} bytes, "
                        f"got {len(body):,}"
                    )
                yield body
        finally:
            given_up.cancel()
            if receive is not None:
                receive.cancel()

    async def send(self, text: str) -> None:
        """Send one text message. Raises Gone, or TooSlow where it is not taken in time."""
        states = (self._socket.client_state, self._socket.application_state)
        if states != (WebSocketState.CONNECTED, WebSocketState.CONNECTED):
            raise Gone("the client hung up")
        try:
            async with asyncio.timeout(self._send_timeout):
                await self._socket.send_text(text)
        except TimeoutError:
            self._given_up.set()
            raise TooSlow(
                f"expected a client that reads within {self._send_timeout:g} s, got none"
            ) from None
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            self._given_up.set()
            raise Gone("the client hung up") from error

"""A call's data channel, read and written as `Peer` does a socket; its sound comes in beside it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import QueryParams
from starlette.websockets import WebSocketState

from sotto.transports.realtime.call import stamped
from sotto.transports.realtime.events import failed

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

LABEL = "oai-events"
HIGH = 256 * 1024
"""Bytes that may wait to be sent, before whoever sends more waits too."""
MAX_WAITING = 4 * 1024**2
"""Bytes that may wait to be read: no data channel can be made to wait, nor can sound."""
MAX_MESSAGES = 10_000
"""The same of empty messages, which weigh nothing."""
MAX_EARLY = 256 * 1024
"""Bytes of sound, 2.7 s, that are kept until the channel is open: people speak at once."""
NORMAL, LOST, TOO_MUCH = 1000, 1006, 1008
"""Close codes, as sockets have them."""

Message = MutableMapping[str, Any]


class Channel:
    """One data channel, from before it is open until after it is closed."""

    def __init__(
        self, headers: Mapping[str, str], query: QueryParams, max_message: int, *, images: bool
    ) -> None:
        """`headers`, `query`: of the request that began the call. `max_message`: bytes that the
        client takes at once. `images`: whether the binary messages are the session's sound,
        instead of what `hear` is given."""
        self.headers = headers
        self.query_params = query
        self.path_params: dict[str, Any] = {}
        self.scope: dict[str, Any] = {}
        self.client_state = self.application_state = WebSocketState.CONNECTING
        self._max_message = max_message
        self._images = images
        self._channel: RTCDataChannel | None = None
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._early = b""
        self._code = NORMAL
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = asyncio.Event()

    # ---- what the connection does

    def open(self, channel: RTCDataChannel) -> None:
        """The client opened it; the first message is an empty one that says so."""
        if self._channel is not None or self.client_state is WebSocketState.DISCONNECTED:
            channel.close()
            return
        self._channel = channel
        self.client_state = self.application_state = WebSocketState.CONNECTED
        channel.bufferedAmountLowThreshold = HIGH // 2
        channel.on("message", self._come)
        channel.on("bufferedamountlow", self._room.set)
        channel.on("close", self._shut)
        self._put("")
        if self._early:
            self._put(self._early)
            self._early = b""

    def hear(self, pcm: bytes) -> None:
        """Sound of the track; it becomes one message with what waits before it."""
        if self._images:
            return
        if self.client_state is WebSocketState.CONNECTING:
            self._early = (self._early + pcm)[-MAX_EARLY:]
            return
        if self._waiting and isinstance(last := self._waiting[-1], bytes):
            self._bytes -= len(last)
            self._waiting.pop()
            pcm = last + pcm
        self._put(pcm)

    def hang_up(self, code: int = NORMAL) -> None:
        """Nothing more comes, and nothing is sent."""
        if self.client_state is not WebSocketState.DISCONNECTED:
            self.client_state = WebSocketState.DISCONNECTED
            self._code = code
            self._news.set()
            self._room.set()

    async def close(self) -> None:
        """Come back once all that was sent has arrived, and the client closed it too."""
        if self._channel is not None:
            self._channel.close()
            await self._closed.wait()

    # ---- what a peer does

    async def receive(self) -> Message:
        """The next message, or that none comes any more."""
        while not self._waiting:
            if self.client_state is WebSocketState.DISCONNECTED:
                return {"type": "websocket.disconnect", "code": self._code}
            self._news.clear()
            await self._news.wait()
        message = self._waiting.popleft()
        self._bytes -= len(message)
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def send_text(self, data: str) -> None:
        """An event; one that does not fit is replaced by an error that says so.

        Raises ConnectionError.
        """
        size = len(data.encode())
        if size > self._max_message:
            message = f"expected an event of at most {self._max_message:,} bytes, got {size:,}"
            data = stamped(failed("event_too_large", message))
        await self._send(data)

    async def send_bytes(self, data: bytes) -> None:
        """Raises ConnectionError."""
        await self._send(data)

    async def _send(self, data: str | bytes) -> None:
        channel = self._channel
        while channel is not None and channel.bufferedAmount > HIGH:
            self._room.clear()
            await self._room.wait()
            if self.client_state is WebSocketState.DISCONNECTED:
                break
        if channel is None or channel.readyState != "open":
            raise ConnectionError("the client hung up")
        channel.send(data)

    def _come(self, message: str | bytes) -> None:
        if isinstance(message, str) or self._images:
            self._put(message)

    def _shut(self) -> None:
        self._closed.set()
        self.hang_up()

    def _put(self, message: str | bytes) -> None:
        if self.client_state is WebSocketState.DISCONNECTED:
            return
        self._waiting.append(message)
        self._bytes += len(message)
        if self._bytes > MAX_WAITING or len(self._waiting) > MAX_MESSAGES:
            self._waiting.clear()
            self.hang_up(TOO_MUCH)
        self._news.set()

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocket

from sotto.errors import Gone, TooSlow
from sotto.transports.peer import Peer


class Wire:
    """An ASGI server's side of one socket, played by hand."""

    def __init__(self, *, takes: bool = True) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.takes = takes
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send" and not self.takes:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def open(self, *, send_timeout: float = 0.01) -> Peer:
        scope = {"type": "websocket", "path": "/", "headers": []}
        socket = WebSocket(scope, self.incoming.get, self.send)
        await socket.accept()
        return Peer(socket, send_timeout=send_timeout)


async def test_messages_come_until_the_client_hangs_up() -> None:
    wire = Wire()
    peer = await wire.open()
    for message in (
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "bytes": b"b"},
        {"type": "websocket.disconnect", "code": 1006},
    ):
        wire.incoming.put_nowait(message)
    assert [message async for message in peer.messages()] == ["a", b"b"]
    with pytest.raises(Gone):
        await peer.send("c")


async def test_a_client_that_does_not_read_is_given_up_and_its_messages_end() -> None:
    wire = Wire(takes=False)
    peer = await wire.open()
    messages = asyncio.ensure_future(collect(peer))
    await asyncio.sleep(0)
    with pytest.raises(TooSlow, match="expected a client that reads"):
        await peer.send("event")
    assert await messages == []


async def collect(peer: Peer) -> list[str | bytes]:
    return [message async for message in peer.messages()]


async def test_the_first_message_must_come_in_time() -> None:
    peer = await Wire().open()
    with pytest.raises(TooSlow, match="first message"):
        await peer.first_text(0.01)


async def test_a_client_that_hangs_up_first_is_gone() -> None:
    wire = Wire()
    peer = await wire.open()
    wire.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
    with pytest.raises(Gone):
        await peer.first_text(1)

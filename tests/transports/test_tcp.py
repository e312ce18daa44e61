"""One connection over bare TCP: who falls silent, does not read, or is gone."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sotto.errors import Gone, TooSlow
from sotto.runtime.service import Service
from sotto.transports.tcp import TcpPeer
from sotto.transports.wyoming.dialect import WyomingDialect
from sotto.transports.wyoming.wire import pack
from tests.serving import Served


@asynccontextmanager
async def peered(send_timeout: float = 60.0) -> AsyncIterator[tuple[TcpPeer, socket.socket]]:
    """Both ends of one connection: the server's, and the other's bare socket."""
    met: asyncio.Queue[TcpPeer] = asyncio.Queue()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.put_nowait(TcpPeer(reader, writer, send_timeout=send_timeout))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    other = socket.create_connection(server.sockets[0].getsockname())
    peer = await met.get()
    try:
        yield peer, other
    finally:
        other.close()
        await peer.close()
        server.close()
        await server.wait_closed()


async def test_who_falls_silent_is_sent_away(server: Served) -> None:
    service: Service = server.service
    async with peered() as (peer, other):
        other.sendall(pack("ping", {"text": "x"}))
        with pytest.raises(TooSlow, match=r"within 0\.05 s"):
            await WyomingDialect(first=60, idle=0.05).serve(peer, service)
        assert other.recv(100).startswith(b'{"type": "pong"')


async def test_who_does_not_read_is_cut() -> None:
    async with peered(send_timeout=0.2) as (peer, _):
        with pytest.raises(TooSlow, match="a client that reads"):
            await peer.send(bytes(64 * 1024**2))
        assert await peer.receive(60) == b""


async def test_who_is_gone_is_gone() -> None:
    async with peered() as (peer, other):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        assert await peer.receive(60) == b""
        with pytest.raises(Gone):
            await peer.send(b"x")


async def test_an_end_is_an_end_whatever_still_comes() -> None:
    async with peered() as (peer, other):
        waiting = asyncio.create_task(peer.receive(60))
        await asyncio.sleep(0)
        peer.end()
        assert await waiting == b""
        other.sendall(b"x")
        assert await peer.receive(60) == b""

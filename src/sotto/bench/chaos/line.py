"""What lies between a client and a server, and breaks where it is told to: a TCP proxy.

Breaks are counted in bytes, not in time: so one falls into the middle of a handshake, of a message,
or of a frame's header, and the same seed makes it fall there again.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from sotto.clock import Clock

READ = 2**16
"""Bytes that are passed on at once, at most."""
AT_ONCE = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing sends RST, and what was not sent yet is dropped (man 7 socket)."""


class Side(StrEnum):
    """Whose bytes."""

    CLIENT = "client"
    SERVER = "server"


class How(StrEnum):
    """What happens to a connection."""

    RESET = "reset"
    """Both ends get RST."""
    CLOSE = "close"
    """Both ends get FIN, after what was on its way."""
    STALL = "stall"
    """It stays, and nothing passes; later it is reset."""
    DELAY = "delay"
    """Nothing passes for a while."""


@dataclass(frozen=True)
class Break:
    """Something that is to happen to one connection."""

    how: How
    side: Side
    after: int
    """It happens behind so many bytes of this side."""
    seconds: float = 0.0
    """For which nothing passes."""


Breaks: TypeAlias = Callable[[int], Sequence[Break]]
"""Those of a connection, by its number; asked for when it comes."""


@dataclass(frozen=True)
class Broken:
    """A break that has happened."""

    at: float
    """The clock's seconds."""
    connection: int
    what: Break


@dataclass(eq=False)
class Line:
    """Of one client: its connections come one after the other."""

    server: tuple[str, int]
    """Host and port."""
    breaks: Breaks
    clock: Clock
    url: str = ""
    passed: Counter[Side] = field(default_factory=Counter)
    """Bytes of each side, over all connections."""
    connections: int = 0
    broken: list[Broken] = field(default_factory=list)
    open: set[_Connection] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """What is still held is let go."""

    @property
    def cuts(self) -> int:
        """Connections that were ended here."""
        return sum(one.what.how is not How.DELAY for one in self.broken)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the client, from its first byte to its last."""
        number, self.connections = self.connections, self.connections + 1
        try:
            there, back = await asyncio.open_connection(*self.server)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(self, number, (writer, back))
        breaks = self.breaks(number)
        self.open.add(connection)
        try:
            await asyncio.gather(
                connection.carry(Side.CLIENT, reader, back, breaks),
                connection.carry(Side.SERVER, there, writer, breaks),
            )
        finally:
            self.open.discard(connection)


@asynccontextmanager
async def opened(line: Line) -> AsyncIterator[Line]:
    """The line, at an address of its own, until the context ends."""
    async with await asyncio.start_server(line.connect, "127.0.0.1", 0) as server:
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield line
        finally:
            line.over.set()
            for connection in tuple(line.open):
                connection.reset()


@dataclass(eq=False)
class _Connection:
    line: Line
    number: int
    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    _passes: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._passes.set()

    async def carry(
        self,
        side: Side,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        breaks: Sequence[Break],
    ) -> None:
        """One side's bytes to the other side, up to its end, with all that happens on the way."""
        own = (one for one in breaks if one.side is side)
        waiting, passed = deque(sorted(own, key=lambda one: one.after)), 0
        try:
            while data := await reader.read(READ):
                while data:
                    await self._passes.wait()
                    most = waiting[0].after - passed if waiting else len(data)
                    piece, data = data[:most], data[most:]
                    writer.write(piece)
                    await writer.drain()
                    passed += len(piece)
                    self.line.passed[side] += len(piece)
                    while waiting and passed >= waiting[0].after:
                        if await self._break(waiting.popleft()):
                            return
        except OSError:
            _reset(writer)  # one end broke off: so does the other
        finally:
            writer.close()

    def reset(self) -> None:
        """End it."""
        for end in self.ends:
            _reset(end)

    async def _break(self, what: Break) -> bool:
        """Whether it is over."""
        self.line.broken.append(Broken(self.line.clock.monotonic(), self.number, what))
        if what.seconds:
            await self._hold(what.seconds)
        match what.how:
            case How.DELAY:
                return False
            case How.CLOSE:
                for end in self.ends:
                    end.close()
            case _:
                self.reset()
        return True

    async def _hold(self, seconds: float) -> None:
        self._passes.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.line.over.wait()
        except TimeoutError:
            pass
        finally:
            self._passes.set()


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.is_closing():
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()

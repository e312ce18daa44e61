"""What lies between a client and a server, and may break."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager


class BreakingLine:
    """Passes bytes on, both ways, while it is whole."""

    def __init__(self, host: str, breaks: Sequence[int] = (), losses: Sequence[int] = ()) -> None:
        """`breaks`: bytes of the client after which the first connections break by themselves;
        `losses`: the same, bytes of the server."""
        name, port = host.split(":")
        self.server = (name, int(port))
        self.url = ""
        self.refused = asyncio.Event()
        """Somebody came while it was broken."""
        self.connections = 0
        self._breaks = [*breaks]
        self._losses = [*losses]
        self._is_away = False
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}
        """Whether anything passes."""

    def cut(self) -> None:
        """Break off what is open, and let nobody in."""
        self._is_away = True
        self.refused.clear()
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_away = False

    async def cut_off(self) -> None:
        """Cut, and mend it once somebody found it broken."""
        self.cut()
        await self.refused.wait()
        self.mend()

    def hold(self) -> None:
        """Nothing passes any more where a connection is open, and nobody is told."""
        for passes in self._open.values():
            passes.clear()

    def release(self) -> None:
        """What was held passes."""
        for passes in self._open.values():
            passes.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the client."""
        if self._is_away:
            self.refused.set()
            writer.transport.abort()
            return
        self.connections += 1
        left = self._breaks.pop(0) if self._breaks else None
        right = self._losses.pop(0) if self._losses else None
        there, back = await asyncio.open_connection(*self.server)
        passes = asyncio.Event()
        passes.set()
        self._open |= {writer: passes, back: passes}
        try:
            await asyncio.gather(
                self._pass(reader, back, passes, left), self._pass(there, writer, passes, right)
            )
        finally:
            del self._open[writer], self._open[back]

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passes: asyncio.Event,
        left: int | None,
    ) -> None:
        try:
            while data := await reader.read(8_192):
                await passes.wait()
                writer.write(data if left is None else data[:left])
                await writer.drain()
                if left is not None and (left := left - len(data)) <= 0:
                    for each in [each for each, its in self._open.items() if its is passes]:
                        each.transport.abort()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def breaking_line(
    host: str,
    breaks: Sequence[int] = (),
    tls: ssl.SSLContext | None = None,
    *,
    losses: Sequence[int] = (),
) -> AsyncIterator[BreakingLine]:
    """A line to a server, at an address of its own."""
    line = BreakingLine(host, breaks, losses)
    async with await asyncio.start_server(line.connect, "127.0.0.1", 0, ssl=tls) as server:
        line.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield line
        line.release()
        line.cut()

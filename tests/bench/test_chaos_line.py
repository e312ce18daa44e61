"""The line that breaks: at the byte that was told, in the way that was told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sotto.bench.chaos.line import Break, How, Line, Side, opened
from sotto.bench.chaos.plan import HANDSHAKE, LASTING, Pass, breaks, share
from sotto.clock import SystemClock

HANGS = 60.0
SOUND = bytes(range(256)) * 1_000


class Echo:
    """A server that gives back what it gets, and notes how its connections ended."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.ends: asyncio.Queue[type[Exception] | None] = asyncio.Queue()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got, end = b"", None
        try:
            while data := await reader.read(1_000):
                got += data
                writer.write(data)
                await writer.drain()
        except ConnectionError as error:
            end = type(error)
        writer.close()
        self.got.append(got)
        await self.ends.put(end)


@asynccontextmanager
async def between(*first: Break) -> AsyncIterator[tuple[Line, Echo]]:
    """A line whose first connection breaks so, and the server behind it."""
    echo = Echo()
    async with (
        asyncio.timeout(HANGS),
        await asyncio.start_server(echo, "127.0.0.1", 0) as server,
    ):
        place = server.sockets[0].getsockname()[:2]
        line = Line(place, lambda number: () if number else first, SystemClock())
        async with opened(line):
            yield line, echo


async def say(line: Line, data: bytes) -> tuple[bytes, type[Exception] | None]:
    """What comes back, and what ended it; None: an orderly end."""
    host, port = line.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    got, end = b"", None

    async def send() -> None:
        try:
            writer.write(data)
            await writer.drain()
        except ConnectionError:
            pass

    sending = asyncio.create_task(send())
    try:
        while len(got) < len(data) and (piece := await reader.read(1_000)):
            got += piece
    except ConnectionError as error:
        end = type(error)
    await sending
    writer.close()
    return got, end


async def test_a_whole_line_passes_everything_and_counts_it() -> None:
    async with between() as (line, echo):
        assert await say(line, SOUND) == (SOUND, None)
        assert await echo.ends.get() is None
    assert echo.got == [SOUND]
    assert line.passed == {Side.CLIENT: len(SOUND), Side.SERVER: len(SOUND)}
    assert (line.connections, line.cuts) == (1, 0)


async def test_a_reset_behind_a_byte_of_the_client() -> None:
    cut = Break(How.RESET, Side.CLIENT, 12_345)
    async with between(cut) as (line, echo):
        got, end = await say(line, SOUND)
        assert end is ConnectionResetError
        assert await echo.ends.get() is ConnectionResetError
        assert len(got) <= 12_345
        assert (await say(line, SOUND))[0] == SOUND  # the next connection is whole
    assert SOUND.startswith(got)
    assert len(echo.got[0]) <= 12_345
    assert [(one.connection, one.what) for one in line.broken] == [(0, cut)]
    assert line.passed[Side.CLIENT] == 12_345 + len(SOUND)


async def test_a_close_behind_a_byte_of_the_server() -> None:
    async with between(Break(How.CLOSE, Side.SERVER, 777)) as (line, echo):
        got, _ = await say(line, SOUND[:2_000])
        await echo.ends.get()
    assert got == SOUND[:777]
    assert line.cuts == 1


async def test_a_delay_holds_up_and_loses_nothing() -> None:
    held = [Break(How.DELAY, side, 5_000, 0.05) for side in Side]
    async with between(*held) as (line, echo):
        assert await say(line, SOUND) == (SOUND, None)
        await echo.ends.get()
    assert line.cuts == 0
    assert [one.what.how for one in line.broken] == [How.DELAY] * 2


async def test_a_stalled_line_passes_nothing_until_it_is_reset() -> None:
    async with between(Break(How.STALL, Side.CLIENT, 100, 0.2)) as (line, echo):
        got, end = await say(line, SOUND)
        assert end is ConnectionResetError
        await echo.ends.get()
    assert len(echo.got[0]) <= 100
    assert got == SOUND[: len(got)]


async def test_a_server_that_is_away() -> None:
    async with between() as (line, _):
        line.server = ("127.0.0.1", 1)
        got, end = await say(line, SOUND)
    assert (got, end) == (b"", ConnectionResetError)


@pytest.mark.parametrize(("cuts", "streams"), [(1_000, 7), (3, 8), (0, 4)])
def test_all_cuts_are_somebodys(cuts: int, streams: int) -> None:
    shares = [share(cuts, streams, client) for client in range(streams)]
    assert sum(shares) == cuts
    assert max(shares) - min(shares) <= 1


def test_what_breaks_is_the_seeds_and_everywhere() -> None:
    usual = Pass(32_000.0, 300.0)
    drawn = [breaks(random.Random(seed), usual, 45.0) for seed in range(500)]
    assert drawn == [breaks(random.Random(seed), usual, 45.0) for seed in range(500)]
    cuts = [one[0] for one in drawn]
    assert Counter(cut.how for cut in cuts).keys() == {How.RESET, How.CLOSE, How.STALL}
    assert {cut.side for cut in cuts} == set(Side)
    assert any(cut.after < HANDSHAKE for cut in cuts)
    assert max(cut.after for cut in cuts) > 0.9 * LASTING * usual.client
    assert all(cut.seconds == (45.0 if cut.how is How.STALL else 0.0) for cut in cuts)
    assert any(len(one) == 2 and one[1].how is How.DELAY for one in drawn)

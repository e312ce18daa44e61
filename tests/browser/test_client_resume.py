"""The client when its line breaks: no word is lost, and none is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from client_page import heard, kept, open_client, stopped, told
from playwright.async_api import Page
from test_page import once

pytestmark = pytest.mark.browser

BLANK = "/health"
COMPLAINTS = ("404", "WebSocket connection", "ERR_")
"""Of an icon that is not there, and of lines that break."""


class Line:
    """What lies between a browser and a server, and may break."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._away = False
        self.refused = asyncio.Event()
        """Somebody came while the line was broken."""

    def cut(self) -> None:
        """Break off what is open, and let nobody in."""
        self._away = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._away = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the browser."""
        if self._away:
            self.refused.set()
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._server)
        pair = {writer, back}
        self._open |= pair
        try:
            await asyncio.gather(_pass(reader, back), _pass(there, writer))
        finally:
            self._open -= pair


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def breakable(url: str) -> AsyncIterator[tuple[str, Line]]:
    """The address of a line to the server."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    line = Line(parts.hostname, parts.port)
    async with await asyncio.start_server(line.connect, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", line
        line.cut()


async def follows(page: Page, words: str) -> None:
    """The finals are the clip's words, each utterance's once and in order."""
    finals = await kept(page, "final")
    assert once(" ".join(final["text"] for final in finals)) == words
    assert [final["utterance"] for final in finals] == list(range(len(finals)))
    ends = [final["end"] for final in finals]
    starts = [final["start"] for final in finals]
    assert all(start >= end for start, end in zip(starts[1:], ends, strict=False))
    closed = (await kept(page, "closed"))[0]
    assert closed["utterances"] == len(finals)
    assert closed["duration"] >= ends[-1]


@pytest.mark.parametrize("silent", [False, True])
async def test_a_line_that_breaks_while_somebody_speaks(visit, server_url, spoken_clip, silent):
    words = spoken_clip[1]
    async with breakable(server_url) as (url, line):
        page = await visit(BLANK, url=url, expected=COMPLAINTS)
        await open_client(page, {"model": "nano", "language": "en", "silent": silent})
        await told(page, "speech_started")
        line.cut()
        await told(page, "reconnecting")
        await asyncio.wait_for(line.refused.wait(), 60)
        line.mend()
        resumed = (await told(page, "resumed"))[0]
        assert resumed["utterance"] == 0
        await heard(page, words.split()[-1])
        assert (await stopped(page))["notice"] == ""
        await follows(page, words)
        assert not [w for w in await kept(page, "warning") if w["code"] == "lost"]


async def test_a_line_that_breaks_before_the_last_words(visit, server_url, spoken_clip):
    words = spoken_clip[1]
    async with breakable(server_url) as (url, line):
        page = await visit(BLANK, url=url, expected=COMPLAINTS)
        await open_client(page, {"model": "nano", "language": "en", "silent": True})
        await heard(page, words.split()[-1])
        line.cut()
        await page.evaluate("client.stop()")
        await told(page, "reconnecting")
        line.mend()
        await told(page, "stopped")
        await follows(page, words)


async def test_stopping_twice_ends_the_waiting(visit, server_url, spoken_clip):
    async with breakable(server_url) as (url, line):
        page = await visit(BLANK, url=url, expected=COMPLAINTS)
        await open_client(page, {"model": "nano", "silent": True})
        await heard(page, spoken_clip[1].split()[0])
        line.cut()
        await told(page, "reconnecting")
        await page.evaluate("client.stop()")
        end = await stopped(page)
        assert end["notice"] == ""
        assert await kept(page, "closed") == []


async def test_the_page_says_that_it_reconnects(visit, server_url, spoken_clip):
    async with breakable(server_url) as (url, line):
        page = await visit(url=url, expected=COMPLAINTS)
        part = "#live [data-live={}]".format
        await page.click(part("start"))
        await page.locator("#live .word").first.wait_for(timeout=60_000)
        line.cut()
        await page.locator(part("status"), has_text="Reconnecting").wait_for()
        line.mend()
        await (
            page.locator(part("status"), has_text="Listening")
            .or_(page.locator(part("status"), has_text="Hearing speech"))
            .wait_for(timeout=60_000)
        )
        last = page.locator("#live .word:visible", has_text=spoken_clip[1].split()[-1])
        await last.first.wait_for(timeout=60_000)
        seen = await page.locator("#live .word:visible").all_inner_texts()
        assert once(" ".join(seen)) == spoken_clip[1]

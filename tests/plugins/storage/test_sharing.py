"""Servers that share one database: of a session's streams one is heard, and no sound is lost."""

from __future__ import annotations

import asyncio
import sys

import pytest

from sotto.errors import Superseded
from sotto.interfaces.store import Beginning
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.stores import Wall, final

SPENDING = """
import asyncio, sys
from sotto.plugins.storage.sql import SqlStore

async def main():
    store = SqlStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(store.spend("anna", "2026-11-22", 7) for _ in range(40)))
    await store.close()

asyncio.run(main())
"""


async def test_no_sound_is_lost_between_processes(url: str) -> None:
    store = SqlStore(url)
    await store.open()
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", SPENDING, url) for _ in range(2)
    ]
    assert [await process.wait() for process in running] == [0, 0]
    assert await store.spend("anna", "2026-11-22", 0) == 2 * 40 * 7
    await store.close()


async def test_a_server_that_was_cut_off_keeps_nothing_more(url: str) -> None:
    cut_off, other = SqlStore(url, Wall()), SqlStore(url, Wall())
    for store in (cut_off, other):
        await store.open()
    first = await cut_off.begin(Beginning("a"))
    await cut_off.append("a", final(0, "nine"), stream=first.stream)
    second = await other.begin(Beginning("a", continues=True))
    assert second.stream == first.stream + 1
    with pytest.raises(Superseded, match="expected the session's newest stream, 2, got its 1"):
        await cut_off.append("a", final(1, "stale"), stream=first.stream)
    await other.append("a", final(1, "two"), stream=second.stream)
    assert [kept.text for kept in await cut_off.segments("a")] == ["nine", "two"]
    for store in (cut_off, other):
        await store.close()


async def test_what_is_kept_while_another_stream_begins_is_seen_by_it(url: str) -> None:
    """A final is refused, or it is there for the stream that carries on: never neither or both."""
    stores = [SqlStore(url, Wall()) for _ in range(2)]
    for store in stores:
        await store.open()
    held, taking_over = stores
    for at in range(20):
        name = f"s{at}"
        record = await held.begin(Beginning(name))

        async def keep(name: str = name, stream: int = record.stream) -> bool:
            try:
                await held.append(name, final(0, "word"), stream=stream)
            except Superseded:
                return False
            return True

        async def carry_on(name: str = name) -> int:
            return (await taking_over.begin(Beginning(name, continues=True))).segments

        kept, seen = await asyncio.gather(keep(), carry_on())
        assert kept == bool(seen)
        assert len(await taking_over.segments(name)) == seen
    for store in stores:
        await store.close()

"""What is SQLite's own: the file, what outlives a kill, what happens to one that is at fault."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.errors import BadOption, StoreUnavailable
from sotto.interfaces.store import MAX_TEXT, Beginning, Query
from sotto.plugins.storage.sql import SqlStore
from sotto.plugins.storage.terms import terms
from sotto.testing.store_contract import Wall, final
from sotto.transcript.words import Segment, Word


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "of" / "transcripts.db"


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore(f"sqlite:///{file}", Wall())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def test_the_file_is_its_owners_alone(file: Path) -> None:
    async with opened(file) as store:
        await store.append("a", final(0, "nine"))
        for each in file.parent.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_what_is_kept_is_there_when_it_is_opened_again(file: Path) -> None:
    async with opened(file) as store:
        before = await store.begin(Beginning("a", "stream", "anna"))
        await store.append("a", final(0, "nine", "two"))
    async with opened(file) as store:
        assert await store.segments("a") == [final(0, "nine", "two")]
        record = await store.record("a")
        assert record is not None
        assert (record.owner, record.began, record.words) == ("anna", before.began, 2)


def said_in(folder: Path) -> list[Path]:
    """The files in which the word is."""
    return [each for each in folder.iterdir() if b"kaleidoscope" in each.read_bytes()]


async def test_a_deleted_word_is_in_the_file_no_more(file: Path) -> None:
    async with opened(file) as store:
        await store.append("a", final(0, "kaleidoscope"))
        await store.append("b", final(0, "nine"))
    assert said_in(file.parent)
    async with opened(file) as store:
        await store.delete("a")
        assert await store.expire(0) == 0  # as each hour
    assert not said_in(file.parent)


APPENDING = """
import asyncio, sys
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.store_contract import final

async def speak(store, session):
    for number in range(100_000):
        await store.append(session, final(number, "word", session, str(number)))
        print(session, number, flush=True)

async def main():
    store = SqlStore(sys.argv[1])
    await store.open()
    await asyncio.gather(*(speak(store, f"s{at}") for at in range(8)))

asyncio.run(main())
"""


def killed_after(lines: int, file: Path) -> dict[str, int]:
    """Session → how many finals were acknowledged when SIGKILL came."""
    told: dict[str, int] = {}
    with subprocess.Popen(
        [sys.executable, "-c", APPENDING, f"sqlite:///{file}"], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line, _ in zip(child.stdout, range(lines), strict=False):
            session, number = line.split()
            told[session] = int(number) + 1
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:  # what it said before it died
            if line.endswith("\n"):
                session, number = line.split()
                told[session] = int(number) + 1
    assert child.returncode == -signal.SIGKILL
    return told


@pytest.mark.parametrize("lines", [1, 60, 333])
async def test_what_was_acknowledged_outlives_a_kill(file: Path, lines: int) -> None:
    told = await asyncio.to_thread(killed_after, lines, file)
    assert sum(told.values()) >= lines
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    async with opened(file) as store:
        for session, count in told.items():
            kept = await store.segments(session)
            # At most the one that was committed and not told yet is there besides.
            assert len(kept) in (count, count + 1)
            assert kept == [
                final(number, "word", session, str(number)) for number in range(len(kept))
            ]
            record = await store.record(session)
            assert record is not None
            assert (record.segments, record.words) == (len(kept), 3 * len(kept))
            last = Query(text=f"{session} {count - 1}")
            assert [found.id for found in (await store.sessions(last)).records] == [session]


async def test_a_database_that_another_process_writes_is_waited_for(file: Path) -> None:
    async with opened(file) as store:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            appending = asyncio.create_task(store.append("a", final(0, "nine")))
            assert await store.segments("a") == []  # reading goes on
            assert not appending.done()
            other.execute("COMMIT")
            await appending
        assert await store.segments("a") == [final(0, "nine")]


async def test_one_that_stays_locked_is_unavailable_and_then_goes_on(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotto.plugins.storage.connecting.BUSY_SECONDS", 0.05)
    async with opened(file) as store:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            told = await asyncio.gather(
                *(store.append(name, final(0, "nine")) for name in "abc"), return_exceptions=True
            )
            assert [type(error) for error in told] == [StoreUnavailable] * 3
            other.execute("ROLLBACK")
        for name in "abc":
            await store.append(name, final(0, "nine"))
            assert await store.segments(name) == [final(0, "nine")]


async def test_one_that_is_full_is_unavailable_and_keeps_what_it_has(file: Path) -> None:
    async with opened(file) as store:
        await store.append("a", final(0, "nine"))
        long = [f"{number:09}" for number in range(1_000)]
        with pytest.raises(StoreUnavailable):
            assert store._writer is not None
            async with store._writer.connect() as connection:
                await connection.exec_driver_sql("PRAGMA max_page_count = 30")
            for number in range(1, 100):
                await store.append("a", final(number, *long))
        kept = await store.segments("a")
        assert kept[0] == final(0, "nine")
        record = await store.record("a")
        assert record is not None
        assert record.segments == len(kept)


def test_one_that_is_none_is_unavailable(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    with pytest.raises(StoreUnavailable):
        asyncio.run(SqlStore(f"sqlite:///{file}").open())


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "of").write_text("a file")
    with pytest.raises(StoreUnavailable, match=r"cannot write transcripts to .*transcripts\.db"):
        async with opened(tmp_path / "of" / "transcripts.db"):
            pass


@pytest.mark.parametrize("url", ["", "transcripts.db", "mysql://a@b/c", "sqlite://", "postgres:"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadOption, match=r"expected store\.url to be sqlite:///FILE"):
        SqlStore(url)


async def test_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    store = SqlStore("sqlite:///~/transcripts.db")
    await store.open()
    await store.close()
    assert (tmp_path / "transcripts.db").is_file()


async def test_nobody_waits_for_one_who_gave_up(file: Path) -> None:
    async with opened(file) as store:
        appending = [
            asyncio.create_task(store.append("a", final(number, "word"))) for number in range(20)
        ]
        await asyncio.sleep(0)
        for task in appending[::2]:
            task.cancel()
        await asyncio.gather(*appending, return_exceptions=True)
        assert {segment.id for segment in await store.segments("a")} >= set(range(1, 20, 2))


# ---- whatever is said is found


WORDS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(WORDS, min_size=1, max_size=4), query=st.text(max_size=MAX_TEXT))
def test_any_text_may_be_looked_for(
    tmp_path_factory: pytest.TempPathFactory, said: list[list[str]], query: str
) -> None:
    file = tmp_path_factory.mktemp("found") / "transcripts.db"

    async def look() -> None:
        async with opened(file) as store:
            for number, words in enumerate(said):
                spoken = tuple(Word(f" {word}", 0, 10, 1.0) for word in words)
                await store.append(f"s{number}", Segment(0, 0, 10, spoken, "en"))
            await store.sessions(Query(text=query))
            for number, words in enumerate(said):
                text = " ".join(words)
                found = [one.id for one in (await store.sessions(Query(text=text))).records]
                assert (f"s{number}" in found) == bool(terms(text)), text

    asyncio.run(look())

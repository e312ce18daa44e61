"""Databases of every age are brought up to date, and those of a newer server refused."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from sotto.errors import StoreUnavailable
from sotto.interfaces.store import Beginning, Query
from sotto.plugins.storage.connecting import place_of
from sotto.plugins.storage.migrating import MIGRATIONS
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.store_contract import Wall, final

FIRST = """
CREATE TABLE sotto_revision (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO sotto_revision VALUES ('0001');
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, dialect TEXT NOT NULL,
    owner TEXT, meeting TEXT, speaker TEXT, model TEXT NOT NULL, language TEXT,
    began DOUBLE PRECISION NOT NULL, heard DOUBLE PRECISION NOT NULL, frames BIGINT NOT NULL,
    start BIGINT NOT NULL, words BIGINT NOT NULL, segments BIGINT NOT NULL
);
CREATE INDEX sessions_by_owner ON sessions (owner, number);
CREATE INDEX sessions_by_age ON sessions (heard);
CREATE TABLE segments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    session BIGINT NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
    id BIGINT NOT NULL, start BIGINT NOT NULL, finish BIGINT NOT NULL, language TEXT NOT NULL,
    words TEXT NOT NULL, measures TEXT NOT NULL, UNIQUE (session, id)
);
CREATE VIRTUAL TABLE spoken USING fts5 (terms, tokenize = 'ascii', detail = none);
CREATE TRIGGER segments_deleted AFTER DELETE ON segments BEGIN
    DELETE FROM spoken WHERE rowid = old.number;
END;
INSERT INTO sessions VALUES
    (1, 'a', 'stream', 'anna', NULL, NULL, 'nano', 'en', 10.0, 20.0, 120, 0, 2, 1);
INSERT INTO segments VALUES (
    1, 1, 0, 0, 120, 'en', '[[" nine", 0, 40, 0.5], [" two", 50, 90, 0.75]]',
    '{"language_probability": 0.75, "avg_logprob": -0.5, "no_speech_prob": 0.125,
      "compression_ratio": 1.5, "temperature": 0.25, "tokens": [50000, 50001]}'
);
INSERT INTO spoken (rowid, terms) VALUES (1, 'nine two');
"""
"""A database of the first revision, in which one session was kept. It stays as it is."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "transcripts.db"


def store_in(file: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{file}", Wall())


def schema(file: Path) -> set[tuple[str, str]]:
    """Names of what a database is made of."""
    with closing(sqlite3.connect(file)) as raw:
        return set(raw.execute("SELECT type, name FROM sqlite_master"))


def contents(file: Path) -> list[str]:
    """All of a database, as SQL."""
    with closing(sqlite3.connect(file)) as raw:
        return list(raw.iterdump())


async def test_one_of_the_first_revision_is_carried_on(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.executescript(FIRST)
    store = store_in(file)
    await store.open()
    assert await store.segments("a") == [final(0, "nine", "two")]
    record = await store.record("a")
    assert record is not None
    assert (record.owner, record.dialect, record.began, record.words) == ("anna", "stream", 10, 2)
    assert record.stream == 1
    assert (await store.begin(Beginning("a", owner="anna", continues=True))).stream == 2
    assert await store.spend("anna", "2026-11-22", 5) == 5
    await store.append("a", final(1, "five"))
    for text in ("nine", "five"):
        assert len((await store.sessions(Query(text=text))).records) == 1
    await store.delete("a")
    assert (await store.sessions(Query(text="nine"))).records == ()
    await store.close()
    new = tmp_path / "new.db"
    fresh = store_in(new)
    await fresh.open()
    await fresh.close()
    assert schema(file) == schema(new)


async def test_each_older_revision_is_carried_on_by_each_database(url: str) -> None:
    """With one session in it, as servers of that revision wrote it."""
    place = place_of(url)
    await asyncio.to_thread(place.prepare)
    engine = place.writer()
    async with engine.begin() as connection:
        await connection.run_sync(upgrade_to, "0001")
        await connection.execute(
            sa.text(
                "INSERT INTO sessions (id, dialect, owner, model, began, heard, frames, start, "
                "words, segments) VALUES ('a', 'stream', 'anna', 'nano', 10, 20, 120, 0, 0, 0)"
            )
        )
        await connection.run_sync(upgrade_to, "0002")
        await connection.execute(sa.text("INSERT INTO used VALUES ('anna', '2026-11-22', 7)"))
    await engine.dispose()
    store = SqlStore(url, Wall(), keeps_outbox=True)
    await store.open()
    assert await store.spend("anna", "2026-11-22", 1) == 8
    record = await store.begin(Beginning("a", owner="anna", continues=True))
    assert (record.began, record.frames, record.stream) == (10, 120, 2)
    await store.append("a", final(0, "nine"), stream=2)
    assert store.outbox is not None
    assert await store.outbox.length() == 1
    await store.close()


def upgrade_to(connection: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def test_opening_twice_changes_nothing(file: Path) -> None:
    for _ in range(2):
        store = store_in(file)
        await store.open()
        await store.append("a", final(0, "nine"))
        await store.close()
        told = schema(file)
    assert schema(file) == told


async def test_servers_that_start_together_take_turns(file: Path) -> None:
    stores = [store_in(file) for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    for number, store in enumerate(stores):
        await store.append("a", final(number, "nine"))
    assert len(await stores[0].segments("a")) == 8
    for store in stores:
        await store.close()


async def test_one_of_a_newer_server_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.executescript(FIRST)
        raw.execute("UPDATE sotto_revision SET version_num = '9999'")
        raw.commit()
    before = contents(file)
    with pytest.raises(StoreUnavailable, match="of this or an older version"):
        await store_in(file).open()
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT version_num FROM sotto_revision").fetchone() == ("9999",)
        assert raw.execute("SELECT count(*) FROM segments").fetchone() == (1,)
    assert contents(file) == before


def test_the_revisions_ship_with_the_package() -> None:
    assert (MIGRATIONS / "env.py").is_file()
    for name in ("first", "streams", "outbox", "conversations"):
        assert (MIGRATIONS / "versions" / f"{name}.py").is_file()

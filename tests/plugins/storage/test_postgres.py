"""What is PostgreSQL's own: a server that goes away and comes back."""

from __future__ import annotations

import asyncio
import logging

import pytest
import sqlalchemy as sa

from sotto.errors import StoreUnavailable
from sotto.interfaces.store import Query
from sotto.plugins.storage.connecting import place_of
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.store_contract import Wall, final
from tests.plugins.storage.conftest import Postgres


async def test_one_that_went_away_is_unavailable_and_then_goes_on(
    postgres: Postgres, database: str
) -> None:
    store = SqlStore(database, Wall())
    await store.open()
    await store.append("a", final(0, "nine"))
    await asyncio.to_thread(postgres.stop)
    try:
        for work in (store.append("a", final(1, "two")), store.segments("a"), store.delete("a")):
            with pytest.raises(StoreUnavailable):
                await work
    finally:
        await asyncio.to_thread(postgres.start)
    assert await store.segments("a") == [final(0, "nine")]
    await store.append("a", final(1, "two"))
    assert len(await store.segments("a")) == 2
    await store.close()


async def test_one_that_is_not_there_is_unavailable_and_its_password_is_not_told(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for address in (
            postgres.address("nowhere"),
            "postgresql://sotto:a-secret@127.0.0.1:1/nowhere",
        ):
            with pytest.raises(StoreUnavailable) as told:
                await SqlStore(address).open()
            assert "a-secret" not in str(told.value)
    assert "cannot be used" in caplog.text
    assert "a-secret" not in caplog.text


async def test_servers_share_it(database: str) -> None:
    stores = [SqlStore(database, Wall()) for _ in range(3)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(
        *(
            store.append(f"s{session}", final(number, "word"))
            for number, store in enumerate(stores)
            for session in range(20)
        )
    )
    for session in range(20):
        kept = await stores[0].segments(f"s{session}")
        assert kept == [final(number, "word") for number in range(3)]
        record = await stores[1].record(f"s{session}")
        assert record is not None
        assert (record.words, record.segments) == (3, 3)
    assert len((await stores[2].sessions(Query(text="word", limit=100))).records) == 20
    for store in stores:
        await store.close()


async def test_servers_never_wait_for_each_others_rows(database: str) -> None:
    """A database ends that after a second, in which no final is kept."""
    stores = [SqlStore(database, Wall(), keeps_outbox=True) for _ in range(2)]
    for store in stores:
        await store.open()
    names = [f"s{number}" for number in range(20)]
    for number in range(6):
        await asyncio.gather(
            *(
                store.append(name, final(number * 2 + at, "word"))
                for at, store in enumerate(stores)
                for name in (names, names[::-1])[at]
            ),
            *(store.spend("anna", "2026-11-22", 1) for store in stores),
        )
    for store in stores:
        await store.close()
    engine = place_of(database).reader()
    async with engine.connect() as connection:
        counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert (await connection.execute(sa.text(counted))).scalar_one() == 0
    await engine.dispose()

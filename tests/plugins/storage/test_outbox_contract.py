"""The outboxes keep their contract, also where several servers share one and one dies."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sotto.clock import Clock
from sotto.interfaces.outbox import Outbox
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.storage.memory import MemoryStore
from sotto.plugins.storage.pending import MAX_PENDING
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.outbox_contract import LEASE, OutboxContract
from sotto.testing.stores import Wall, final


class TestMemory(OutboxContract):
    def make(self, clock: Clock) -> TranscriptStore:
        return MemoryStore(clock=clock, keeps_outbox=True)


class TestSqlite(OutboxContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path / 'transcripts.db'}"

    def make(self, clock: Clock) -> TranscriptStore:
        return SqlStore(self.url, clock, keeps_outbox=True)


class TestPostgres(OutboxContract):
    @pytest.fixture(autouse=True)
    def _place(self, database: str) -> None:
        self.url = database

    def make(self, clock: Clock) -> TranscriptStore:
        return SqlStore(self.url, clock, keeps_outbox=True)


def outbox_of(store: SqlStore) -> Outbox:
    assert store.outbox is not None
    return store.outbox


async def test_servers_that_share_one_are_not_given_the_same(url: str) -> None:
    stores = [SqlStore(url, Wall(), keeps_outbox=True) for _ in range(3)]
    for store in stores:
        await store.open()
    told: dict[str, list[int]] = {f"s{number}": [] for number in range(8)}

    async def speak(name: str, store: SqlStore) -> None:
        for number in range(10):
            await store.append(name, final(number, "word"))

    async def tell(outbox: Outbox) -> None:
        while sum(map(len, told.values())) < 80:
            for delivery in await outbox.take(3, LEASE):
                assert delivery.attempt == 1
                told[delivery.record.id].append(delivery.segment.id)
                await outbox.finish(delivery)
            await asyncio.sleep(0)

    async with asyncio.timeout(120):
        await asyncio.gather(
            *(speak(name, stores[at % 3]) for at, name in enumerate(told)),
            *(tell(outbox_of(store)) for store in stores),
        )
    assert told == {name: list(range(10)) for name in told}
    assert await outbox_of(stores[0]).length() == 0
    for store in stores:
        await store.close()


async def test_what_was_not_told_outlives_the_server(url: str) -> None:
    clock = Wall()
    store = SqlStore(url, clock, keeps_outbox=True)
    await store.open()
    for number in range(2):
        await store.append("a", final(number, f"word{number}"))
    (leased,) = await outbox_of(store).take(10, LEASE)
    await store.close()
    again = SqlStore(url, clock, keeps_outbox=True)
    await again.open()
    assert await outbox_of(again).take(10, LEASE) == []
    clock.now += LEASE
    (first,) = await outbox_of(again).take(10, LEASE)
    assert (first.id, first.segment) == (leased.id, leased.segment)
    await outbox_of(again).finish(first)
    (second,) = await outbox_of(again).take(10, LEASE)
    assert second.segment == final(1, "word1")
    await again.close()


async def test_a_store_that_nobody_is_told_of_keeps_none(url: str) -> None:
    store = SqlStore(url, Wall())
    assert store.outbox is None
    await store.open()
    await store.append("a", final(0, "nine"))
    await store.close()
    telling = SqlStore(url, Wall(), keeps_outbox=True)
    await telling.open()
    assert await outbox_of(telling).length() == 0
    await telling.close()


async def test_in_memory_there_is_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore(clock=Wall(), keeps_outbox=True)
    assert store.outbox is not None
    for number in range(MAX_PENDING + 1):
        await store.append(f"s{number % 100}", final(number, "word"))
    assert await store.outbox.length() == MAX_PENDING
    assert "finals that wait to be told" in caplog.text
    deliveries = await store.outbox.take(100, LEASE)
    assert sorted(delivery.segment.id for delivery in deliveries) == list(range(1, 101))

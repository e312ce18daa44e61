"""What is old is forgotten, at the start and from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from sotto.errors import StoreUnavailable
from sotto.interfaces.store import Query
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime import retention
from sotto.runtime.retention import expiring
from sotto.testing.store_contract import Wall, final


@dataclass
class Breaks(MemoryStore):
    """One that is away when it is first asked to forget."""

    clock: Wall
    asked: int = 0
    forgot: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        super().__init__(clock=self.clock)

    async def expire(self, before: float) -> int:
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("away")
        count = await super().expire(before)
        if count:
            self.forgot.set()
        return count


async def left(store: MemoryStore) -> list[str]:
    return [record.id for record in (await store.sessions(Query())).records]


@pytest.fixture
async def clock() -> AsyncIterator[Wall]:
    yield Wall()


async def test_what_is_old_at_the_start_is_forgotten(clock: Wall) -> None:
    store = MemoryStore(clock=clock)
    await store.append("old", final(0, "nine"))
    clock.now += 60
    await store.append("new", final(0, "nine"))
    async with expiring(store, 59, clock):
        assert await left(store) == ["new"]


async def test_nothing_is_forgotten_where_all_is_kept(clock: Wall) -> None:
    store = MemoryStore(clock=clock)
    await store.append("old", final(0, "nine"))
    clock.now += 1e9
    async with expiring(store, 0, clock):
        assert await left(store) == ["old"]


async def test_how_much_was_used_is_forgotten_whatever_is_kept(clock: Wall) -> None:
    store = MemoryStore(clock=clock)
    await store.spend("anna", "1970-01-12", 5)
    clock.now += 60 * 86_400
    async with expiring(store, 0, clock):
        assert await store.spend("anna", "1970-01-12", 0) == 0


async def test_it_goes_on_and_outlives_a_store_that_is_away(
    clock: Wall, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "PERIOD", 0.001)
    store = Breaks(clock)
    await store.append("a", final(0, "nine"))
    async with expiring(store, 3_600, clock):
        assert "could not be forgotten" in caplog.text
        assert await left(store) == ["a"]
        clock.now += 3_601
        async with asyncio.timeout(60):
            await store.forgot.wait()
        assert await left(store) == []

"""Minutes a day: what is heard counts, for whoever was let in, wherever it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from sotto.audio.chunk import MelChunk
from sotto.errors import RateLimited, StoreUnavailable
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime.access import Allowance, Caller, Scope
from sotto.runtime.guard import Guarded
from sotto.runtime.quota import BATCH, PAUSE, Quotas, metered
from sotto.runtime.runner import Flush, Heard
from tests.signing import FakeClock

MINUTE = 6_000
"""Frames."""
NOON = 1_800_014_400.0
"""In seconds since 1970: 12:00 UTC of 2027-01-15."""
ANNA = Caller(name="anna", allowance=Allowance(minutes=2))


class Store(MemoryStore):
    """Counts what it is asked, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.told: list[int] = []

    async def spend(self, owner: str, day: str, frames: int) -> int:
        if self.away:
            raise StoreUnavailable("away")
        if frames:
            self.told.append(frames)
        return await super().spend(owner, day, frames)


class Words:
    """Credentials that know whoever they are made for."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def caller(self, token: str) -> Caller | None:
        return self._caller

    def stands(self, caller: Caller) -> bool:
        return True


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def store() -> Store:
    return Store()


def server(store: Store, clock: FakeClock, caller: Caller = ANNA) -> tuple[Guarded, Quotas]:
    quotas = Quotas(store, clock)
    return Guarded([Words(caller)], clock, quotas), quotas


async def sound(frames: int) -> AsyncIterator[Heard]:
    for start in range(0, frames, 100):
        yield MelChunk(start, np.zeros((100, 80), np.float32), np.zeros(100, np.float32))
        yield Flush()
        await asyncio.sleep(0)


async def hear(guard: Guarded, frames: int, scope: Scope = Scope.FILES) -> int:
    """Frames that were heard before it was too much. Raises RateLimited."""
    caller = await guard.admit("token", scope)
    heard = 0
    with guard.enter(caller, scope):
        async for item in metered(sound(frames)):
            heard += 0 if isinstance(item, Flush) else len(item)
    return heard


async def test_a_day_has_so_many_minutes(store: Store, clock: FakeClock) -> None:
    guard, _ = server(store, clock)
    assert await hear(guard, MINUTE) == MINUTE
    with pytest.raises(RateLimited, match="at most 2 minutes of sound a day") as over:
        await hear(guard, 3 * MINUTE)
    assert over.value.retry_after == 12 * 3600
    with pytest.raises(RateLimited):
        await guard.admit("token", Scope.STREAMS)
    assert (await guard.admit("token", Scope.MODELS)).name == "anna"
    clock.passed = 12 * 3600
    assert await hear(guard, MINUTE) == MINUTE


async def test_who_has_no_quota_is_not_counted(store: Store, clock: FakeClock) -> None:
    guard, quotas = server(store, clock, Caller(name="bert"))
    async with quotas.kept():
        assert await hear(guard, 10 * MINUTE) == 10 * MINUTE
    assert store.told == []


async def test_a_stream_is_told_once_it_is_over_and_goes_on(store: Store, clock: FakeClock) -> None:
    guard, _ = server(store, clock)
    caller = await guard.admit("token", Scope.STREAMS)
    told: list[RateLimited] = []
    with guard.enter(caller, Scope.STREAMS):
        heard = [item async for item in metered(sound(2 * MINUTE + 300), told.append)]
    assert len(heard) == 2 * (2 * MINUTE + 300) // 100
    assert len(told) == 4  # the piece that used it up, and the three after it


async def test_servers_share_what_is_used_and_a_new_one_knows_it(
    store: Store, clock: FakeClock
) -> None:
    one, first = server(store, clock)
    other, second = server(store, clock)
    async with first.kept():
        await hear(one, MINUTE + 100)
    assert sum(store.told) == MINUTE + 100
    assert max(store.told) <= BATCH + 100
    async with second.kept():
        with pytest.raises(RateLimited):
            await hear(other, MINUTE)
    with pytest.raises(RateLimited):
        await hear(one, 100)


async def test_without_its_store_a_server_counts_by_itself(store: Store, clock: FakeClock) -> None:
    guard, quotas = server(store, clock)
    async with quotas.kept():
        store.away = True
        assert await hear(guard, MINUTE) == MINUTE
        with pytest.raises(RateLimited):
            await hear(guard, MINUTE)
        assert store.told == []
        store.away = False
        clock.passed = PAUSE
    assert sum(store.told) == 2 * MINUTE


async def test_what_was_heard_before_midnight_is_yesterdays(store: Store, clock: FakeClock) -> None:
    guard, quotas = server(store, clock)
    async with quotas.kept():
        store.away = True
        await hear(guard, MINUTE)
        clock.passed = 12 * 3600 + 1
        store.away = False
        await hear(guard, 100)
    assert await store.spend("anna", "2027-01-15", 0) == MINUTE
    assert await store.spend("anna", "2027-01-16", 0) == 100


async def test_each_subject_of_a_token_has_its_own(store: Store, clock: FakeClock) -> None:
    for subject in ("a", "b"):
        caller = Caller(name="jwt:k", subject=subject, allowance=Allowance(minutes=1))
        guard, quotas = server(store, clock, caller)
        async with quotas.kept():
            await hear(guard, MINUTE - 100)
        assert await store.spend(f"jwt:k:{subject}", "2027-01-15", 0) == MINUTE - 100

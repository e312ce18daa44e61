"""What every TranscriptStore must do where several servers share it; part of `StoreContract`."""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import asyncio

import pytest

from sotto.errors import Superseded
from sotto.interfaces.store import USED_DAYS, Beginning, Query
from sotto.testing.stores import StoreCase, Wall, final

DAY = 86_400.0


class SharingContract(StoreCase):
    """Streams that take a session over from each other, and how much sound is used."""

    async def test_counts_the_streams_of_a_session(self) -> None:
        async with self.opened() as store:
            for count in (1, 2, 3):
                record = await store.begin(Beginning("a", continues=count == 3))
                assert record.stream == count
                assert await store.record("a") == record
            assert (await store.begin(Beginning("b"))).stream == 1

    async def test_a_stream_that_another_carries_on_keeps_nothing_more(self) -> None:
        async with self.opened() as store:
            first = await store.begin(Beginning("a"))
            await store.append("a", final(0, "nine"), stream=first.stream)
            second = await store.begin(Beginning("a", continues=True))
            before = await store.record("a")
            for late in (final(0, "nine"), final(1, "stale")):
                with pytest.raises(Superseded):
                    await store.append("a", late, stream=first.stream)
            assert await store.record("a") == before
            assert (await store.sessions(Query(text="stale"))).records == ()
            await store.append("a", final(1, "two"), stream=second.stream)
            await store.append("a", final(2, "five"))  # one that is not fenced
            assert [kept.text for kept in await store.segments("a")] == ["nine", "two", "five"]

    async def test_of_streams_that_write_while_others_begin_the_newest_is_heard(self) -> None:
        async with self.opened() as store:
            records = [await store.begin(Beginning("a", continues=True)) for _ in range(8)]
            told = await asyncio.gather(
                *(
                    store.append("a", final(at, "word"), stream=record.stream)
                    for at, record in enumerate(records)
                ),
                return_exceptions=True,
            )
            assert [type(error) for error in told[:-1]] == [Superseded] * 7
            assert await store.segments("a") == [final(7, "word")]

    async def test_a_session_that_was_deleted_goes_on_with_its_newest_stream(self) -> None:
        async with self.opened() as store:
            first = await store.begin(Beginning("a"))
            second = await store.begin(Beginning("a", continues=True))
            await store.delete("a")
            await store.append("a", final(1, "two"), stream=second.stream)
            with pytest.raises(Superseded):
                await store.append("a", final(0, "nine"), stream=first.stream)
            assert (await store.begin(Beginning("a", continues=True))).stream == second.stream + 1

    async def test_adds_up_the_sound_that_is_used(self) -> None:
        async with self.opened() as store:
            assert await store.spend("anna", "2026-11-22", 0) == 0
            assert await store.spend("anna", "2026-11-22", 500) == 500
            assert await store.spend("anna", "2026-11-22", 250) == 750
            assert await store.spend("anna", "2026-11-23", 1) == 1
            assert await store.spend("ben", "2026-11-22", 2) == 2
            assert await store.spend("anna", "2026-11-22", 0) == 750
            assert await store.spend("anna\0\ud800", "2026-11-22", 3) == 3

    async def test_loses_no_sound_that_is_used_at_once(self) -> None:
        async with self.opened() as store:
            totals = await asyncio.gather(
                *(store.spend("anna", "2026-11-22", 10) for _ in range(50))
            )
            assert sorted(totals) == list(range(10, 501, 10))

    @pytest.mark.parametrize("frames", [-1, -500])
    async def test_takes_no_sound_back(self, frames: int) -> None:
        async with self.opened() as store:
            with pytest.raises(ValueError, match="expected 0 frames or more"):
                await store.spend("anna", "2026-11-22", frames)

    @pytest.mark.parametrize("day", ["", "today", "20261122", "2026-11-31", "2026-11-22T00:00"])
    async def test_takes_no_day_that_is_none(self, day: str) -> None:
        async with self.opened() as store:
            with pytest.raises(ValueError, match=r"day|isoformat"):
                await store.spend("anna", day, 1)

    async def test_forgets_in_time_how_much_was_used(self) -> None:
        clock = Wall(1_795_000_000.0)  # 2026-11-18
        async with self.opened(clock) as store:
            await store.spend("anna", "2026-11-18", 5)
            clock.now += USED_DAYS * DAY
            assert await store.expire(0) == 0
            assert await store.spend("anna", "2026-11-18", 0) == 5
            clock.now += DAY
            await store.expire(0)
            assert await store.spend("anna", "2026-11-18", 0) == 0

"""What every outbox must do, as tests that any store which keeps one can be run through.

In a test module:

    class TestMine(OutboxContract):
        def make(self, clock: Clock) -> TranscriptStore:
            return Mine(clock, keeps_outbox=True)
"""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sotto.clock import Clock
from sotto.errors import Superseded
from sotto.interfaces.outbox import KeepsOutbox, Outbox
from sotto.interfaces.store import Beginning, TranscriptStore
from sotto.testing.stores import StoreCase, Wall, final

LEASE = 30.0
FAR = 120.0
"""Seconds until a wait is over that nothing ends."""


class OutboxContract(StoreCase):
    """Subclass it and say what to test in `make`."""

    @asynccontextmanager
    async def both(
        self, clock: Clock | None = None
    ) -> AsyncIterator[tuple[TranscriptStore, Outbox]]:
        """A store and its outbox, for as long as the context lasts."""
        async with self.opened(clock or Wall()) as store:
            assert isinstance(store, KeepsOutbox)
            assert store.outbox is not None
            yield store, store.outbox

    async def texts(self, outbox: Outbox, most: int = 10) -> list[str]:
        """What is due, taken."""
        return [delivery.segment.text for delivery in await outbox.take(most, LEASE)]

    async def test_tells_each_final_with_words_in_order(self) -> None:
        clock = Wall()
        async with self.both(clock) as (store, outbox):
            record = await store.begin(Beginning("a", "stream", "anna", "meeting", "speaker"))
            await store.append("a", final(0, "nine"), stream=record.stream)
            await store.append("a", final(0, "nine"), stream=record.stream)
            await store.append("a", final(1), stream=record.stream)
            clock.now += 1
            await store.append("a", final(2, "two", "five"), stream=record.stream)
            assert await outbox.length() == 2
            (first,) = await outbox.take(10, LEASE)
            assert (first.segment, first.attempt) == (final(0, "nine"), 1)
            assert first.written == clock.now - 1
            assert first.record == await store.record("a")
            await outbox.finish(first)
            (second,) = await outbox.take(10, LEASE)
            assert second.segment == final(2, "two", "five")
            assert second.id != first.id
            assert (first.id + second.id).isalnum()
            await outbox.finish(second)
            assert await outbox.take(10, LEASE) == []
            assert await outbox.length() == 0

    async def test_tells_frames_of_the_session(self) -> None:
        async with self.both() as (store, outbox):
            await store.begin(Beginning("a"))
            await store.append("a", final(0, "nine"))
            await store.begin(Beginning("a"))
            await store.append("a", final(1, "two", start=0))
            kept = await store.segments("a")
            for segment in kept:
                (delivery,) = await outbox.take(10, LEASE)
                assert delivery.segment == segment
                await outbox.finish(delivery)

    async def test_tells_nothing_of_a_stream_that_another_carries_on(self) -> None:
        async with self.both() as (store, outbox):
            for _ in range(2):
                await store.begin(Beginning("a"))
            with pytest.raises(Superseded):
                await store.append("a", final(0, "nine"), stream=1)
            assert await outbox.length() == 0

    async def test_sessions_do_not_wait_for_each_other(self) -> None:
        clock = Wall()
        async with self.both(clock) as (store, outbox):
            for number in range(3):
                for name in "abcd":
                    await store.append(name, final(number, f"{name}{number}"))
                clock.now += 1
            assert await self.texts(outbox, most=3) == ["a0", "b0", "c0"]
            assert await self.texts(outbox) == ["d0"]
            assert await self.texts(outbox) == []

    async def test_what_nobody_speaks_of_again_is_due_after_its_lease(self) -> None:
        clock = Wall()
        async with self.both(clock) as (store, outbox):
            await store.append("a", final(0, "nine"))
            (first,) = await outbox.take(10, LEASE)
            clock.now += LEASE - 1
            assert await outbox.take(10, LEASE) == []
            clock.now += 1
            (second,) = await outbox.take(10, LEASE)
            assert (second.id, second.attempt) == (first.id, 2)
            await outbox.postpone(first, 0)  # which is no longer its business
            assert await outbox.take(10, LEASE) == []

    async def test_what_is_postponed_holds_up_its_session(self) -> None:
        clock = Wall()
        async with self.both(clock) as (store, outbox):
            for number in range(2):
                await store.append("a", final(number, f"word{number}"))
            (first,) = await outbox.take(10, LEASE)
            await outbox.postpone(first, 5)
            clock.now += 4
            assert await outbox.take(10, LEASE) == []
            clock.now += 1
            assert await self.texts(outbox) == ["word0"]

    async def test_drops_what_is_old_and_goes_on_with_the_rest(self) -> None:
        clock = Wall()
        async with self.both(clock) as (store, outbox):
            for number in range(250):
                await store.append(f"s{number % 3}", final(number, f"word{number}"))
            clock.now += 10
            await store.append("s0", final(250, "young"))
            assert await outbox.drop(clock.now - 10) == 0
            assert await outbox.drop(clock.now) == 250
            assert await self.texts(outbox) == ["young"]
            assert await outbox.length() == 1

    async def test_what_is_deleted_is_told_nobody(self) -> None:
        async with self.both() as (store, outbox):
            for name in "ab":
                for number in range(2):
                    await store.append(name, final(number, name))
            (delivery,) = await outbox.take(1, LEASE)
            assert await store.delete(delivery.record.id)
            assert await outbox.length() == 2
            await outbox.finish(delivery)
            await outbox.postpone(delivery, 0)
            assert await self.texts(outbox) == ["b"]

    async def test_whoever_waits_is_woken(self) -> None:
        async with self.both() as (store, outbox):
            async with asyncio.timeout(FAR / 2):
                await store.append("a", final(0, "nine"))
                await outbox.wait(FAR)  # what happened before is not missed
                waiting = asyncio.create_task(outbox.wait(FAR))
                await asyncio.sleep(0)
                assert not waiting.done()
                await store.append("a", final(1, "two"))
                await waiting
                for _ in range(2):
                    (delivery,) = await outbox.take(10, LEASE)
                    await outbox.finish(delivery)
                    await outbox.wait(FAR)
            await outbox.wait(0)

    async def test_nothing_is_left_behind_where_much_happens_at_once(self) -> None:
        async with self.both() as (store, outbox):
            told: dict[str, list[int]] = {name: [] for name in "abcd"}

            async def speak(name: str) -> None:
                for number in range(20):
                    await store.append(name, final(number, "word"))

            async def tell() -> None:
                while sum(map(len, told.values())) < 80:
                    for delivery in await outbox.take(2, LEASE):
                        told[delivery.record.id].append(delivery.segment.id)
                        await outbox.finish(delivery)
                    await asyncio.sleep(0)

            async with asyncio.timeout(120):
                await asyncio.gather(*map(speak, told), *(tell() for _ in range(3)))
            assert told == {name: list(range(20)) for name in told}

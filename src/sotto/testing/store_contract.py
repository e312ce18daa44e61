"""What every TranscriptStore must do, as tests that any implementation can be run through.

In a test module:

    class TestMine(StoreContract):
        def make(self, clock: Clock) -> TranscriptStore:
            return Mine(clock)
"""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sotto.errors import Forbidden
from sotto.interfaces.store import Beginning, Query
from sotto.testing.store_sharing import SharingContract
from sotto.testing.stores import Wall, final

__all__ = ["StoreContract", "Wall", "final"]


class StoreContract(SharingContract):
    """Subclass it and say what to test in `make`."""

    async def test_gives_back_what_it_was_given(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a"))
            given = [final(0, "nine", "two"), final(1), final(2, "fünf", "東京", "\0", "\ud800")]
            for segment in given:
                await store.append("a", segment)
            assert await store.segments("a") == given
            assert await store.segments("a", last=2) == given[1:]
            assert await store.segments("b") == []

    async def test_keeps_a_final_once(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a"))
            await store.append("a", final(0, "nine", "two"))
            before = await store.record("a")
            await store.append("a", final(0, "nine", "two"))
            await store.append("a", final(0, "something", "else", "altogether"))
            assert await store.segments("a") == [final(0, "nine", "two")]
            assert await store.record("a") == before
            assert (await store.sessions(Query(text="altogether"))).records == ()

    async def test_gives_finals_in_order_whatever_order_they_came_in(self) -> None:
        async with self.opened() as store:
            for number in (3, 0, 2, 1):
                await store.append("a", final(number, "word"))
            assert [segment.id for segment in await store.segments("a")] == [0, 1, 2, 3]

    async def test_keeps_what_comes_at_once(self) -> None:
        async with self.opened() as store:
            names = [f"s{number}" for number in range(20)]
            await asyncio.gather(*(store.begin(Beginning(name)) for name in names))
            finals = [final(number, "word") for number in range(10)]
            await asyncio.gather(
                *(store.append(name, segment) for segment in finals for name in names)
            )
            for name in names:
                assert await store.segments(name) == finals

    async def test_knows_sessions(self) -> None:
        clock = Wall()
        async with self.opened(clock) as store:
            begun = Beginning("a", "skynet", "key", "meeting", "speaker", "nano", "de")
            first = await store.begin(begun)
            assert await store.record("a") == first
            assert (first.began, first.heard) == (clock.now, clock.now)
            assert (first.language, first.frames, first.words, first.segments) == ("de", 0, 0, 0)
            clock.now += 5
            await store.append("a", final(0, "nine", "two"))
            await store.append("a", final(1, language="fr"))
            assert await store.record("a") == replace(
                first, heard=clock.now, language="en", frames=1_020, words=2, segments=1
            )
            assert first.group == "meeting"
            assert first.speaker == "speaker"
            assert await store.record("b") is None

    async def test_carries_a_session_on_that_counts_its_frames_anew(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a", model="tiny"))
            await store.append("a", final(0, "nine", "two"))
            await store.begin(Beginning("a", model="base"))
            await store.append("a", final(1, "five", start=10))
            first, second = await store.segments("a")
            assert (first.start, first.end) == (0, 120)
            assert (second.start, second.end) == (130, 200)
            assert [(word.start, word.end) for word in second.words] == [(130, 170)]
            record = await store.record("a")
            assert record is not None
            assert (record.model, record.frames, record.words) == ("base", 200, 3)

    async def test_carries_a_session_on_that_counts_its_frames_further(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a"))
            await store.append("a", final(0, "nine"))
            await store.begin(Beginning("a", continues=True))
            await store.append("a", final(1, "five"))
            assert await store.segments("a") == [final(0, "nine"), final(1, "five")]

    async def test_a_session_is_its_owners(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a", owner="anna"))
            await store.begin(Beginning("b"))
            for taken in (Beginning("a", owner="ben"), Beginning("a"), Beginning("b", owner="ben")):
                with pytest.raises(Forbidden):
                    await store.begin(taken)
            await store.begin(Beginning("a", owner="anna"))

    async def test_pages_go_from_the_newest_to_the_oldest(self) -> None:
        async with self.opened() as store:
            names = [f"s{number}" for number in range(7)]
            for name in names:
                await store.begin(Beginning(name))
            await store.append("s0", final(0, "word"))  # to be heard last makes none newer
            told, after = [], None
            for _ in range(3):
                page = await store.sessions(Query(limit=3, after=after))
                told.append([record.id for record in page.records])
                after = page.after
            assert told == [["s6", "s5", "s4"], ["s3", "s2", "s1"], ["s0"]]
            assert after is None
            assert (await store.sessions(Query(limit=7))).after is None

    async def test_sessions_are_asked_for_by_owner_group_and_speaker(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a", owner="anna", group="m", speaker="x"))
            await store.begin(Beginning("b", owner="anna", group="m", speaker="y"))
            await store.begin(Beginning("c", owner="ben", group="m"))
            await store.begin(Beginning("d"))
            for query, expected in (
                (Query(), "dcba"),
                (Query(owner="anna"), "ba"),
                (Query(owner="nobody"), ""),
                (Query(group="m"), "cba"),
                (Query(owner="anna", group="m", speaker="y"), "b"),
            ):
                assert await self.ids(store, query) == list(expected), query

    async def test_finds_sessions_by_what_was_said(self) -> None:
        async with self.opened() as store:
            said: dict[str, Sequence[str]] = {
                "a": ("The", "budget,", "please:", "don't", "forget!"),
                "b": ("Über", "das", "Café", "in", "der", "Straße"),
                "c": ("東京に", "行きます"),
                "d": ("Бюджет", "3.14"),
            }
            for name, words in said.items():
                await store.append(name, final(0, "something"))
                await store.append(name, final(1, *words))
            for text, expected in (
                ("budget", "a"),
                ("BUDGET the", "a"),
                ("budg", ""),
                ("budget something", "a"),
                ("budget cafe", ""),  # not in one session
                ("don’t", "a"),
                ("uber cafe", "b"),
                ("STRASSE", "b"),
                ("東京", "c"),
                ("京", "c"),
                ("бюджет", "d"),
                ("3,14", "d"),
                ("something", "dcba"),
                ("...", ""),
                ("\0", ""),
            ):
                assert await self.ids(store, Query(text=text)) == list(expected), text

    async def test_what_is_looked_for_is_never_syntax(self) -> None:
        async with self.opened() as store:
            await store.append("a", final(0, "nine", "OR", "two"))
            for text in (
                '"', "'", "nine OR five", "nine AND NOT two", "nine*", "terms:nine", "^nine",
                "NEAR(nine two)", "nine & five", "nine | five", "!nine five", "nine:*A five",
                "' OR 1=1 --", '" OR "', "\\", "nine\\", "%", "_", "five <-> two", "(", "nine -two",
            ):  # fmt: skip
                found = await self.ids(store, Query(text=text))
                assert found in ([], ["a"]), text
            assert await self.ids(store, Query(text="nine OR five")) == []
            assert await self.ids(store, Query(text="!five")) == []
            assert await self.ids(store, Query(text="nine or two")) == ["a"]

    async def test_forgets_a_session_and_its_words(self) -> None:
        async with self.opened() as store:
            for name in "ab":
                await store.append(name, final(0, "nine"))
            assert await store.delete("a")
            assert not await store.delete("a")
            assert await store.segments("a") == []
            assert await store.record("a") is None
            assert await self.ids(store, Query(text="nine")) == ["b"]
            await store.append("a", final(0, "two"))
            assert await self.ids(store, Query(text="nine")) == ["b"]

    async def test_what_is_said_after_is_still_its_owners(self) -> None:
        async with self.opened() as store:
            await store.begin(Beginning("a", "stream", "anna", model="nano"))
            await store.append("a", final(0, "nine"))
            await store.delete("a")
            await store.append("a", final(1, "two"))
            record = await store.record("a")
            assert record is not None
            assert (record.owner, record.dialect, record.words) == ("anna", "stream", 1)
            assert await store.segments("a") == [final(1, "two")]

    async def test_forgets_what_is_old(self) -> None:
        clock = Wall()
        async with self.opened(clock) as store:
            for name in ("a", "b"):
                await store.append(name, final(0, "nine"))
            clock.now += 10
            await store.append("b", final(1, "two"))
            await store.append("c", final(0, "five"))
            assert await store.expire(clock.now) == 1
            assert await self.ids(store, Query()) == ["c", "b"]
            assert len(await store.segments("b")) == 2
            assert await store.expire(clock.now + 1) == 2
            assert await self.ids(store, Query()) == []

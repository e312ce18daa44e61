"""What every ConversationStore must do, as tests that any implementation can be run through.

In a test module:

    class TestMine(ConversationContract):
        def make(self, clock: Clock) -> TranscriptStore:
            return Mine(clock)  # which keeps conversations too
"""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from sotto.clock import Clock
from sotto.errors import BadOption, Superseded, TooLarge
from sotto.interfaces.conversations import (
    MAX_CHARACTERS,
    MAX_DOCUMENTS,
    MAX_ID,
    ConversationStore,
    KeepsConversations,
)
from sotto.interfaces.store import TranscriptStore
from sotto.testing.stores import StoreCase, Wall, final


async def put(
    talks: ConversationStore, owner: str | None, id: str, documents: Sequence[str]
) -> None:
    """Claim a conversation, and keep that."""
    await talks.claim(owner, id, "me")
    assert await talks.save(owner, id, documents, "me")


class ConversationContract(StoreCase):
    """Subclass it and say what to test in `make`."""

    @asynccontextmanager
    async def both(
        self, clock: Clock | None = None
    ) -> AsyncIterator[tuple[TranscriptStore, ConversationStore]]:
        """A store and its conversations, for as long as the context lasts."""
        async with self.opened(clock or Wall()) as store:
            assert isinstance(store, KeepsConversations)
            yield store, store.conversations

    async def test_gives_back_what_it_was_given(self) -> None:
        async with self.both() as (_, talks):
            given = tuple(json.dumps({"said": said}) for said in ("fünf", "東京", "a\nb", "\0", ""))
            assert await talks.load("anna", "a") is None
            await put(talks, "anna", "a", given)
            assert await talks.load("anna", "a") == given
            await put(talks, "anna", "a", [*given[:2], "{}"])
            assert await talks.load("anna", "a") == (*given[:2], "{}")
            await put(talks, "anna", "a", [])
            assert await talks.load("anna", "a") == ()

    async def test_whoever_claims_it_is_told_what_was_kept_and_keeps_it_alone(self) -> None:
        async with self.both() as (_, talks):
            assert await talks.claim("anna", "a", "one") == ()
            assert await talks.load("anna", "a") == ()
            assert await talks.save("anna", "a", ["1", "2"], "one")
            assert await talks.claim("anna", "a", "two") == ("1", "2")
            with pytest.raises(Superseded, match="newest connection to conversation 'a'"):
                await talks.save("anna", "a", ["3"], "one")
            assert await talks.claim("ben", "a", "one") == ()
            assert await talks.load("anna", "a") == ("1", "2")
            assert await talks.save("anna", "a", ["4"], "two")
            assert await talks.load("anna", "a") == ("4",)

    async def test_what_was_forgotten_is_not_kept_again(self) -> None:
        async with self.both() as (_, talks):
            await put(talks, "anna", "a", ["1"])
            assert await talks.delete("anna", "a")
            assert not await talks.save("anna", "a", ["1"], "me")
            assert await talks.load("anna", "a") is None
            assert await talks.claim("anna", "a", "me") == ()
            assert await talks.save("anna", "a", ["2"], "me")

    async def test_owners_know_nothing_of_each_other(self) -> None:
        async with self.both() as (_, talks):
            owners = ("anna", "ben", None, "' OR ''='", "Anna")
            for at, owner in enumerate(owners):
                assert await talks.load(owner, "a") is None
                assert not await talks.delete(owner, "a")
                await put(talks, owner, "a", [f'"{at}"'])
            for at, owner in enumerate(owners):
                assert await talks.load(owner, "a") == (f'"{at}"',)
            assert await talks.delete("anna", "a")
            assert not await talks.delete("anna", "a")
            assert [await talks.load(owner, "a") for owner in owners[:2]] == [None, ('"1"',)]

    async def test_what_is_too_much_is_refused_and_changes_nothing(self) -> None:
        async with self.both() as (_, talks):
            await put(talks, "anna", "a", ["1"])
            for name in ("", "x" * (MAX_ID + 1)):
                with pytest.raises(BadOption, match="expected a name of 1 to"):
                    await put(talks, "anna", name, ["1"])
            for many in (["1"] * (MAX_DOCUMENTS + 1), ["1" * MAX_CHARACTERS, "1"]):
                with pytest.raises(TooLarge):
                    await put(talks, "anna", "a", many)
            for none in ("", "1\n2"):
                with pytest.raises(ValueError, match="in one line"):
                    await put(talks, "anna", "a", [none])
            assert await talks.load("anna", "a") == ("1",)
            await put(talks, "anna", "x" * MAX_ID, ["1"] * MAX_DOCUMENTS)
            await put(talks, "anna", "b", ["1" * MAX_CHARACTERS])
            assert await talks.load("anna", "b") == ("1" * MAX_CHARACTERS,)

    async def test_old_ones_are_forgotten_with_the_sessions(self) -> None:
        clock = Wall()
        async with self.both(clock) as (store, talks):
            for number in range(120):
                await put(talks, "anna", f"old{number}", ["1"])
            await put(talks, "anna", "kept on", ["1"])
            await store.append("old", final(0, "nine"))
            clock.now += 10
            await put(talks, "anna", "kept on", ["1", "2"])
            await put(talks, "anna", "new", ["1"])
            assert await store.expire(clock.now - 10) == 0
            assert await talks.load("anna", "old0") == ("1",)
            assert await store.expire(clock.now - 5) == 1
            assert [await talks.load("anna", f"old{number}") for number in (0, 119)] == [None, None]
            assert await talks.load("anna", "kept on") == ("1", "2")
            assert await talks.expire(clock.now + 1) == 2
            assert await talks.expire(clock.now + 1) == 0
            assert await talks.load("anna", "new") is None

    async def test_what_comes_at_once_is_kept_whole(self) -> None:
        async with self.both() as (store, talks):
            for name in range(5):
                await talks.claim("anna", f"c{name}", "me")
            await asyncio.gather(
                *(talks.save("anna", f"c{at % 5}", [str(at)] * 3, "me") for at in range(50)),
                *(store.append("s", final(at, "word")) for at in range(20)),
            )
            for name in range(5):
                kept = await talks.load("anna", f"c{name}")
                assert kept is not None
                assert len(kept) == 3
                assert len(set(kept)) == 1
            assert len(await store.segments("s")) == 20

"""A conversation and its store: what is kept when, and what is broken."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue import keeping
from sotto.dialogue.archive import from_json, to_json
from sotto.dialogue.conversation import Conversation
from sotto.dialogue.items import Item, Message, Speech, Spoken, Status, Text
from sotto.dialogue.keeping import Keeper, Shelf, items_of, kept
from sotto.errors import BadOption, StoreUnavailable, Superseded
from sotto.interfaces.chat import Role
from sotto.interfaces.conversations import MAX_CHARACTERS
from sotto.plugins.storage.conversations import MemoryConversations
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime.retention import expiring
from sotto.testing.stores import Wall

WORDS = st.text(max_size=9)
SAMPLES = st.integers(0, 50_000)
PHRASES = st.lists(st.tuples(WORDS, SAMPLES, SAMPLES).map(list), max_size=3)
SPEECH = st.fixed_dictionaries(
    {"type": st.just("speech"), "transcript": st.none() | WORDS}, optional={"phrases": PHRASES}
)
PARTS = SPEECH | st.fixed_dictionaries({"type": st.just("text"), "text": WORDS})
ANSWERS = st.fixed_dictionaries(
    {
        "v": st.just(1),
        "id": st.sampled_from(["a", "b", "root"]),
        "status": st.sampled_from(["completed", "incomplete"]),
        "type": st.just("message"),
        "role": st.sampled_from(["assistant", "user"]),
        "content": st.lists(PARTS, max_size=2),
    }
)


def text(id: str, words: str) -> Message:
    return Message(id, Role.USER, (Text(words),))


class Slow(MemoryConversations):
    """Counts what it is given, and takes it once it may."""

    def __init__(self) -> None:
        super().__init__(Wall())
        self.saved: list[tuple[str, ...]] = []
        self.may = asyncio.Event()
        self.reached = asyncio.Event()

    async def save(self, owner: str | None, id: str, documents: Sequence[str], holder: str) -> bool:
        self.reached.set()
        await self.may.wait()
        self.saved.append(tuple(documents))
        return await super().save(owner, id, documents, holder)


class Desk:
    """One talk's end of it."""

    def __init__(self, store: MemoryConversations, holder: str = "me") -> None:
        self.conversation = Conversation()
        self.told: list[Item] = []
        self.lost: list[Superseded] = []
        shelf = Shelf(store, "anna", "a", holder)
        self.keeper = Keeper(shelf, self.conversation, self.tell, self.lost.append)

    async def tell(self, items: tuple[Item, ...]) -> None:
        self.told += items


async def test_nobody_waits_and_the_newest_state_wins() -> None:
    store = Slow()
    desk = Desk(store)
    async with kept(desk.keeper):
        desk.conversation.add(text("1", "one"))
        await store.reached.wait()
        for number in range(2, 50):
            desk.conversation.add(text(str(number), "more"))
        store.may.set()
    assert [len(documents) for documents in store.saved] == [1, 49]


async def test_what_says_nothing_is_not_kept_and_nothing_is_kept_twice() -> None:
    store = Slow()
    store.may.set()
    desk = Desk(store)
    async with kept(desk.keeper):
        desk.conversation.add(text("1", "one"))
        await store.reached.wait()
        desk.conversation.add(Message("2", Role.USER, (Speech(),)))
        desk.conversation.add(Message("3", Role.ASSISTANT, (), Status.IN_PROGRESS))
    assert store.saved == [(to_json(text("1", "one")),)]


async def test_a_store_that_does_not_answer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.01)
    store = Slow()
    desk = Desk(store)
    async with kept(desk.keeper):
        desk.conversation.add(text("1", "one"))
    assert store.saved == []
    assert desk.lost == []


class Late(MemoryConversations):
    """Is away when it is asked first."""

    asked = 0

    async def claim(self, owner: str | None, id: str, holder: str) -> tuple[str, ...]:
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("it is away")
        return await super().claim(owner, id, holder)


async def test_what_could_not_be_read_at_first_comes_back_before_what_was_said_since() -> None:
    store = Late(Wall())
    earlier = [text("1", "one"), text("2", "two")]
    await MemoryConversations.claim(store, "anna", "a", "before")
    await store.save("anna", "a", [to_json(each) for each in earlier], "before")
    desk = Desk(store)
    async with kept(desk.keeper):
        assert (desk.conversation.items, desk.told) == ((), [])
        desk.conversation.add(text("3", "three"))
    assert desk.told == earlier
    assert [item.id for item in desk.conversation.items] == ["1", "2", "3"]
    documents = await store.load("anna", "a")
    assert documents is not None
    assert [from_json(each).id for each in documents] == ["1", "2", "3"]


async def test_whom_another_took_it_from_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryConversations(Wall())
    mine, theirs = Desk(store, "me"), Desk(store, "them")
    async with kept(mine.keeper), kept(theirs.keeper):
        theirs.conversation.add(text("1", "theirs"))
        for number in range(3):
            mine.conversation.add(text(f"m{number}", "mine"))
            await asyncio.sleep(0)
    assert len(mine.lost) == 1
    assert await store.load("anna", "a") == (to_json(text("1", "theirs")),)
    assert caplog.records == []


async def test_the_newest_that_a_store_takes_are_kept() -> None:
    """What JSON writes as six characters each."""
    store = MemoryConversations(Wall())
    desk = Desk(store)
    async with kept(desk.keeper):
        for number in range(9):
            desk.conversation.add(text(str(number), "\1" * 100_000))
    documents = await store.load("anna", "a")
    assert documents is not None
    assert sum(map(len, documents)) <= MAX_CHARACTERS
    assert [from_json(each).id for each in documents] == ["3", "4", "5", "6", "7", "8"]


async def test_what_is_broken_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryConversations(Wall())
    await store.claim("anna", "a", "before")
    await store.save("anna", "a", [to_json(text("1", "private")), '{"v":2}'], "before")
    desk = Desk(store)
    with caplog.at_level(logging.WARNING):
        async with kept(desk.keeper):
            assert desk.conversation.items == ()
            desk.conversation.add(text("1", "anew"))
    assert "of conversation a is broken" in caplog.records[0].message
    assert "private" not in caplog.records[0].message
    assert await store.load("anna", "a") == (to_json(text("1", "anew")),)


@given(st.lists(ANSWERS.map(repr) | st.text(max_size=20), max_size=3), st.integers(0, 3_000))
def test_no_document_breaks_a_conversation(documents: list[str], at: int) -> None:
    check(documents, at)


@given(st.lists(ANSWERS, max_size=3), st.integers(0, 3_000))
def test_no_place_of_a_phrase_breaks_a_truncation(documents: list[object], at: int) -> None:
    check([json.dumps(each) for each in documents], at)


def check(documents: list[str], at: int) -> None:
    conversation = Conversation()
    conversation.restore(items_of("a", documents))
    for item in conversation.items:
        try:
            conversation.truncate(item.id, at)
        except BadOption:
            continue
    assert [from_json(to_json(each)).id for each in conversation.items] == [
        each.id for each in conversation.items
    ]


def test_where_the_words_of_an_answer_lie_is_kept_until_it_is_cut() -> None:
    phrases = (Spoken("Good day. ", 0, 24_000), Spoken("Bye.", 24_000, 48_000))
    whole = Message("a", Role.ASSISTANT, (Speech("Good day. Bye.", phrases),))
    assert from_json(to_json(whole)) == whole
    talk = Conversation([whole])
    assert "Bye" not in to_json(talk.truncate("a", 1_000))


async def test_old_ones_are_forgotten() -> None:
    clock = Wall()
    store = MemoryStore(clock=clock)
    await store.conversations.claim("anna", "old", "me")
    clock.now += 100
    await store.conversations.claim("anna", "new", "me")
    async with expiring(store, 50, clock):
        assert await store.conversations.load("anna", "old") is None
        assert await store.conversations.load("anna", "new") == ()

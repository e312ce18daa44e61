from __future__ import annotations

import random

import pytest

from sotto.dialogue.conversation import (
    MOST_CHARACTERS,
    MOST_ITEMS,
    ROOT,
    Conversation,
    UnknownItem,
)
from sotto.dialogue.items import (
    FunctionCall,
    FunctionOutput,
    Item,
    Message,
    Speech,
    Spoken,
    Status,
    Text,
)
from sotto.errors import BadOption
from sotto.interfaces.chat import Role

SECOND = 24_000
"""Samples."""


def user(id: str, text: str = "hello") -> Message:
    return Message(id, Role.USER, (Text(text),))


def answer(id: str = "a", status: Status = Status.COMPLETED) -> Message:
    phrases = (
        Spoken("One two three four. ", 0, 2 * SECOND),
        Spoken("Five six. ", 2 * SECOND, 3 * SECOND),
    )
    speech = Speech("One two three four. Five six.", phrases)
    return Message(id, Role.ASSISTANT, (speech,), status)


def transcript(message: Item) -> str | None:
    assert isinstance(message, Message)
    assert isinstance(message.content[0], Speech)
    return message.content[0].transcript


def ids(conversation: Conversation) -> list[str]:
    return [item.id for item in conversation.items]


def test_items_stand_where_they_are_put() -> None:
    talk = Conversation([user("a")])
    assert talk.add(user("b")) == "a"
    assert talk.add(user("c"), after="a") == "a"
    assert talk.add(user("d"), after=ROOT) is None
    assert ids(talk) == ["d", "a", "c", "b"]
    talk.delete("a")
    assert ids(talk) == ["d", "c", "b"]
    assert talk.add(user("e")) == "b"
    talk.replace(user("c", "other"))
    assert talk.get("c") == user("c", "other")
    assert ids(talk) == ["d", "c", "b", "e"]
    assert Conversation().add(user("a"), after=ROOT) is None


def test_what_cannot_be_is_refused() -> None:
    talk = Conversation([user("a")])
    for item, after in ((user("a"), None), (user(ROOT), None), (user("b"), "nobody")):
        with pytest.raises(BadOption):
            talk.add(item, after)
    for act in (talk.get, talk.delete, lambda id: talk.truncate(id, 0)):
        with pytest.raises(UnknownItem) as unknown:
            act("b" * 10_000)
        assert len(unknown.value.message) < 500
    with pytest.raises(UnknownItem):
        talk.replace(user("b"))
    assert talk.items == (user("a"),)


def test_of_too_many_the_oldest_are_forgotten() -> None:
    talk = Conversation(user(str(at)) for at in range(MOST_ITEMS + 5))
    assert ids(talk) == [str(at) for at in range(5, MOST_ITEMS + 5)]
    with pytest.raises(BadOption, match="expected at most"):
        talk.add(user("first"), after=ROOT)
    assert talk.add(user("second"), after="5") is None  # which went to make room
    assert ids(talk)[:2] == ["second", "6"]
    assert len(ids(talk)) == MOST_ITEMS


def test_of_too_long_ones_too() -> None:
    half = "x" * (MOST_CHARACTERS // 2)
    talk = Conversation([user("a", half), user("b", half)])
    talk.add(user("c", "x"))
    assert ids(talk) == ["b", "c"]
    talk.replace(user("c", "x" * MOST_CHARACTERS))
    assert ids(talk) == ["c"]
    for act in (talk.add, talk.replace):
        with pytest.raises(BadOption, match="expected at most"):
            act(user("c" if act == talk.replace else "d", half * 2 + "x"))
    assert ids(talk) == ["c"]
    talk.add(FunctionOutput("o", "call", half))
    assert ids(talk) == ["o"]
    talk.add(FunctionCall("f", "call", "name", half))
    assert ids(talk) == ["f"]


def test_its_size_is_counted_through_all_changes() -> None:
    """Whatever happened before: what is left and a text that fills the rest stay together."""
    dice = random.Random(5)
    talk = Conversation()
    for at in range(300):
        talk.add(user(str(at), "x" * dice.randrange(50)))
        if at % 3 == 1:
            talk.delete(dice.choice(ids(talk)))
        if at % 5 == 0:
            talk.replace(user(dice.choice(ids(talk)), "x" * dice.randrange(50)))
    there = sum(len(each.content[0].text) for each in talk.items)  # type: ignore[union-attr]
    before = ids(talk)
    talk.add(user("rest", "x" * (MOST_CHARACTERS - there)))
    assert ids(talk) == [*before, "rest"]
    talk.add(user("more", "x"))
    assert before[0] not in ids(talk)


@pytest.mark.parametrize(
    ("heard_ms", "expected"),
    [
        (0, ""),
        (1_100, "One two"),
        (2_000, "One two three four."),
        (2_600, "One two three four. Five"),
        (3_000, "One two three four. Five six."),
    ],
)
def test_an_answer_is_cut_to_what_was_heard(heard_ms: int, expected: str) -> None:
    talk = Conversation([user("u"), answer()])
    cut = talk.truncate("a", heard_ms)
    assert transcript(cut) == expected
    assert talk.get("a") is cut
    assert cut.status is (Status.COMPLETED if heard_ms == 3_000 else Status.INCOMPLETE)


def test_a_later_cut_gives_words_back() -> None:
    talk = Conversation([answer(status=Status.INCOMPLETE)])
    assert transcript(talk.truncate("a", 0)) == ""
    assert transcript(talk.truncate("a", 2_000)) == "One two three four."
    assert transcript(talk.truncate("a", 3_000)) == "One two three four. Five six."
    assert talk.get("a").status is Status.INCOMPLETE


def test_what_cannot_be_cut_is_refused() -> None:
    written = Message("w", Role.ASSISTANT, (Text("one two"),))
    spoken = Message("s", Role.USER, (Speech("one two"),))
    call = FunctionCall("f", "call", "name", "{}")
    talk = Conversation([written, spoken, call, answer()])
    for id in ("w", "s", "f"):
        with pytest.raises(BadOption, match="expected the id of an answer that is spoken"):
            talk.truncate(id, 0)
    for wrong in (-1, 3_021, 10**30):
        with pytest.raises(BadOption, match="expected 0 to 3000 ms"):
            talk.truncate("a", wrong)
    assert talk.items == (written, spoken, call, answer())


def test_an_answer_of_which_nothing_sounded_is_cut_to_nothing() -> None:
    talk = Conversation([Message("a", Role.ASSISTANT, (Speech("One two"),), Status.IN_PROGRESS)])
    cut = talk.truncate("a", 0)
    assert (transcript(cut), cut.status) == ("", Status.INCOMPLETE)
    with pytest.raises(BadOption, match="expected 0 to 0 ms"):
        talk.truncate("a", 21)

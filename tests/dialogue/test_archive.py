from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue.archive import MOST_CHARACTERS, from_json, to_json
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
from sotto.errors import StoreUnavailable
from sotto.interfaces.chat import Role

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DONE = st.sampled_from([Status.COMPLETED, Status.INCOMPLETE])
ITEMS = st.one_of(
    st.builds(
        Message,
        WORDS,
        st.sampled_from(Role),
        st.lists(st.builds(Text, WORDS) | st.builds(Speech, st.none() | WORDS)).map(tuple),
        DONE,
    ),
    st.builds(FunctionCall, WORDS, WORDS, WORDS, WORDS, DONE),
    st.builds(FunctionOutput, WORDS, WORDS, WORDS, DONE),
)


@given(ITEMS)
def test_what_is_written_is_read_again(item: Item) -> None:
    document = to_json(item)
    assert "\n" not in document
    assert from_json(document) == item


def test_what_was_not_heard_is_not_kept() -> None:
    phrases = (Spoken("Hello there, friend. ", 0, 100),)
    cut = Message("a", Role.ASSISTANT, (Speech("Hello", phrases),), Status.IN_PROGRESS)
    assert "friend" not in to_json(cut)
    assert from_json(to_json(cut)) == Message(
        "a", Role.ASSISTANT, (Speech("Hello"),), Status.INCOMPLETE
    )


def test_halves_of_letters_are_replaced() -> None:
    assert from_json(to_json(FunctionOutput("o", "c", "a\ud83d\0z"))) == FunctionOutput(
        "o", "c", "a?\0z"
    )


def test_it_is_written_so_that_it_can_be_read_for_ever() -> None:
    said = Message("a", Role.USER, (Speech("Hi"), Text("there"), Speech(None)))
    assert json.loads(to_json(said)) == {
        "v": 1,
        "type": "message",
        "id": "a",
        "status": "completed",
        "role": "user",
        "content": [
            {"type": "speech", "transcript": "Hi"},
            {"type": "text", "text": "there"},
            {"type": "speech", "transcript": None},
        ],
    }


GOOD = json.loads(to_json(FunctionOutput("o", "c", "x")))


@pytest.mark.parametrize(
    "document",
    [
        "",
        "nothing",
        "[]",
        "null",
        "{}",
        json.dumps({**GOOD, "v": 2}),
        json.dumps({**GOOD, "type": "other"}),
        json.dumps({**GOOD, "status": "in_progress"}),
        json.dumps({**GOOD, "more": 1}),
        json.dumps({**GOOD, "output": 5}),
        json.dumps({**GOOD, "output": "x" * (MOST_CHARACTERS + 1)}),
        json.dumps({**GOOD, "id": "x" * 1_001}),
        json.dumps({name: GOOD[name] for name in GOOD if name != "call_id"}),
        "[" * 100_000,
    ],
    ids=range(14),
)
def test_what_was_never_written_is_refused(document: str) -> None:
    with pytest.raises(StoreUnavailable, match="expected an item of version 1") as refused:
        from_json(document)
    assert len(refused.value.message) < 500

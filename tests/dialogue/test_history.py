from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue.history import cost, messages, system_prompt, tokens
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
from sotto.dialogue.request import Manner
from sotto.interfaces.chat import Call, ChatMessage, Outcome, Role, Said

MANNER = Manner(instructions="Be kind.")
PROMPT = Said(Role.SYSTEM, system_prompt(MANNER))
ENOUGH = 100_000


def message(role: Role, text: str | None, id: str = "m") -> Message:
    return Message(id, role, (Speech(text),))


def user(text: str | None) -> Message:
    return message(Role.USER, text)


def answer(text: str) -> Message:
    return message(Role.ASSISTANT, text)


def call(id: str, name: str = "look") -> FunctionCall:
    return FunctionCall(f"item_{id}", id, name, "{}")


def came(id: str, output: str = "x") -> FunctionOutput:
    return FunctionOutput(f"out_{id}", id, output)


def told(*items: Item, budget: int = ENOUGH) -> tuple[ChatMessage, ...]:
    """Without the prompt, which always comes first."""
    first, *rest = messages(items, MANNER, budget)
    assert first == PROMPT
    return tuple(rest)


def test_the_prompt_says_how_to_answer() -> None:
    spoken = system_prompt(Manner(instructions=" Be kind. ", language="es"))
    assert spoken.startswith("Be kind.\n\n")
    assert "Spanish" in spoken
    assert "spoken aloud" in spoken
    written = system_prompt(Manner(speaks=False))
    assert "spoken aloud" not in written
    assert "language in which the user speaks" in written


def test_a_conversation_is_told_in_order() -> None:
    both = Message("m", Role.USER, (Text("And "), Speech(" there?"), Speech(None)))
    assert told(user("Hi"), answer("Hello."), both) == (
        Said(Role.USER, "Hi"),
        Said(Role.ASSISTANT, "Hello."),
        Said(Role.USER, "And there?"),
    )


def test_what_is_not_known_or_was_not_heard_is_left_out() -> None:
    """Of an answer that was cut its transcript holds what was heard; its phrases hold all."""
    phrases = (Spoken("Hello there. ", 0, 100),)
    cut = Message("m", Role.ASSISTANT, (Speech("Hello", phrases),), Status.INCOMPLETE)
    unheard = Message("m", Role.ASSISTANT, (Speech("", phrases),), Status.INCOMPLETE)
    assert told(user("Hi"), unheard, user(None), user("You?"), cut, user(" ")) == (
        Said(Role.USER, "Hi\nYou?"),
        Said(Role.ASSISTANT, "Hello"),
    )


def test_one_side_never_speaks_twice_in_a_row() -> None:
    hint = message(Role.SYSTEM, "The shop is closed.")
    first, *rest = messages([hint, user("a"), user("b"), hint, answer("c")], MANNER, ENOUGH)
    assert first == Said(Role.SYSTEM, f"{PROMPT.text}\nThe shop is closed.")
    assert rest == [
        Said(Role.USER, "a\nb"),
        Said(Role.SYSTEM, "The shop is closed."),
        Said(Role.ASSISTANT, "c"),
    ]


A, B = Call("a", "look", "{}"), Call("b", "look", "{}")
XA, XB = Outcome("a", "x"), Outcome("b", "x")
U = Said(Role.USER, "u")


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([user("u"), call("a"), came("a")], (U, A, XA)),
        ([user("u"), call("a"), call("b"), came("b"), came("a")], (U, A, B, XA, XB)),
        ([user("u"), call("a"), came("a"), call("b"), came("b")], (U, A, XA, B, XB)),
        ([call("a"), user("u"), came("a")], (A, XA, U)),
        ([user("u"), call("a")], (U,)),
        ([user("u"), call("a"), call("b"), came("b")], (U, B, XB)),
        ([user("u"), came("a")], (U,)),
        ([user("u"), call("a"), call("a"), came("a"), came("a")], (U, A, XA)),
    ],
)
def test_calls_stand_before_what_came_of_them(
    items: list[Item], expected: tuple[ChatMessage, ...]
) -> None:
    assert told(*items) == expected


def test_the_oldest_go_where_the_budget_ends() -> None:
    items = [each for at in range(50) for each in (user(f"question {at}"), answer("word " * 20))]
    items.append(user("last"))
    full = told(*items)
    budget = cost(PROMPT) + sum(map(cost, full[-4:]))
    assert told(*items, budget=budget) == full[-4:]
    assert told(*items, budget=budget - 1) == full[-3:]
    assert told(*items, budget=0) == full[-1:]


def test_what_the_user_said_last_and_all_since_is_always_told() -> None:
    now = [user("now"), call("a"), came("a", "x" * 10_000), answer("Well")]
    assert len(told(user("before"), *now, budget=10)) == 4
    assert told(answer("Hello."), budget=0) == ()


def test_calls_go_with_what_came_of_them() -> None:
    items = [user("old"), call("a"), call("b"), came("a"), came("b"), user("new")]
    whole = cost(PROMPT) + sum(map(cost, (A, B, XA, XB, Said(Role.USER, "new"))))
    assert told(*items, budget=whole)[:2] == (A, B)
    assert told(*items, budget=whole - 1) == (Said(Role.USER, "new"),)


def test_what_a_text_costs() -> None:
    assert [tokens(text) for text in ("", "a", "four", "fives", "東京", "東京 a", "ok。")] == [
        0, 1, 1, 2, 2, 3, 2,
    ]  # fmt: skip
    assert cost(Outcome("a", "東京")) == 6


CALL_IDS = st.sampled_from("abc")
ITEMS = st.one_of(
    st.builds(message, st.sampled_from(Role), st.none() | st.text(max_size=30)),
    st.builds(call, CALL_IDS),
    st.builds(came, CALL_IDS),
)


@given(st.lists(ITEMS, max_size=30), st.integers(0, 200))
def test_whatever_is_in_it_servers_can_read_it(items: list[Item], budget: int) -> None:
    given = messages(items, MANNER, budget)
    assert isinstance(given[0], Said)
    assert given[0].text.startswith(PROMPT.text)
    for before, after in pairwise(given):
        if isinstance(before, Said) and isinstance(after, Said):
            assert before.role is not after.role
        if isinstance(before, Call):  # whose outcomes follow before anybody speaks
            assert not isinstance(after, Said)
        if isinstance(after, Outcome):
            assert not isinstance(before, Said)
    calls = [each.id for each in given if isinstance(each, Call)]
    assert calls == [each.id for each in given if isinstance(each, Outcome)]
    assert len(set(calls)) == len(calls)
    assert set(messages(items, MANNER, ENOUGH)[1:]) >= {
        each for each in given[1:] if not isinstance(each, Said)
    }

from __future__ import annotations

import pytest

from sotto.interfaces.chat import Call, ChatMessage, ChatRequest, Outcome, Role, Said, Tool
from sotto.plugins.llm.parrot import LONGEST, Parrot
from sotto.testing.chat import text, whole

SYSTEM = Said(Role.SYSTEM, "Answer.")


async def said(*messages: ChatMessage, language: str = "") -> str:
    return text(await whole(Parrot(), ChatRequest((SYSTEM, *messages), language=language)))


def user(words: str) -> Said:
    return Said(Role.USER, words)


@pytest.mark.parametrize(
    ("language", "heard", "frame"),
    [
        ("en", "Good morning", "You said: Good morning"),
        ("es", "Buenos días", "Has dicho: Buenos días"),
        ("fr", "Bonjour à tous", "Vous avez dit : Bonjour à tous"),
        ("zh", "早上好", "你说的是：早上好"),
        ("ja", "おはよう", "「おはよう」と言いましたね。"),
        ("de", "Guten Morgen", "You said: Guten Morgen"),
        ("", "早上好", "你说的是：早上好"),
        ("", "お早う", "「お早う」と言いましたね。"),
    ],
)
async def test_it_repeats_in_the_language(language: str, heard: str, frame: str) -> None:
    first = await said(user(heard), language=language)
    assert first.endswith(frame)
    assert len(first) > len(frame) + 10  # it says besides that there is no model
    again = await said(user(heard), Said(Role.ASSISTANT, first), user(heard), language=language)
    assert again == frame


async def test_it_says_so_where_nothing_was_heard() -> None:
    assert "no language model" in await said()
    assert "no language model" in await said(user(" "), Said(Role.ASSISTANT, "Hello."))


async def test_it_repeats_the_last_words_whatever_came_of_calls() -> None:
    told = (user("one"), Said(Role.ASSISTANT, "1"), user("two"), Call("c", "f", "{}"))
    assert await said(*told, Outcome("c", "x")) == "You said: two"


async def test_it_never_calls() -> None:
    tools = ChatRequest((SYSTEM, user("Call it")), tools=(Tool("it"),), tool_choice="required")
    assert text(await whole(Parrot(), tools)).endswith("You said: Call it")


async def test_it_comes_word_by_word() -> None:
    request = ChatRequest((SYSTEM, user("a {} b")), language="en")
    pieces = await whole(Parrot(), request)
    assert [text([piece]) for piece in pieces[-6:-1]] == [" You", " said:", " a", " {}", " b"]
    signs = await whole(Parrot(), ChatRequest((SYSTEM, user("早上好")), language="zh"))
    assert [text([piece]) for piece in signs[-4:-1]] == ["早", "上", "好"]


async def test_it_does_not_repeat_without_end() -> None:
    assert len(await said(user("word " * 10_000))) < LONGEST + 100

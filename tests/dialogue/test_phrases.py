from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue.phrases import LONGEST, UNBROKEN, Phrases
from sotto.dialogue.speakable import speakable
from sotto.errors import VoiceUnavailable


def phrases(*deltas: str) -> list[str]:
    """All phrases of a text that comes in these pieces."""
    cutter = Phrases()
    return [*(phrase for delta in deltas for phrase in cutter.receive(delta)), *cutter.finish()]


@pytest.mark.parametrize(
    "expected",
    [
        ["Hello there. ", "Next one! ", "Is it? ", "Yes."],
        ["Dr. Smith paid $29.50 on Jan. 5. ", "He left."],
        ["It costs 3.14 or 1,000 euros. ", "Fine."],
        ["El Sr. Pérez llegó. ", "¿Qué tal? ", "¡Muy bien!"],
        ["La Dra. López dijo: «Vamos.» ", "Luego se fue."],
        ["M. Dupont est là. ", "Il a dit : « Venez ! » ", "Puis il est parti."],
        ["C'est p. ex. ceci. ", "Quoi ? ", "Oui."],
        ["See e.g. this one. ", "Bob et al. said so."],
        ["Wait... what? ", "Well... ", "Okay."],
        ['He said "Go." ', "Then left. ", '"Really?" she asked.'],
        ["(It works.) Yes. ", "J. R. R. Tolkien wrote it."],
        ["**It is bold.** ", "_And_ `code` too."],
        ["你好。", "你在做什么？", "他说：“走吧。”", "价格是3.14元。"],
        ["こんにちは。", "「行こう。」", "と彼は言った。", "そうですね…それで。"],
        ["「一です。", "二です。」", "三です。"],
        ["好!", "再见.", "谢谢"],
        ["# Title\n", "- one\n", "- two\n", "1. First\n", "2. Second"],
        ["| a | b |\n", "|---|---|\n| 1 | 2 |\n", "After."],
    ],
)
def test_where_a_phrase_ends(expected: list[str]) -> None:
    assert phrases("".join(expected)) == expected


def test_the_first_may_end_at_a_comma() -> None:
    assert phrases("Well, of course I can, and I will, too.") == [
        "Well, of course I can, ",
        "and I will, too.",
    ]
    assert phrases("好的，当然可以了，我来，请稍等。") == ["好的，当然可以了，", "我来，请稍等。"]
    assert phrases("はい、そうだと思います、多分。") == ["はい、そうだと思います、", "多分。"]
    assert phrases("It is 10,000,000 or more, I think.")[0] == "It is 10,000,000 or more, "
    assert phrases("Yes. Well, of course I can, and will.") == [
        "Yes. ",
        "Well, of course I can, and will.",
    ]


@pytest.mark.parametrize(
    ("text", "waits_for"),
    [
        ("It is $29.", "5"),
        ("One. ", "T"),
        ("Mr. ", "S"),
        ("He said. ", '"'),
        ("你好", "。"),
        ("Title", "\n"),
        ("Well, of course,", " "),
    ],
)
def test_it_comes_as_soon_as_it_can_be_told(text: str, waits_for: str) -> None:
    cutter = Phrases()
    assert cutter.receive(text) == []
    told = cutter.receive(waits_for)
    expected = {"T": ["One. "], "。": ["你好。"], "\n": ["Title\n"], " ": ["Well, of course, "]}
    assert told == expected.get(waits_for, [])


def test_one_that_grows_too_long_ends_where_it_can() -> None:
    words = phrases("word " * 100)
    assert "".join(words) == "word " * 100
    assert all(len(phrase) <= LONGEST for phrase in words)
    assert all(phrase.endswith("word ") for phrase in words)
    commas = phrases(("あ" * 30 + "、") * 20)
    assert all(len(phrase) <= LONGEST and phrase.endswith("、") for phrase in commas)
    assert set(map(len, phrases("あ" * 450))) == {LONGEST, 50}
    assert list(map(len, phrases("x" * 900))) == [UNBROKEN, UNBROKEN, 100]
    address = "https://example.com/" + "a" * 250
    assert phrases(f"It is at {address} just now.") == ["It is at ", f"{address} ", "just now."]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_a_block_of_code_is_one_phrase(fence: str) -> None:
    code = f"{fence}python\nprint('One. Two.')\n\n" + "x = 1\n" * 100 + f"{fence}\n"
    parts = phrases(f"Look here. See:\n{code}\nIt works. Good.")
    assert parts == ["Look here. ", "See:\n", code, "\nIt works. ", "Good."]
    assert [speakable(part) for part in parts] == [
        "Look here.",
        "See:",
        "",
        "It works.",
        "Good.",
    ]
    open_end = phrases(f"See:\n{fence}\none. Two\nthree")
    assert open_end == ["See:\n", f"{fence}\none. Two\nthree"]
    assert speakable(open_end[1]) == ""


def test_code_within_a_line_ends_no_phrase_by_itself() -> None:
    assert phrases("`a. B` is code.\n```x``` too.\nYes.") == [
        "`a. B` is code.\n",
        "```x``` too.\n",
        "Yes.",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \n"])
def test_nothing_is_no_phrase(text: str) -> None:
    assert phrases(text) == []


def test_it_can_be_used_on_after_an_end() -> None:
    cutter = Phrases()
    assert cutter.receive("```\ncode") == []
    assert cutter.finish() == ["```\ncode"]
    assert cutter.finish() == []
    assert cutter.receive("A line.\n") == ["A line.\n"]


def test_what_is_missing_is_said_before_anything_is_spoken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sentencex", None)
    with pytest.raises(VoiceUnavailable, match=r"pip install 'sotto\[talk\]'"):
        Phrases()


SIGNS = st.sampled_from("a53.!?,。、！「」“”\"'()*`|-東あé \n🙂\0\ud83d")
PIECES = SIGNS | st.sampled_from(
    ["word", "Dr. ", "Sr", "e.g.", "...", "```", "\n```", "~~~", "- ", "http://x.y/z", "x" * 60]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=300))


@given(TEXTS, st.data())
def test_cutting_the_text_otherwise_changes_nothing(text: str, data: st.DataObject) -> None:
    whole = phrases(text)
    assert phrases(*text) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edges = [0, *cuts, len(text)]
    assert phrases(*(text[a:b] for a, b in pairwise(edges))) == whole


@given(TEXTS)
def test_nothing_is_lost_and_nothing_is_doubled(text: str) -> None:
    told = phrases(text)
    assert "".join(told).strip() == text.strip()
    assert text.startswith("".join(told))
    assert all(phrase.strip() for phrase in told)


@given(st.text("ab1 .,!?。、\n東あ", max_size=2_000))
def test_none_is_too_long(text: str) -> None:
    assert all(len(phrase.strip()) <= UNBROKEN for phrase in phrases(text))

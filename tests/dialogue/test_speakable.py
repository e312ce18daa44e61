from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue.speakable import speakable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Words, 3.14 and $29.50 (as is)!", "Words, 3.14 and $29.50 (as is)!"),
        ("  Two\n  lines ", "Two lines"),
        ("# Title", "Title"),
        ("\n### Sub *title* ###", "Sub title"),
        ("#hashtag and C#", "#hashtag and C#"),
        ("- item", "item"),
        ("  * [x] done", "done"),
        ("+ [ ] to do", "to do"),
        ("1. First", "1. First"),
        ("-5 degrees - cold", "-5 degrees - cold"),
        ("> quoted\n> > twice", "quoted twice"),
        ("---", ""),
        ("* * *", ""),
        ("|---|:-:|", ""),
        ("| a | b |", "a, b"),
        ("a | b | c", "a, b, c"),
        ("**Bold.** And *thin*, ***both***, ~~gone~~.", "Bold. And thin, both, gone."),
        ("**cut off", "cut off"),
        ("off** here", "off here"),
        ("__strong__ _thin_ snake_case_name __init__", "strong thin snake_case_name init"),
        ("2*3 and 2 * 3", "2*3 and 2 * 3"),
        ("**5** of **10**", "5 of 10"),
        ("这是**重点**。", "这是重点。"),
        ("Use `a*b_c` and ``x``.", "Use a*b_c and x."),
        ("Use `open", "Use open"),
        ("[the docs](https://example.com/a_(b)?c=1)", "the docs"),
        ("![a cat](cat.png) sits", "a cat sits"),
        ("[text][ref] and [text]", "text and text"),
        ("[cut. ", "cut."),
        ("off](http://a.b/c) here", "off here"),
        ("So it is.[^1]", "So it is."),
        ("See https://www.example.com/a/b?c=d#e.", "See example.com."),
        ("(http://user:pw@Example.org:8080/x), www.a.fr!", "(example.org), a.fr!"),
        ("見て https://example.com/x。次", "見て example.com。次"),
        ("Mail me@example.com", "Mail me@example.com"),
        ("Line<br>break <b>x</b> 1 < 2 > 1", "Line break x 1 < 2 > 1"),
        ("A &amp; B &lt; C", "A & B < C"),
        ("Great! 🎉👍🏽 Yes ❤️ 👨‍👩‍👧 🇫🇷 1️⃣", "Great! Yes 1"),
        ("20 °C, ㎏, © 2020 ★", "20 °C, ㎏, © 2020"),
        ("a → b", "a b"),
        ("a\0b\x1b[0m\ud800c\u200bd\ufeff", "a b 0m cd"),
        ("नमस्ते, مرحبا", "नमस्ते, مرحبا"),
        ("```python\ncode\n```", ""),
        ("Before\n~~~\ncode\n~~~\nafter", "Before after"),
        ("Before\n```\ncode without end", "Before"),
        ("```one line```", "one line"),
        ("🙂", ""),
        ("...", ""),
        ("」", ""),
        ("**", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_said_of_what_is_written(written: str, said: str) -> None:
    assert speakable(written) == said


SIGNS = st.sampled_from("a1*_`[]()!<>|-#:/@.&🙂東 \n\t\u200d\ud83d")
PIECES = SIGNS | st.sampled_from(
    ["**", "```", "~~~", "](", "# ", "- ", "http://", "https://[", "www.", "[^", "&#0;", "&lt;b"]
)
MARKUP = st.lists(PIECES, max_size=40).map("".join)


@given(st.one_of(MARKUP, st.text(max_size=200)))
def test_any_text_can_be_said_or_has_nothing_to_say(text: str) -> None:
    said = speakable(text)
    assert said == said.strip()
    assert said == " ".join(said.split())
    assert not said or any(map(str.isalnum, said))
    said.encode()


@given(st.text("abc XYZ, é東あ!?", max_size=100))
def test_plain_words_stay_as_they_are(text: str) -> None:
    said = speakable(text)
    assert said in ("", " ".join(text.split()))


@pytest.mark.parametrize("part", ["[", "](", "*", "_a", "`", "<a", "|", "> ", "http://", "- ", "#"])
def test_long_texts_take_no_longer_than_they_are(part: str) -> None:
    """Patterns that look back and forth would take minutes."""
    speakable(part * 20_000)

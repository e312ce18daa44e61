"""Words, times and tokens of what other servers write; and whatever else they may say."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.audio.chunk import Mel
from sotto.errors import EngineFailed
from sotto.plugins.engines.remote.answer import MAX_TEXT, Answer, parse_answer
from sotto.plugins.engines.remote.tokens import TOKENS, prefix_end, tokens_of, words_of
from sotto.plugins.engines.remote.words import USUAL, split, timed_words
from sotto.transcript.words import Word

TEXT = "Nine two, five eight."


def sound(frames: int, *spans: tuple[int, int]) -> Mel:
    """Loud in the spans."""
    mel = np.full((frames, 80), -8, np.float32)
    for start, end in spans:
        mel[start:end] = -1
    return mel


TWO_SOUNDS = sound(500, (100, 200), (300, 400))


def answered(**body: Any) -> Answer:
    return parse_answer(json.dumps(body).encode())


def spoken(answer: Answer, mel: Mel = TWO_SOUNDS) -> list[tuple[str, int, int]]:
    return [(word.text, word.start, word.end) for word in timed_words(answer, mel, "en")]


def told(word: str, start: float, end: float, **more: float) -> dict[str, Any]:
    return {"word": word, "start": start, "end": end, **more}


def test_words_with_times_give_the_text_its_times() -> None:
    """OpenAI's have no punctuation and no spaces; the text has both."""
    words = [told("Nine", 1.0, 1.4), told("two", 1.5, 2.0), told("five", 3.0, 3.5)]
    words.append(told("eight", 3.5, 4.0, probability=0.75))
    heard = timed_words(answered(text=TEXT, words=words), TWO_SOUNDS, "en")
    assert heard == [
        Word(" Nine", 100, 140, USUAL),
        Word(" two,", 150, 200, USUAL),
        Word(" five", 300, 350, USUAL),
        Word(" eight.", 350, 400, 0.75),
    ]


def test_a_word_without_a_time_lies_between_its_neighbours() -> None:
    words = [told("Nine", 1.0, 1.4), told("XX", 1.5, 1.6), told("five", 3.0, 3.5)]
    assert spoken(answered(text=TEXT, words=words))[:3] == [
        (" Nine", 100, 140),
        (" two,", 140, 300),
        (" five", 300, 350),
    ]


def test_tokens_in_segments_are_joined_to_words() -> None:
    """As whisper.cpp tells them."""
    words = [told(" Ni", 1.0, 1.2, probability=0.5), told("ne", 1.2, 1.4, probability=1.0)]
    segment = {"text": " Nine", "start": 0.5, "end": 2.0, "words": words, "avg_logprob": -0.25}
    answer = answered(text=" Nine\n", segments=[segment])
    assert timed_words(answer, TWO_SOUNDS, "en") == [Word(" Nine", 100, 140, 0.75)]
    assert answer.avg_logprob == -0.25


def test_segments_share_their_sound_out_by_letters() -> None:
    segments = [
        {
            "text": " Nine two,",
            "start": 1.0,
            "end": 2.0,
            "avg_logprob": -0.1,
            "no_speech_prob": 0.9,
        },
        {"text": " five eight.", "start": 2.0, "end": 4.0, "avg_logprob": None},
    ]
    answer = answered(text=TEXT, segments=segments)
    assert spoken(answer) == [
        (" Nine", 100, 158),
        (" two,", 158, 200),
        (" five", 200, 345),
        (" eight.", 345, 400),
    ]
    assert (answer.avg_logprob, answer.no_speech_prob) == (-0.1, 0.9)


def test_a_text_alone_is_shared_out_over_the_windows_sound() -> None:
    assert spoken(answered(text=TEXT)) == [
        (" Nine", 100, 150),
        (" two,", 150, 188),
        (" five", 188, 338),
        (" eight.", 338, 400),
    ]


def test_without_a_text_the_parts_are_it() -> None:
    assert answered(words=[told("nine", 0, 1), told("two", 1, 2)]).text == "nine two"
    assert answered(segments=[{"text": " Ni"}, {"text": "ne two"}]).text == "Nine two"
    assert answered(text="", words=[]).text == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([told("Nine", 3.0, 4.0), told("two", 1.0, 2.0)], [(300, 400), (400, 400)]),
        ([told("Nine", -5.0, -1.0), told("two", 1.0, 1e300)], [(0, 0), (100, 500)]),
        ([told("Nine", 2.0, 1.0), told("two", 2.5, 3.0)], [(200, 200), (250, 300)]),
    ],
)
def test_times_stay_in_the_window_and_never_run_backwards(
    words: list[dict[str, Any]], expected: list[tuple[int, int]]
) -> None:
    heard = spoken(answered(text="Nine two", words=words))
    assert [(start, end) for _, start, end in heard] == expected


def test_what_is_no_speech_at_all_has_its_time_too() -> None:
    assert spoken(answered(text="♪ …")) == [(" ♪", 100, 200), (" …", 300, 400)]


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "  Hello,  wörld ", [" Hello,", " wörld"]),
        ("zh", "你好，世界 (a b) 5个。", ["你", "好，", "世", "界", " (a", " b)", " 5", "个。"]),
        ("th", "ดีครับ ok", ["ดี", "ค", "รั", "บ", " ok"]),
        ("ja", "「はい」", ["「は", "い」"]),
    ],
)  # fmt: skip
def test_texts_are_words(language: str, text: str, words: list[str]) -> None:
    assert split(text, language) == words


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_words_come_back_from_their_tokens(texts: list[str]) -> None:
    tokens = [token for text in texts for token in tokens_of(text)]
    assert words_of(tokens) == [(text, tokens_of(text)) for text in texts]
    assert all(0 < token < TOKENS < 2**53 for token in tokens)


@pytest.mark.parametrize("tokens", [(0,), (255,), (366,), (TOKENS,), (0x2FF,), (0x300,)])
def test_tokens_of_others_are_no_prefix(tokens: tuple[int, ...]) -> None:
    with pytest.raises(EngineFailed, match="expected a prefix"):
        words_of(tokens)


@pytest.mark.parametrize(
    ("prefix", "heard", "end"),
    [
        ("", "nine two", 0),
        ("nine two", "", 0),
        ("nine two", "Nine, two. five", 2),
        ("nine two", "nine to five", 2),
        ("nine two five", "nine five eight", 2),
        ("nine five", "nine two five eight", 3),
        ("nine", "five two", 1),
        ("nine two", "nine two two", 2),
        ("— nine", "— nine two", 2),
    ],
)
def test_a_prefix_ends_where_it_was_heard_again(prefix: str, heard: str, end: int) -> None:
    assert prefix_end(prefix.split(), heard.split()) == end


_NUMBERS = st.one_of(st.none(), st.integers(), st.floats(), st.just("1.5"), st.booleans())
_PART = st.fixed_dictionaries(
    {},
    optional={
        "word": st.one_of(st.sampled_from(["Nine", " two", ",", ""]), st.text()),
        "text": st.one_of(st.sampled_from([" Nine two,", "five"]), st.text()),
        "start": _NUMBERS,
        "end": _NUMBERS,
        "probability": _NUMBERS,
        "avg_logprob": _NUMBERS,
        "no_speech_prob": _NUMBERS,
        "words": st.lists(
            st.fixed_dictionaries({"word": st.text(), "start": _NUMBERS}), max_size=3
        ),
    },
)
_ANYTHING = st.recursive(
    st.one_of(_NUMBERS, st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "text": st.one_of(st.just(TEXT), st.text(), _ANYTHING),
        "language": st.one_of(st.just("english"), st.text(), _ANYTHING),
        "words": st.one_of(st.lists(_PART, max_size=5), _ANYTHING),
        "segments": st.one_of(st.lists(_PART, max_size=5), _ANYTHING),
        "detected_language_probability": _NUMBERS,
    },
)


def check(data: bytes, language: str, mel: Mel) -> None:
    """It is read or refused; what is read is sound."""
    try:
        answer = parse_answer(data)
    except EngineFailed as error:
        assert len(str(error)) < 400
        return
    words = timed_words(answer, mel, language)
    assert len(answer.text) <= MAX_TEXT
    assert -20 < answer.avg_logprob <= 0 <= answer.no_speech_prob <= 1
    assert 0 < answer.language_probability <= 1
    edges = [0, *(edge for word in words for edge in (word.start, word.end)), len(mel)]
    assert all(a <= b for a, b in pairwise(edges))
    assert "".join(word.text for word in words).split() == answer.text.split()
    assert all(word.text.strip() and 0 < word.probability <= 1 for word in words)
    tokens = [token for word in words for token in tokens_of(word.text)]
    assert [text for text, _ in words_of(tokens)] == [word.text for word in words]


@given(
    st.one_of(_BODY, _ANYTHING), st.sampled_from(["en", "zh", "th"]), st.sampled_from([1, 7, 500])
)
def test_whatever_is_answered_is_read_or_refused(body: Any, language: str, frames: int) -> None:
    check(json.dumps(body).encode(), language, TWO_SOUNDS[:frames])


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_so_are_bytes(data: bytes, place: int, byte: int) -> None:
    check(data, "en", TWO_SOUNDS)
    good = bytearray(json.dumps({"text": TEXT, "words": [told("Nine", 1, 2)]}).encode())
    good[place % len(good)] = byte
    check(bytes(good), "en", TWO_SOUNDS)


def test_a_text_without_end_has_one() -> None:
    answer = answered(text="la " * 100_000, words=[told("la", 0, 1)] * 100_000)
    assert len(timed_words(answer, TWO_SOUNDS, "en")) == MAX_TEXT // 3

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sotto
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.training.config import Learning
from sotto.training.data.targets import IGNORED, MAX_PROMPT, MAX_TOKENS, Segment, Target, Writer
from sotto.training.data.vocabulary import read_vocabulary

NANO = Path(sotto.__file__).parent / "assets" / "nano"
ENGINE = WhisperTokenizer(NANO)
WORDS = read_vocabulary(NANO)
TEXTS = st.text(st.sampled_from("abc é7"), min_size=1, max_size=60).filter(str.strip)


def writer(**learning: object) -> Writer:
    return Writer(WORDS, Learning.model_validate({"timestamps": 0.0} | learning))


def target(*texts: str, prompt: str = "", timestamps: float = 0.0) -> Target:
    """Of segments of a second each."""
    pieces = [Segment(100 * i, 100 * i + 100, text) for i, text in enumerate(texts)]
    rng = np.random.default_rng(0)
    return writer(timestamps=timestamps).target(pieces, "en", prompt, rng)


def test_what_is_read_and_what_is_written() -> None:
    found = target("one two", "six")
    start = [ENGINE.sot, ENGINE.languages["en"], ENGINE.transcribe, ENGINE.no_timestamps]
    text = ENGINE.encode(" one two six")
    assert list(found.tokens) == start + text
    assert list(found.labels) == [*start[1:], *text, ENGINE.eot]


def test_letters_for_ctc_are_those_of_the_text_alone() -> None:
    for timestamps in (0.0, 1.0):
        found = target("One é", "six", prompt="two", timestamps=timestamps)
        assert bytes(found.letters).decode() == "one é six"


def test_times_stand_around_each_segment() -> None:
    found = target("one two", "six", timestamps=1.0)
    times = ENGINE.timestamps
    body = [
        *(times[0], *ENGINE.encode(" one two"), times[50]),
        *(times[50], *ENGINE.encode(" six"), times[100]),
    ]
    start = [ENGINE.sot, ENGINE.languages["en"], ENGINE.transcribe]
    assert list(found.tokens) == start + body
    assert list(found.labels) == [*start[1:], *body, ENGINE.eot]


def test_a_prompt_is_told_and_not_written() -> None:
    plain, told = target("six"), target("six", prompt="one two")
    before = [ENGINE.start_of_prev, *ENGINE.encode(" one two")]
    assert list(told.tokens) == before + list(plain.tokens)
    assert list(told.labels) == [IGNORED] * len(before) + list(plain.labels)
    assert told.letters == plain.letters


def test_of_a_long_prompt_the_end_is_told() -> None:
    prompt = " ".join(f"{number}" for number in range(500))
    found = target("six", prompt=prompt)
    at = found.tokens.index(ENGINE.sot)
    assert at == 1 + MAX_PROMPT
    assert list(found.tokens[1:at]) == ENGINE.encode(f" {prompt}")[-MAX_PROMPT:]


def test_where_nobody_speaks() -> None:
    found = writer(timestamps=1.0).target((), "en", "one two", np.random.default_rng(0))
    start = [ENGINE.sot, ENGINE.languages["en"], ENGINE.transcribe, ENGINE.no_timestamps]
    assert list(found.tokens) == start
    assert list(found.labels) == [ENGINE.no_speech, IGNORED, IGNORED, ENGINE.eot]
    assert found.letters == ()


@settings(deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    prompt=st.just("") | TEXTS,
    timestamps=st.sampled_from([0.0, 1.0]),
)
def test_a_label_is_the_token_that_comes_next(
    texts: list[str], prompt: str, timestamps: float
) -> None:
    found = target(*texts, prompt=prompt, timestamps=timestamps)
    assert len(found.tokens) == len(found.labels)
    following = [*found.tokens[1:], ENGINE.eot]
    for label, token in zip(found.labels, following, strict=True):
        assert label in (IGNORED, token)
    at = found.tokens.index(ENGINE.sot)
    assert set(found.labels[:at]) <= {IGNORED}
    assert IGNORED not in found.labels[at:]
    assert bytes(found.letters).decode() == " ".join(texts).lower()


@pytest.mark.parametrize("timestamps", [0.0, 1.0])
def test_nothing_is_longer_than_a_decoder_takes(timestamps: float) -> None:
    text = " ".join(str(number) for number in range(1000))
    found = target(text, prompt=text, timestamps=timestamps)
    assert len(found.tokens) == len(found.labels) == MAX_TOKENS
    assert found.labels[-1] != ENGINE.eot  # it does not end there


def test_the_share_of_targets_with_times() -> None:
    rng, some = np.random.default_rng(0), writer(timestamps=0.3)
    found = [some.target([Segment(0, 10, "a")], "en", "", rng).tokens for _ in range(2000)]
    timed = [ENGINE.no_timestamps not in tokens for tokens in found]
    assert np.mean(timed) == pytest.approx(0.3, abs=0.04)


@settings(deadline=None)
@given(frame=st.integers(0, 3000))
def test_times_are_the_engine_s(frame: int) -> None:
    place = ENGINE.timestamps.index(WORDS.timestamp(frame))
    assert abs(place * 2 - frame) <= 1
    assert WORDS.timestamp(3000) == ENGINE.timestamps[-1]

"""What is taken for lost, doubled, changed, and for a promise that was broken."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sotto.bench.chaos.differing import Kind, differences, shifts, words
from sotto.bench.chaos.differing import Word as Told
from sotto.bench.chaos.promised import judge
from sotto.client import (
    Closed,
    Committed,
    Event,
    Final,
    Ready,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Word,
)

DIGITS = ["nine", "two", "five", "eight", "three", "one"]


def spoken(*texts: str, at: float = 0.0) -> list[Told]:
    """A word each 0.6 s."""
    starts = [round(at + 0.6 * place, 2) for place in range(len(texts))]
    return [Told(text, start, start + 0.4) for text, start in zip(texts, starts, strict=True)]


def kinds(expected: list[Told], got: list[Told]) -> list[Kind]:
    return [one.kind for one in differences(expected, got)]


@pytest.mark.parametrize("seed", range(20))
def test_what_was_done_to_words_is_what_is_found(seed: int) -> None:
    dice = random.Random(seed)
    truth = spoken(*(dice.choice(DIGITS) for _ in range(80)))
    places = sorted(dice.sample(range(2, 78, 4), 3))
    kept, done = [], dice.sample([*Kind], 3)
    for place, word in enumerate(truth):
        moved = replace(word, start=word.start + dice.uniform(-0.05, 0.05))
        kind = done[places.index(place)] if place in places else None
        if kind is Kind.CHANGED:
            kept.append(replace(moved, text="zero"))
        elif kind is not Kind.LOST:
            kept += [moved, replace(moved, text="zero")] if kind is Kind.DOUBLED else [moved]
    found = differences(truth, kept)
    assert sorted(one.kind for one in found) == sorted(done)
    for one in found:
        assert min(abs(one.at - truth[place].start) for place in places) < 1.3
    assert max(shifts(truth, kept)) <= 0.6 + 0.05


def test_a_word_lost_here_and_doubled_there_is_no_shift_of_what_lies_between() -> None:
    truth = spoken(*DIGITS * 7)
    got = [*truth[:5], *truth[6:30], truth[30], *truth[30:]]
    assert kinds(truth, got) == [Kind.LOST, Kind.DOUBLED]


def test_nothing_and_everything() -> None:
    truth = spoken(*DIGITS)
    assert differences(truth, truth) == []
    assert kinds(truth, []) == [Kind.LOST] * 6
    assert kinds([], truth) == [Kind.DOUBLED] * 6
    late = spoken(*DIGITS, at=60.0)
    assert sorted(kinds(truth, late)) == [Kind.DOUBLED] * 6 + [Kind.LOST] * 6


def utterance(number: int, at: float, *texts: str) -> list[Event]:
    """Of a word each half a second."""
    own = tuple(
        Word(f" {text}", at + place / 2, at + place / 2 + 0.4, 1.0)
        for place, text in enumerate(texts)
    )
    text, end = " ".join(texts), at + len(texts) / 2
    return [
        SpeechStarted(number, at),
        *(Committed(number, word.text, (word,)) for word in own),
        SpeechEnded(number, end),
        Final(number, text, at, end, "en", words=own),
    ]


READY = Ready("a", "nano", "transcribe", "pcm_s16le", "alignatt", "1")
FIRST, SECOND = utterance(0, 1.0, "nine", "two"), utterance(1, 4.0, "five", "eight")
WHOLE = [READY, *FIRST, *SECOND, Closed(6.0, 2, "finished")]


def test_a_stream_that_keeps_every_promise() -> None:
    heard = judge(WHOLE)
    assert (heard.finals, heard.faults, heard.void, heard.otherwise) == (2, (), 0, 0)
    assert [word.text for word in words(WHOLE)] == ["nine", "two", "five", "eight"]


def test_what_is_taken_back_may_be_heard_otherwise_and_is_counted() -> None:
    cut = [READY, *FIRST, *SECOND[:3], READY, Resumed(2.0, 1)]
    heard = judge([*cut, *utterance(1, 4.0, "five", "nine"), Closed(6.0, 2)])
    assert (heard.finals, heard.faults, heard.void, heard.otherwise) == (2, (), 2, 1)


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([READY, *FIRST, *FIRST, Closed(6.0, 2)], "expected the final of 1, got that of 0"),
        ([READY, *SECOND, Closed(6.0, 1)], "expected the final of 0, got that of 1"),
        (WHOLE[:-1], "did not come to its end"),
        ([*WHOLE[:-1], Closed(6.0, 3)], "closed after 3, told 2 finals"),
        ([*WHOLE[:-1], Closed(4.5, 2)], "closed at 4.5 s"),
        ([READY, *FIRST[:2], *FIRST[3:], Closed(6.0, 1)], "is not its committed words"),
        ([READY, *FIRST, *utterance(1, 1.5, "one"), Closed(6.0, 2)], "begins before the one"),
        ([READY, FIRST[0], *FIRST, Closed(6.0, 1)], "utterance 0 began twice"),
        (
            [READY, *FIRST[:2], READY, Resumed(0.0, 0), *FIRST[2:], Closed(6.0, 1)],
            "committed words",
        ),
    ],
)
def test_a_promise_that_was_broken(events: list[Event], fault: str) -> None:
    assert any(fault in why for why in judge(events).faults), judge(events).faults

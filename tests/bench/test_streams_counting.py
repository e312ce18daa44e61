"""Lags by number: what a server says means nothing, and is late all the same."""

from __future__ import annotations

import pytest

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.client import Arrival, Log
from sotto.bench.streams.counting import by_number, due, lags
from sotto.bench.streams.dialect import Committed, Final
from sotto.bench.streams.hearing import Commit
from sotto.bench.streams.plan import Placed, Track, Utterance, Word
from sotto.bench.streams.score import judge

RATE = 3.0


def samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def utterance(*stretches: tuple[float, float]) -> Utterance:
    words = tuple(Word("seven", samples(start), samples(end)) for start, end in stretches)
    end = words[-1].end or 0
    return Utterance((Placed(0, words[0].start),), words, words[0].start, end, end)


def track(*utterances: Utterance) -> Track:
    return Track(0, samples(60), utterances)


def at(*times: float) -> list[Commit]:
    return [Commit("babeba", time, None) for time in times]


def test_words_are_due_where_so_much_was_spoken() -> None:
    assert due(utterance((10, 11)), RATE) == pytest.approx([10 + 1 / 3, 10 + 2 / 3, 11])
    assert due(utterance((10, 10.5), (12, 12.5)), RATE) == pytest.approx(
        [10 + 1 / 3, 12 + 1 / 6, 12.5]
    )
    assert due(utterance((10, 10.2)), RATE) == []


def test_a_sentence_whose_words_are_not_known_is_one_stretch() -> None:
    words = (Word("seven", samples(4), None), Word("eight", samples(4), samples(6)))
    one = Utterance((Placed(0, samples(4)),), words, samples(4), samples(6), samples(6))
    assert due(one, 2.0) == pytest.approx([4.5, 5, 5.5, 6])


def test_each_word_is_as_late_as_its_number() -> None:
    said = track(utterance((10, 11)), utterance((20, 21)))
    found = lags(said, at(10.8, 11.2, 11.6, 20.5, 20.9, 21.9), RATE)
    assert found[0] == pytest.approx((10.8 - 10 - 1 / 3, 11.2 - 10 - 2 / 3, 0.6))
    assert found[1] == pytest.approx((20.5 - 20 - 1 / 3, 20.9 - 20 - 2 / 3, 0.9))


def test_who_says_twice_as_much_is_not_early() -> None:
    said = track(utterance((10, 11)))
    once = lags(said, at(11, 12, 13), RATE)
    twice = lags(said, at(10.5, 11, 11.5, 12, 12.5, 13), RATE)
    assert twice == once


def test_what_is_not_there_when_the_next_one_begins_is_late_to_the_end() -> None:
    said = track(utterance((10, 11)), utterance((20, 21)))
    found = lags(said, at(10.5, 21, 21, 21, 21, 21), RATE)
    assert found[0][0] == pytest.approx(10.5 - 10 - 1 / 3)
    assert found[0][1:] == pytest.approx((60 - 10 - 2 / 3, 60 - 11))


def test_a_word_less_than_others_have_is_no_word_missing() -> None:
    said = track(utterance((10, 11)), utterance((20, 21)))
    found = lags(said, at(10.8, 11.6, 20.5, 20.9, 21.9), RATE)
    assert found[0] == pytest.approx((10.8 - 10 - 1 / 3, 11.6 - 10 - 2 / 3, 0.6))


def test_who_says_nothing_is_late_with_all() -> None:
    assert lags(track(utterance((10, 11))), [], RATE) == [
        pytest.approx((60 - 10 - 1 / 3, 60 - 10 - 2 / 3, 49))
    ]


def test_findings_keep_all_but_their_lags() -> None:
    said = track(utterance((10, 11)))
    arrivals = [
        Arrival(10.9, (Committed(" babeba bobu"),)),
        Arrival(11.8, (Committed(" kiku"), Final())),
    ]
    log = Log(0, arrivals, [], [], None)
    before = judge(said, log)
    after = by_number(before, said, log, RATE)
    assert before.told[0].lags == ()
    assert after.told[0].lags == pytest.approx((10.9 - 10 - 1 / 3, 10.9 - 10 - 2 / 3, 0.8))
    assert after.told[0].final == before.told[0].final == pytest.approx(0.8)

"""Lags, errors and revisions, of what a server said when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.aligning import link
from sotto.bench.streams.client import Arrival, Log
from sotto.bench.streams.dialect import Committed, Final, Shown, TakenBack
from sotto.bench.streams.hearing import Commit, Done, listen, settled
from sotto.bench.streams.plan import Placed, Track, Utterance, Word
from sotto.bench.streams.score import add_up, changes, judge, spread, wer_of
from sotto.training.evaluation.scoring import align

WORDS = st.lists(st.sampled_from("abc"), max_size=8)


def samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def utterance(text: str, at: float, *, counts: bool = True) -> Utterance:
    """Each word sounds for half of its second."""
    words = tuple(
        Word(word, samples(at + place), samples(at + place + 0.5))
        for place, word in enumerate(text.split())
    )
    end = words[-1].end
    return Utterance((Placed(0, words[0].start),), words, words[0].start, end, end, counts=counts)


def track(*utterances: Utterance, client: int = 0) -> Track:
    return Track(client, samples(100), utterances)


def log(*arrivals: tuple[float, list[object]], failure: str | None = None) -> Log:
    return Log(0, [Arrival(at, tuple(heard)) for at, heard in arrivals], [], [], failure)


def told(said: Track, *arrivals: tuple[float, list[object]]):
    return judge(said, log(*arrivals)).told


def commits(words: list[str], first: float = 1_000.0) -> list[Commit]:
    return [Commit(word, first + place, None) for place, word in enumerate(words)]


def said(words: list[str]) -> list[Word]:
    return [Word(word, samples(place), samples(place + 0.5)) for place, word in enumerate(words)]


@given(WORDS, WORDS)
def test_where_time_forbids_nothing_the_errors_are_those_of_evaluate(a, b):
    links = link(said(a), commits(b))
    hits = sum(
        one.said is not None and one.commit is not None and a[one.said] == b[one.commit]
        for one in links
    )
    assert len(links) - hits == align(a, b).errors
    assert hits == align(a, b).hits


@given(WORDS, WORDS, st.floats(0, 10))
def test_every_word_is_linked_once_and_none_is_heard_before_it_sounds(a, b, first):
    words, heard = said(a), commits(b, first)
    links = link(words, heard)
    assert [one.said for one in links if one.said is not None] == list(range(len(a)))
    assert [one.commit for one in links if one.commit is not None] == list(range(len(b)))
    for one in links:
        if one.said is not None and one.commit is not None:
            assert heard[one.commit].at * SAMPLE_RATE >= words[one.said].start


def test_of_two_equal_words_of_which_one_is_heard_it_is_the_first():
    (one,) = [one for one in link(said(["a", "a"]), commits(["a"])) if one.commit == 0]
    assert one.said == 0


def test_lags_count_from_the_end_of_each_words_sound():
    (one,) = told(
        track(utterance("nine two five", 10.0)),
        (11.0, [Committed(" nine")]),
        (12.5, [Committed(" two"), Committed(" five"), Final()]),
    )
    assert one.lags == (pytest.approx(0.5), pytest.approx(1.0), pytest.approx(0.0))
    assert one.final == pytest.approx(0.0)
    assert one.score.errors == 0


def test_a_wrong_word_and_one_too_many_have_no_lag():
    (one,) = told(
        track(utterance("nine two five", 10.0)),
        (14.0, [Committed(" Nine, six! five. five"), Final()]),
    )
    assert len(one.lags) == 2
    assert (one.score.substitutions, one.score.insertions, one.score.deletions) == (1, 1, 0)


def test_a_word_that_never_came_is_an_error():
    result = add_up([judge(track(utterance("nine two", 0.0)), log((3.0, [Committed("nine")])))])
    assert (result.lag.count, result.score.deletions, result.wer) == (1, 1, 0.5)
    assert result.lost_finals == 1


def test_the_warm_up_is_heard_but_not_counted():
    talk = track(utterance("one", 0.0, counts=False), utterance("two", 5.0))
    found = judge(talk, log((1.0, [Committed(" six")]), (6.0, [Committed(" two"), Final()])))
    assert [one.where for one in found.told] == [(0, 1)]
    assert found.told[0].score.words == 1
    assert found.told[0].score.errors == 0


def test_a_word_in_pieces_is_certain_with_its_last_piece():
    heard = listen(
        [
            Arrival(1.0, (Committed(" se"),)),
            Arrival(2.0, (Committed("ven", (1.9,)),)),
            Arrival(3.0, (Final(), Committed("two"))),
        ]
    )
    assert [(one.word, one.at, one.claimed) for one in heard.commits] == [
        ("seven", 2.0, 1.9),
        ("two", 3.0, None),
    ]
    assert heard.finals == (Done(3.0, None),)


def test_the_first_sight_may_be_wrong_but_not_before_the_speech():
    (one,) = told(
        track(utterance("nine two", 10.0)),
        (9.0, [Shown(" hm")]),
        (10.4, [Shown(" five")]),
        (12.0, [Committed(" nine two"), Shown(""), Final()]),
    )
    assert one.first == pytest.approx(0.4)


def test_a_second_utterance_is_not_seen_by_the_words_of_the_first():
    one, two = told(
        track(utterance("nine two", 0.0), utterance("five", 10.0)),
        (1.5, [Shown(" nine two")]),
        (10.2, [Committed(" nine two"), Shown(""), Final(1.5)]),
        (10.9, [Shown(" five")]),
        (11.0, [Committed(" five"), Shown(""), Final(10.5)]),
    )
    assert (one.first, two.first) == (pytest.approx(1.5), pytest.approx(0.9))
    assert (one.final, two.final) == (pytest.approx(8.7), pytest.approx(0.5))


def test_an_utterance_of_wrong_words_is_seen_when_more_stands_there_than_before():
    _, two = told(
        track(utterance("nine two", 0.0), utterance("five", 10.0)),
        (2.0, [Committed(" nine two"), Final()]),
        (10.3, [Shown("")]),
        (10.6, [Shown(" hm")]),
        (12.0, [Committed(" hm"), Shown(""), Final()]),
    )
    assert (two.first, two.lags) == (pytest.approx(0.6), ())


def test_a_final_of_earlier_sound_is_not_that_of_the_utterance():
    (one,) = told(
        track(utterance("nine two", 0.0)),
        (2.0, [Committed(" nine two"), Final(0.5)]),
        (3.0, [Final(1.6)]),
    )
    assert one.final == pytest.approx(1.5)


def test_words_that_mean_nothing_have_the_lag_that_the_server_claims():
    result = add_up(
        [judge(track(utterance("nine two", 0.0)), log((3.0, [Committed(" x y", (0.5, 1.5))])))]
    )
    assert result.lag is None
    assert (result.claimed_lag.count, result.claimed_lag.mean) == (2, 2.0)


def screens(*arrivals: tuple[float, list[object]]):
    return listen([Arrival(at, tuple(heard)) for at, heard in arrivals])


def test_shown_words_that_stay_until_they_are_certain_did_not_change():
    heard = screens(
        (1.0, [Shown(" Nine")]),
        (2.0, [Shown(" nine, two")]),
        (3.0, [Committed(" nine"), Shown(" two")]),
        (4.0, [Committed(" two"), Shown(""), Final()]),
    )
    assert changes(heard, 0.0) == 0


def test_a_word_that_changes_vanishes_or_is_committed_otherwise_changed():
    heard = screens(
        (1.0, [Shown(" nine two five")]),
        (2.0, [Shown(" nine six five")]),
        (3.0, [Shown(" nine six")]),
        (4.0, [Committed(" one six"), Shown("")]),
    )
    assert changes(heard, 0.0) == 3
    assert changes(heard, 1.5) == 2


def test_what_is_put_before_a_shown_word_does_not_change_it():
    heard = screens((1.0, [Shown(" two five")]), (2.0, [Shown(" nine two five")]))
    assert changes(heard, 0.0) == 0


def test_a_word_stayed_from_when_it_was_last_put_there():
    heard = screens(
        (1.0, [Shown(" nine six")]),
        (2.0, [Shown(" nine two")]),
        (3.0, [Committed(" nine"), Shown("")]),
        (4.0, [Shown(" two five")]),
        (5.0, [Committed(" two"), Shown(" five")]),
        (6.0, [Shown(" five eight")]),
    )
    stood = [(one.word, one.at) for one in settled(heard)]
    assert stood == [("nine", 1.0), ("two", 4.0), ("five", 4.0), ("eight", 6.0)]


def test_a_word_that_nobody_saw_before_stayed_from_its_commit_and_its_last_piece():
    heard = screens((1.0, [Committed(" se")]), (2.0, [Committed("ven")]), (3.0, [Shown(" two")]))
    assert [(one.word, one.at) for one in settled(heard)] == [("seven", 2.0), ("two", 3.0)]


def test_what_is_never_certain_has_no_lag_but_may_have_stayed():
    result = add_up(
        [
            judge(
                track(utterance("nine two", 10.0)),
                log((10.7, [Shown(" nine")]), (12.0, [Shown(" nine two")])),
            )
        ]
    )
    assert (result.lag, result.score.deletions) == (None, 2)
    assert (result.stayed.count, result.stayed.most) == (2, pytest.approx(0.5))


@given(st.lists(st.tuples(WORDS, WORDS), max_size=6))
def test_what_stood_in_the_end_is_all_that_is_certain_and_the_last_tail(told):
    heard = screens(
        *(
            (float(at), [*([Committed(" " + " ".join(certain))] if certain else []), Shown(shown)])
            for at, (certain, words) in enumerate(told)
            for shown in [" ".join(words)]
        )
    )
    tail = told[-1][1] if told else []
    stood = settled(heard)
    assert [one.word for one in stood] == [*(one.word for one in heard.commits), *tail]
    assert all(one.at <= commit.at for one, commit in zip(stood, heard.commits, strict=False))


def test_clients_add_up():
    said = [track(utterance("nine two", 0.0), client=client) for client in range(2)]
    found = [
        judge(said[0], log((2.0, [Committed(" nine two"), Final(), TakenBack(1)]))),
        judge(said[1], log(failure="gone")),
    ]
    result = add_up(found)
    assert (result.clients, result.utterances, result.words, result.wer) == (2, 2, 4, 0.5)
    assert (result.failures, result.taken_back, result.lost_finals) == (("gone",), 1, 1)
    assert wer_of(found, [(0, 0)]) == 0.0
    assert wer_of(found, [(1, 0)]) == 1.0


@given(st.lists(st.floats(0, 100), min_size=1))
def test_percentiles_are_values_of_the_list_in_order(values):
    found = spread(values)
    assert found.count == len(values)
    assert {found.p50, found.p95, found.p99, found.most} <= set(values)
    assert min(values) <= found.p50 <= found.p95 <= found.p99 <= found.most == max(values)


def test_the_nearest_rank():
    found = spread([float(value) for value in range(100, 0, -1)])
    assert (found.mean, found.p50, found.p95, found.p99) == (50.5, 50.0, 95.0, 99.0)
    assert spread([]) is None

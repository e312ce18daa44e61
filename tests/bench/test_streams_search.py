"""How many streams come next, and what makes them too many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.bench.streams.run import in_turn
from sotto.bench.streams.score import Result, Spread
from sotto.bench.streams.search import Search
from sotto.bench.streams.step import Bounds, Generated, Load, Step
from sotto.errors import BadOption
from sotto.training.evaluation.scoring import Score


def search(wanted: Search, borne: int) -> list[tuple[int, bool]]:
    """All that is tried on a server that bears so many."""
    tried: list[tuple[int, bool]] = []
    while (clients := wanted.following(tried)) is not None:
        tried.append((clients, clients <= borne))
        assert len(tried) < 40
    return tried


@given(st.integers(0, 600), st.integers(1, 40), st.sampled_from([0.0, 0.1, 0.5]))
def test_what_is_found_is_right_but_for_the_share(borne, first, fine):
    wanted = Search(first, 512, fine)
    tried = search(wanted, borne)
    best = wanted.best(tried)
    assert best <= borne
    assert best >= min(borne, 512) - max(0, fine * best)
    assert len(dict(tried)) == len(tried)


def test_doubling_then_narrowing():
    assert [n for n, _ in search(Search(4, 512, 0.1), 21)] == [4, 8, 16, 32, 24, 20, 22]


def test_the_first_may_be_too_many():
    assert [n for n, _ in search(Search(8, 64, 0.0), 3)] == [8, 4, 2, 3]
    assert [n for n, _ in search(Search(8, 64, 0.0), 0)] == [8, 4, 2, 1]


def test_more_than_the_most_are_not_tried():
    assert [n for n, _ in search(Search(4, 20), 100)] == [4, 8, 16, 20]


def test_a_step_that_failed_is_believed_though_a_larger_one_did_not():
    assert Search().best([(4, True), (8, False), (16, True)]) == 4


def test_a_first_beyond_the_most():
    with pytest.raises(BadOption, match="expected 1 to 8 streams to begin with, got 9"):
        Search(9, 8)


def test_numbers_in_turn():
    choose = in_turn([1, 4])
    assert [choose([]), choose([(1, False)]), choose([(1, False), (4, True)])] == [1, 4, None]


def lag(p95: float) -> Spread:
    return Spread(10, p95, p95, p95, p95, p95)


def step(p95: float | None, wer: float = 0.1, failures: tuple[str, ...] = (), own: float = 0.0):
    result = Result(
        clients=4,
        failures=failures,
        utterances=10,
        words=50,
        lag=None if p95 is None else lag(p95),
        claimed_lag=None,
        first=None,
        final=None,
        wer=wer,
        score=Score(),
        lost_finals=0,
        changed_per_100=0.0,
        taken_back=0,
    )
    return Step(4, result, Generated(lag(own), None, 0.1), Load(1.0), None)


@pytest.mark.parametrize(
    ("given_step", "why"),
    [
        (step(1.6), "p95 commit lag 1.60 s is over 1.5 s"),
        (step(None), "none of the words that were said was committed"),
        (step(1.0, failures=("gone", "gone")), "2 streams ended early: gone"),
        (step(1.0, own=0.2), "the generator was the bottleneck: this says nothing of the server"),
        (step(1.0, wer=0.13), "WER 13.0 % against 10.0 % at first"),
    ],
)
def test_what_is_too_many(given_step, why):
    checked = Bounds().check(given_step, step(1.0))
    assert (checked.borne, checked.why) == (False, (why,))


def test_what_is_borne():
    assert Bounds().check(step(1.5, wer=0.115), step(1.0)).borne
    assert Bounds().check(step(1.5, wer=0.9), None).borne
    claimed = replace(step(None).result, claimed_lag=lag(1.0))
    assert Bounds().check(replace(step(None), result=claimed), None).borne

"""Which settings are chosen of made tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.bench.machine import BATCHES, DECIDING, LENGTHS, Choice, Point, Result, choose, grows

QUICK = 0.32
"""Seconds that a batch may take."""


def table(threads: int, rates: dict[int, float], *, scale: float = 1.0) -> list[Point]:
    """Points of each length whose batches do so many windows of 3 s a second; `scale` is how many
    times as many the other lengths do."""
    return [
        Point(threads, length, batch, batch / (rate if length == DECIDING else scale * rate))
        for length in LENGTHS
        for batch, rate in rates.items()
    ]


@pytest.mark.parametrize(("two", "threads"), [(100, 1), (105, 1), (106, 2), (200, 2)])
def test_another_thread_must_bring_more_than_5_percent(two, threads):
    points = [*table(1, {1: 100.0}), *table(2, {1: float(two)})]
    assert choose(points).threads == threads


def test_threads_are_judged_by_all_lengths_each_in_its_best_batch():
    slow_at_one = [*table(1, {1: 100.0, 2: 110.0}), *table(2, {1: 50.0, 2: 190.0})]
    assert choose(slow_at_one).threads == 2
    good_for_three_seconds_only = [*table(1, {1: 100.0}), *table(2, {1: 120.0}, scale=0.8)]
    assert choose(good_for_three_seconds_only).threads == 1


def test_what_the_engine_takes_by_itself_is_no_choice():
    points = [*table(0, {1: 900.0, 2: 999.0}), *table(1, {1: 100.0}), *table(2, {1: 90.0})]
    assert choose(points) == Choice(1, 1)


@pytest.mark.parametrize(
    ("rates", "batch"),
    [
        ({1: 100, 2: 101, 4: 104}, 1),  # nothing is gained
        ({1: 50, 2: 80, 4: 99, 8: 100, 16: 101}, 4),  # within 5 % of the best
        ({1: 10, 2: 12, 4: 14, 8: 20}, 4),  # the best takes 0.4 s
        ({1: 10, 2: 12, 4: 12.4, 8: 12.5}, 2),  # 4 would take 0.323 s
        ({1: 4, 2: 6}, 1),  # 2 takes 0.333 s
        ({1: 1, 2: 2, 4: 3}, 1),  # not even 1 is quick enough
    ],
)
def test_the_smallest_batch_that_does_and_is_quick_enough(rates, batch):
    assert choose(table(1, rates)) == Choice(1, batch)


tables = st.dictionaries(
    st.sampled_from((1, 2, 4, 6, 8)),
    st.dictionaries(
        st.sampled_from(BATCHES), st.floats(min_value=0.5, max_value=500.0), min_size=1
    ),
    min_size=1,
)


@given(tables)
def test_the_choice_keeps_to_its_rule(rates):
    points = [point for threads, own in rates.items() for point in table(threads, own)]
    chosen = choose(points)
    best = {threads: max(own.values()) for threads, own in rates.items()}
    worth = {threads for threads, rate in best.items() if rate > 0.9501 * max(best.values())}
    less = {threads for threads, rate in best.items() if rate < 0.9499 * max(best.values())}
    assert chosen.threads not in less
    assert all(chosen.threads <= threads for threads in worth)
    own = rates[chosen.threads]
    took = {batch: batch / rate for batch, rate in own.items()}
    quick = {batch for batch in own if took[batch] <= QUICK}
    assert chosen.max_batch in (quick or {1})
    for batch in quick:
        if batch < chosen.max_batch:
            assert own[batch] < 0.9501 * best[chosen.threads]
        if batch > chosen.max_batch:
            assert own[chosen.max_batch] > 0.9499 * best[chosen.threads]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([], True),
        ([100, 90], True),
        ([100, 104, 104], False),
        ([100, 90, 106], True),
        ([100, 106, 90], True),
        ([100, 106, 90, 90], False),
    ],
)
def test_two_batches_in_a_row_that_bring_nothing_are_the_last(rates, expected):
    batches = zip(BATCHES, rates, strict=False)
    assert grows([Point(1, 80, batch, batch / rate) for batch, rate in batches]) is expected


def test_the_ratio_is_of_the_largest_batches_that_were_measured():
    points = (*table(0, {1: 50.0, 4: 80.0}), *table(2, {1: 90.0, 2: 120.0, 4: 130.0}))
    result = Result(points, Choice(2, 2), Choice(0, 16))
    assert result.in_force.point(points).batch == 4
    assert result.ratio == pytest.approx(120 / 80)

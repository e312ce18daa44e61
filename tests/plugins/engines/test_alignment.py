from __future__ import annotations

import pytest

from sotto.plugins.engines.alignment import TYPICAL_WORD, means, word_spans


def path(*starts: int, end: int) -> list[tuple[int, int]]:
    """A warping path over tokens that begin at these positions, the end token last."""
    edges = [*starts, end + 1]
    return [
        (token, position)
        for token in range(len(starts))
        for position in range(edges[token], max(edges[token + 1], edges[token] + 1))
    ]


def test_a_word_lasts_until_the_next_one_begins() -> None:
    spans = word_spans(path(0, 20, 45, 60, end=80), [1, 1, 1], frames=200)
    assert spans == [(0, 40), (40, 90), (90, 120)]


def test_a_word_of_several_tokens_begins_with_its_first() -> None:
    spans = word_spans(path(5, 10, 20, 30, 50, end=60), [3, 1], frames=200)
    assert spans == [(10, 60), (60, 100)]


def test_tokens_without_a_word_at_the_end_take_no_part() -> None:
    assert word_spans(path(5, 20, 40, 50, end=60), [1, 1], frames=200) == [(10, 40), (40, 80)]


def test_no_words_have_no_spans() -> None:
    assert word_spans(path(0, end=10), [], frames=100) == []


def test_nothing_ends_after_the_window() -> None:
    spans = word_spans(path(0, 20, 48, 52, end=60), [1, 1, 1], frames=99)
    assert spans == [(0, 40), (40, 96), (96, 99)]


def test_words_that_begin_together_do_not_run_backwards() -> None:
    together = [(0, 0), (0, 1), (1, 1), (2, 1), (2, 2), (3, 2)]
    assert word_spans(together, [1, 1, 1], frames=20) == [(0, 2), (2, 2), (2, 4)]


def test_silence_before_the_first_word_is_not_part_of_it() -> None:
    spans = word_spans(path(0, 300, 320, 340, end=360), [1, 1, 1], frames=800)
    assert spans == [(520, 600), (600, 640), (640, 680)]


def test_silence_after_the_last_word_is_not_part_of_it() -> None:
    spans = word_spans(path(0, 20, 40, 400, end=420), [1, 1, 1], frames=900)
    assert spans == [(0, 40), (40, 80), (80, 160)]


def test_a_single_word_does_not_fill_the_window() -> None:
    start, end = word_spans(path(0, 700, end=720), [1], frames=1500)[0]
    assert end - start == 2 * TYPICAL_WORD
    assert end == 1400, "the end token is where the word ends"


def test_means_of_runs() -> None:
    assert means([0.5, 0.7, 0.9], [2, 1]) == pytest.approx([0.6, 0.9])
    assert means([0.5, 0.7, 0.9], [1]) == [0.5]
    assert means([], []) == []

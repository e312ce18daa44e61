from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.training.evaluation.scoring import (
    Pair,
    Score,
    align,
    compare,
    distance,
    normalize,
    score,
)

words = st.lists(st.sampled_from("abcd"), max_size=7)
texts = st.lists(st.sampled_from(["one", "two", "too", "three"]), max_size=12).map(" ".join)


def least(said: list[str], heard: list[str]) -> tuple[int, int]:
    """(errors, -hits) of the best alignment, by trying all of them."""

    @cache
    def best(i: int, j: int) -> tuple[int, int]:
        if i == len(said) and j == len(heard):
            return 0, 0
        found = []
        if i < len(said) and j < len(heard):
            errors, hits = best(i + 1, j + 1)
            same = said[i] == heard[j]
            found.append((errors, hits - 1) if same else (errors + 1, hits))
        if i < len(said):
            errors, hits = best(i + 1, j)
            found.append((errors + 1, hits))
        if j < len(heard):
            errors, hits = best(i, j + 1)
            found.append((errors + 1, hits))
        return min(found)

    return best(0, 0)


@given(words, words)
def test_it_is_the_best_of_all_alignments(said, heard):
    alignment = align(said, heard)
    assert (alignment.errors, -alignment.hits) == least(said, heard)
    assert distance(said, heard) == alignment.errors


@given(words, words)
def test_both_texts_are_in_it(said, heard):
    pairs = align(said, heard).pairs
    assert [pair.said for pair in pairs if pair.said is not None] == said
    assert [pair.heard for pair in pairs if pair.heard is not None] == heard
    assert Pair(None, None) not in pairs


@given(words, words)
def test_the_counts_fit_the_lengths(said, heard):
    found = align(said, heard)
    assert found.hits + found.substitutions + found.deletions == len(said)
    assert found.hits + found.substitutions + found.insertions == len(heard)
    assert found.substitutions + found.deletions + found.insertions == found.errors


@given(words, words)
def test_swapping_the_texts_swaps_deletions_and_insertions(said, heard):
    there, back = align(said, heard), align(heard, said)
    assert (there.deletions, there.insertions) == (back.insertions, back.deletions)
    assert (there.hits, there.substitutions) == (back.hits, back.substitutions)


@given(texts)
def test_equal_texts_have_no_errors(text):
    found = score(text, text)
    assert (found.errors, found.character_errors) == (0, 0)
    assert found.wer == (0.0 if text else None)


@given(texts, texts, texts)
def test_scores_add_up(said, heard, other):
    first, second = score(said, heard), score(other, heard)
    both = sum((first, second), Score())
    assert both.errors == first.errors + second.errors
    assert both.words == len(said.split()) + len(other.split())
    assert both.characters == len(said) + len(other)


def test_a_score_by_hand():
    found = score("Nine, two six eight", "nine too eight eight")
    assert found == Score(4, 2, 0, 0, characters=18, character_errors=5)
    assert (found.wer, found.cer) == (0.5, 5 / 18)


def test_more_words_than_were_said_make_more_than_all_wrong():
    assert score("yes", "no no no").wer == 3.0
    assert score("", "no no").insertions == 2


def test_missing_words_are_seen_where_they_are_missing():
    assert compare("a b c", "a c").pairs == (Pair("a", "a"), Pair("b", None), Pair("c", "c"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello,  World!\n", "hello world"),
        ("don't, don’t", "dont dont"),
        ("well-known [laughter] fact (sic) <noise>", "well known fact"),
        ("Ｆｕｌｌ width", "full width"),
        ("Été à Köln", "été à köln"),
        ("five 5 £3.50", "five 5 3 50"),
        ("हिन्दी।", "हिन्दी"),
        ("…", ""),
    ],
)
def test_normalization(text, plain):
    assert normalize(text) == plain
    assert normalize(plain) == plain

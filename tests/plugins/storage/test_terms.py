from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.plugins.storage.terms import MAX_ASKED, MAX_TERM, MAX_TERMS, asked, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" .,!? ", ()),
        ("Nine, nine; NINE two", ("nine", "two")),
        ("don't", ("don", "t")),
        ("Crème brûlée in Zürich", ("creme", "brulee", "in", "zurich")),
        ("Straße STRASSE", ("strasse",)),
        ("ＡＢＣ ﬁne ①", ("abc", "fine", "1")),
        ("東京へ", ("東", "京", "へ")),
        ("ガギ", ("ガ", "ギ")),
        ("हिन्दी", ("हिन्दी",)),
        ("3.14 x_y", ("3", "14", "x", "y")),
        ("a\0b \ud800 c", ("a", "b", "c")),
        ("👍 ok", ("ok",)),
        ("x" * 500, ("x" * MAX_TERM,)),
    ],
)
def test_what_is_a_term(text: str, expected: tuple[str, ...]) -> None:
    assert terms(text) == expected


@given(st.text())
def test_terms_are_letters_numbers_and_marks_alone(text: str) -> None:
    for term in terms(text):
        assert term
        assert not set(term) & set(" \0\t\n\"'\\()*^:&|!-+{}<>")
        term.encode()


@given(st.text(), st.text())
def test_what_stands_apart_is_split_apart(one: str, other: str) -> None:
    assert set(terms(f"{one} {other}")) == {*terms(one), *terms(other)}


def test_there_is_a_bound() -> None:
    many = " ".join(map(str, range(2_000)))
    assert len(terms(many)) == MAX_TERMS
    assert asked(many) == terms(many)[:MAX_ASKED]

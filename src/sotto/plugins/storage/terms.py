"""Text → the terms by which it is found: the same of what was said and of what is looked for.

Every store splits text here, and gives its database terms that no database splits again; so all
of them find the same, and nothing that anybody types is ever read as a query's syntax.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby

MAX_TERM = 64
"""Characters of a term; of a longer word its beginning counts."""
MAX_TERMS = 1_000
"""Of one final."""
MAX_ASKED = 32
"""Of what is looked for; the first ones. FTS5 takes 256."""

_ACCENTS = range(0x0300, 0x0370)
"""Combining marks of Latin, Greek and Cyrillic. Others, as the vowels of Hindi, are letters."""
_UNSPACED = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Burmese
    range(0x1780, 0x1800),  # Khmer
    range(0x2E80, 0x2FE0),  # radicals
    range(0x3005, 0x3008),
    range(0x3040, 0x3100),  # Hiragana, Katakana
    range(0x3400, 0x4DC0),  # Han
    range(0x4E00, 0xA000),
    range(0xF900, 0xFB00),
    range(0x20000, 0x32000),
)
"""Scripts that leave no space between words: each of their letters is a term."""
_FIRST_UNSPACED = chr(_UNSPACED[0].start)


def terms(text: str) -> tuple[str, ...]:
    """What is said in a text, each term once, in order: no case, no accents, no punctuation."""
    found: dict[str, None] = {}
    for term in _split(_fold(text)):
        found[term[:MAX_TERM]] = None
        if len(found) == MAX_TERMS:
            break
    return tuple(found)


def asked(text: str) -> tuple[str, ...]:
    """What is looked for."""
    return terms(text)[:MAX_ASKED]


def _fold(text: str) -> str:
    """As people mean it who type no capitals and no accents (Unicode, sections 3.11 and 3.13)."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(letter for letter in plain if ord(letter) not in _ACCENTS)
    return unicodedata.normalize("NFC", bare)


def _split(text: str) -> Iterator[str]:
    for kind, letters in groupby(text, _kind):
        if kind == "unspaced":
            yield from letters
        elif kind == "word":
            yield "".join(letters)


def _kind(letter: str) -> str:
    if unicodedata.category(letter)[0] not in "LNM":  # letters, numbers, marks
        return ""
    if letter < _FIRST_UNSPACED:
        return "word"
    return "unspaced" if any(ord(letter) in script for script in _UNSPACED) else "word"

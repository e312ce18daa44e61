"""What all engines ask of a phrase before they speak it."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase

MAX_TEXT = 1_000
"""Characters of one phrase."""
FIVE = ("en", "es", "fr", "zh", "ja")
"""The languages of conversations."""

_HAVE_NAMES = ("L", "N", "Sc", "Sm")
"""Unicode's categories of what is said: letters, numbers, signs of money and of arithmetic."""
_NAMED = "%&@#°"


def words_of(phrase: Phrase, languages: Collection[str]) -> str:
    """The text in one line; empty where there is nothing to say. Raises VoiceUnavailable."""
    if phrase.language not in languages:
        known = ", ".join(sorted(languages)) or "none"
        raise VoiceUnavailable(f"expected a language out of {known}, got {phrase.language[:20]!r}")
    if len(phrase.text) > MAX_TEXT:
        raise VoiceUnavailable(
            f"expected a phrase of at most {MAX_TEXT:,} characters, got {len(phrase.text):,}"
        )
    text = " ".join("".join(map(_sayable, phrase.text)).split())
    return text if any(map(_has_a_name, text)) else ""


def _sayable(letter: str) -> str:
    """Controls would end a C string, and halves of surrogate pairs are no text."""
    return " " if unicodedata.category(letter) in ("Cc", "Cs") else letter


def _has_a_name(letter: str) -> bool:
    return letter in _NAMED or unicodedata.category(letter).startswith(_HAVE_NAMES)

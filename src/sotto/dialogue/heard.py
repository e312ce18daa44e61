"""Which words of an answer somebody heard who stopped it."""

from __future__ import annotations

import re
import unicodedata

from sotto.audio.format import exact_div
from sotto.dialogue.items import OUTPUT_RATE, Spoken

ROUNDING = 20
"""Milliseconds that a client may take an answer to be longer: it adds up what came, as it came."""
SAMPLES_PER_MS = exact_div(OUTPUT_RATE, 1_000)  # 24
SECONDS_PER_LETTER = 1 / 15
SECONDS_PER_SIGN = 1 / 5
"""Of Chinese and Japanese, whose signs are syllables and more."""

_MARKS = re.compile(r"[^\w\s]*(?:\s|$)")
"""What follows a word's last letter; the marks take no time."""


def heard_text(phrases: tuple[Spoken, ...], audio_end_ms: int) -> str:
    """What of the phrases lies before that millisecond of their sound, without the outer spaces.

    Whole phrases; of the one that is cut, the words that fit into its part, as if each of its
    characters took as long as the others. A phrase without sound was heard once all before it was.
    """
    at = audio_end_ms * SAMPLES_PER_MS
    return "".join(_heard(phrase, at) for phrase in phrases).strip() if at > 0 else ""


def expected(text: str) -> int:
    """Samples at OUTPUT_RATE that a text's sound takes, about, before anybody has spoken it."""
    seconds = sum(
        SECONDS_PER_SIGN if _is_sign(character) else SECONDS_PER_LETTER
        for character in text.strip()
    )
    return round(seconds * OUTPUT_RATE)


def _heard(phrase: Spoken, at: int) -> str:
    if phrase.end <= at:
        return phrase.text
    if phrase.start >= at or not phrase.text.strip():
        return ""
    share = (at - phrase.start) / (phrase.end - phrase.start)
    silent = len(phrase.text) - len(phrase.text.lstrip())
    return _whole_words(phrase.text, silent + int(share * len(phrase.text.strip())))


def _whole_words(text: str, count: int) -> str:
    """The first `count` characters at most, up to the end of a word or of a sign."""
    ends = (end for end in range(count, 0, -1) if _is_boundary(text, end))
    return text[: next(ends, 0)]


def _is_boundary(text: str, end: int) -> bool:
    before, after = text[end - 1], text[end]
    if unicodedata.combining(after):
        return False
    if _is_sign(before) or _is_sign(after):
        return True
    return _MARKS.match(text, end) is not None


def _is_sign(character: str) -> bool:
    """Whether it stands by itself: languages that write no spaces are cut between any two."""
    return unicodedata.east_asian_width(character) in "WF"

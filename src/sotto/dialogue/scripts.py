"""In which script a letter is written."""

from __future__ import annotations

import unicodedata

_RANGES = (
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "ru"),
    (0x0530, 0x058F, "hy"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x077F, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0E00, 0x0E7F, "th"),
    (0x10A0, 0x10FF, "ka"),
    (0x1100, 0x11FF, "ko"),
    (0x3005, 0x3007, "zh"),
    (0x3040, 0x30FF, "ja"),
    (0x3400, 0x4DBF, "zh"),
    (0x4E00, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
    (0xF900, 0xFAFF, "zh"),
    (0xFF66, 0xFF9D, "ja"),
    (0x20000, 0x3FFFF, "zh"),
)
"""First, last, and a language that is written so; ja for kana alone, zh for Chinese characters,
which Japanese has too."""


def script(letter: str) -> str:
    """The language by which the letter's script is named; `en` for Latin, empty for what has none,
    as digits and signs do."""
    code = ord(letter)
    for first, last, language in _RANGES:
        if first <= code <= last:
            return language
    return "en" if unicodedata.category(letter).startswith("L") and code < 0x0250 else ""


def is_sign(letter: str) -> bool:
    """Whether it is a Chinese or Japanese sign or mark, which no spaces are written around."""
    return letter >= "\u2e80" and unicodedata.east_asian_width(letter) in "WF"

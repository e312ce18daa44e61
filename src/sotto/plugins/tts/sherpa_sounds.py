"""A text → the sounds that models read which have no lexicon: Piper's, and others of its kind.

sherpa-onnx had espeak-ng within until its version 2, and now takes sounds from whoever calls it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from sotto.plugins.tts.espeak_library import library

_MARKS = re.compile(r"([,.;:!?…]+(?=\s|$)|[、，。；：！？]+)")
"""What parts clauses; not the point in 3.5."""
_PLAIN = str.maketrans("、，。；：！？…", ",,.;:!?.")
"""As models know them."""
_ENDING = ".!?"
_TONGUE = re.compile(r"\([a-z-]+\)")
"""By which espeak-ng tells that a word is of another language."""


def sounds(text: str, voice: str) -> list[list[int]]:
    """Code points of each sentence's sounds (IPA) and marks. In a thread: espeak-ng is asked.

    Raises VoiceUnavailable.
    """
    espeak = library()
    return sentences(text, lambda part: espeak.worker.submit(espeak.sounds, part, voice).result())


def sentences(text: str, told: Callable[[str], str]) -> list[list[int]]:
    """The same with what tells a clause's sounds. An accent is a code point of its own."""
    found: list[list[int]] = [[]]
    for clause, mark in _clauses(text):
        heard = unicodedata.normalize("NFD", _TONGUE.sub("", told(clause)))
        space = " " if found[-1] else ""
        found[-1] += map(ord, space + heard + mark)
        if mark in _ENDING:
            found.append([])
    return [sentence for sentence in found if sentence]


def _clauses(text: str) -> Iterator[tuple[str, str]]:
    """What is said, and the mark behind it; the last has a full stop where it has none."""
    parts = [*_MARKS.split(text), ""]
    for clause, marks in zip(parts[::2], parts[1::2], strict=False):
        if clause.strip():
            yield clause.strip(), marks[:1].translate(_PLAIN) or "."

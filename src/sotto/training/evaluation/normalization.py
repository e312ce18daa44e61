"""What is no difference between two texts: a normalization, chosen by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sotto.errors import BadOption
from sotto.training.evaluation.scoring import Normalizer, normalize
from sotto.training.manifest import Manifest

_ENGLISH = "en"

_NOT_WHISPERS = (r"\bkinda\b", r"\bsorta\b", r"\bdunno\b", r"\bcause\b")
"""Replacements that the library has beyond those of OpenAI's release 20250625: published figures
were made without them."""


class NormalizationName(StrEnum):
    """Which normalization is asked for."""

    BASIC = "basic"
    """Lower case, no punctuation; words stay as they are written."""
    ENGLISH = "english"
    """As Whisper's English figures are made: numbers, contractions and spellings are made one."""
    AUTO = "auto"
    """`english` where all speech is labelled so and the library is there, else `basic`."""


@dataclass(frozen=True)
class Normalization:
    """A normalizer that a report can name."""

    name: NormalizationName
    """Never `auto`."""
    plain: Normalizer


BASIC = Normalization(NormalizationName.BASIC, normalize)


def english() -> Normalization:
    """Whisper's own, by the library that carries it. Radford et al., 2022, appendix C.

    Successive digits become one word: `nine two five` is `925`.
    Raises BadOption where the library is not installed.
    """
    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise BadOption(
            "normalization",
            "expected the package whisper-normalizer for the English normalization, got none: "
            "pip install 'sotto[train]'",
        ) from error
    whispers = EnglishTextNormalizer()
    for pattern in _NOT_WHISPERS:
        whispers.replacers.pop(pattern, None)

    def plain(text: str) -> str:
        return " ".join(whispers(text).split())  # it leaves spaces at the ends

    return Normalization(NormalizationName.ENGLISH, plain)


def choose(asked: NormalizationName, sets: Sequence[Manifest]) -> Normalization:
    """What is asked for, for these clips. Raises BadOption where `english` cannot be had."""
    match asked:
        case NormalizationName.BASIC:
            return BASIC
        case NormalizationName.ENGLISH:
            return english()
        case NormalizationName.AUTO:
            return _fitting(sets)


def _fitting(sets: Sequence[Manifest]) -> Normalization:
    clips = (entry for manifest in sets for entry in manifest.entries)
    if {clip.language for clip in clips if clip.is_speech} != {_ENGLISH}:
        return BASIC
    try:
        return english()
    except BadOption:
        return BASIC

"""What another server answered, read with care: it may say anything."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from sotto.errors import EngineFailed, UnknownLanguage
from sotto.transcript.languages import parse_language

MAX_TEXT = 3_000
"""Characters of what is said in a window: nobody says more in 30 s, so what follows is a loop."""
MAX_PARTS = 3_000
"""Words or segments."""
LEAST_LOGPROB = -10.0
LEAST_PROBABILITY = 1e-3
TOLD = 0.9
"""The probability of a language that a server names without saying how sure it is."""
USUAL_LOGPROB = math.log(0.9)
"""Of text of which nothing is said: it is believed, as it would be without us."""

Number = Annotated[float | None, Field(default=None, allow_inf_nan=False)]


class _Word(BaseModel):
    word: str = ""
    start: Number
    end: Number
    probability: Number


class _Segment(BaseModel):
    text: str = ""
    start: Number
    end: Number
    avg_logprob: Number
    no_speech_prob: Number
    words: list[_Word] | None = None


class _Body(BaseModel):
    """OpenAI's `json` and `verbose_json`, and what others add to it."""

    text: str | None = None
    language: str | None = None
    detected_language_probability: Number
    words: list[_Word] | None = None
    segments: list[_Segment] | None = None


@dataclass(frozen=True)
class Timed:
    """A piece of the text, and when it was said."""

    text: str
    start: float
    """Seconds since the window began, as they were told."""
    end: float
    probability: float | None = None


@dataclass(frozen=True)
class Answer:
    """What was heard, as far as it was told."""

    text: str
    pieces: tuple[Timed, ...] = ()
    """The shortest pieces whose times were told: words, or segments."""
    language: str | None = None
    """Whisper's code; None: not told, or none that Whisper knows."""
    language_probability: float = TOLD
    avg_logprob: float = USUAL_LOGPROB
    no_speech_prob: float = 0.0


def parse_answer(data: bytes) -> Answer:
    """Raises EngineFailed where it is not JSON, says nothing, or has fields of other types."""
    try:
        body = _Body.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][:4])
        raise EngineFailed(
            f"expected an answer as OpenAI's, got {where or 'a body'}: {first['msg'][:100]}"
        ) from None
    if body.text is None and body.segments is None and body.words is None:
        raise EngineFailed("expected an answer as OpenAI's, got one without a text")
    segments = (body.segments or [])[:MAX_PARTS]
    words = (body.words or [word for part in segments for word in part.words or ()])[:MAX_PARTS]
    sure = body.detected_language_probability
    return Answer(
        text=_text(body.text, [part.text for part in segments] or [word.word for word in words]),
        pieces=_pieces(words) or _pieces(segments),
        language=_language(body.language),
        language_probability=TOLD if sure is None else min(max(sure, LEAST_PROBABILITY), 1.0),
        avg_logprob=_logprob(segments),
        no_speech_prob=_no_speech(segments),
    )


def _pieces(told: Iterable[_Word | _Segment]) -> tuple[Timed, ...]:
    """Those of them whose times were told."""
    pieces: list[Timed] = []
    for part in told:
        if part.start is None or part.end is None:
            continue
        if isinstance(part, _Segment):
            pieces.append(Timed(_clean(part.text), part.start, part.end))
            continue
        sure = part.probability
        probability = None if sure is None else min(max(sure, LEAST_PROBABILITY), 1.0)
        pieces.append(Timed(_clean(part.word), part.start, part.end, probability))
    return tuple(pieces)


def _text(text: str | None, parts: Sequence[str]) -> str:
    """On one line. Where it is not told, what the parts say."""
    if text is None:
        text = ("" if any(part[:1].isspace() for part in parts) else " ").join(parts)
    return " ".join(_clean(text[:MAX_TEXT]).split())


def _clean(text: str) -> str:
    """Without controls: stores and terminals take them for something else."""
    return "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text)


def _language(told: str | None) -> str | None:
    try:
        return parse_language(told)
    except UnknownLanguage:
        return None


def _logprob(segments: Sequence[_Segment]) -> float:
    """The mean over their letters."""
    told = [(part.avg_logprob, len(part.text)) for part in segments if part.avg_logprob is not None]
    letters = sum(length for _, length in told)
    if not letters:
        return USUAL_LOGPROB
    return sum(min(max(value, LEAST_LOGPROB), 0.0) * length for value, length in told) / letters


def _no_speech(segments: Sequence[_Segment]) -> float:
    """The least: somebody spoke where somebody spoke in one of them."""
    told = [part.no_speech_prob for part in segments if part.no_speech_prob is not None]
    return min(max(min(told, default=0.0), 0.0), 1.0)

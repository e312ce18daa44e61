"""A transcript as the formats in which people take it away. Seconds begin here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sotto.audio.format import FRAMES_PER_SECOND, exact_div, seconds
from sotto.transcript.cues import Cue, cues
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.words import Segment, Transcript, Word

_MS_PER_FRAME = exact_div(1000, FRAMES_PER_SECOND)  # 10


class Format(StrEnum):
    """OpenAI's `response_format`; its `text` is our `txt`."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"
    VERBOSE_JSON = "verbose_json"


class Granularity(StrEnum):
    """OpenAI's `timestamp_granularities`."""

    SEGMENT = "segment"
    WORD = "word"


SEGMENTS = frozenset({Granularity.SEGMENT})
"""What is given where nobody says otherwise."""


MEDIA_TYPES: dict[Format, str] = {
    Format.TXT: "text/plain; charset=utf-8",
    Format.SRT: "application/x-subrip; charset=utf-8",
    Format.VTT: "text/vtt; charset=utf-8",
    Format.JSON: "application/json",
    Format.VERBOSE_JSON: "application/json",
}


def render(
    transcript: Transcript,
    form: Format = Format.TXT,
    granularities: frozenset[Granularity] = SEGMENTS,
) -> str:
    """The transcript in one format; the granularities matter to verbose_json alone."""
    match form:
        case Format.TXT:
            return transcript.text
        case Format.SRT:
            return srt(cues(transcript))
        case Format.VTT:
            return vtt(cues(transcript))
        case Format.JSON:
            return _dump({"text": transcript.text})
        case Format.VERBOSE_JSON:
            return _dump(
                verbose(
                    transcript,
                    segments=Granularity.SEGMENT in granularities,
                    words=Granularity.WORD in granularities,
                )
            )


def verbose(transcript: Transcript, *, segments: bool = True, words: bool) -> dict[str, Any]:
    """OpenAI's verbose_json as a mapping; times are seconds."""
    code = transcript.language
    answer: dict[str, Any] = {
        "task": str(transcript.task),
        "language": LANGUAGES.get(code, code).lower(),
        "duration": transcript.seconds,
        "text": transcript.text,
    }
    if segments:
        answer["segments"] = [_segment(segment) for segment in transcript.segments]
    if words:
        answer["words"] = [_word(word) for word in transcript.words]
    return answer


def srt(lines: Sequence[Cue]) -> str:
    """SubRip."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.text}\n\n"
        for number, cue in enumerate(lines, 1)
    )


def vtt(lines: Sequence[Cue]) -> str:
    """WebVTT (W3C)."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_escape(cue.text)}\n\n"
        for cue in lines
    )


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "seek": segment.start,
        "start": seconds(segment.start),
        "end": seconds(segment.end),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.text.strip(),
        "start": seconds(word.start),
        "end": seconds(word.end),
        "probability": word.probability,
    }


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _clock(frame: int, point: str) -> str:
    rest, ms = divmod(frame * _MS_PER_FRAME, 1000)
    minutes, s = divmod(rest, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours:02}:{m:02}:{s:02}{point}{ms:03}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

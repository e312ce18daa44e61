"""What OpenAI's REST answers with: bodies and events, from transcripts. Nothing here waits."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sotto.audio.format import FRAMES_PER_SECOND, exact_div, seconds
from sotto.errors import BadOption, CallerError, SottoError
from sotto.transcript.options import one_of
from sotto.transcript.render import MEDIA_TYPES, SEGMENTS, Format, Granularity, render, verbose
from sotto.transcript.words import Segment, Transcript

FORMATS: dict[str, Format] = {
    "json": Format.JSON,
    "text": Format.TXT,
    "srt": Format.SRT,
    "vtt": Format.VTT,
    "verbose_json": Format.VERBOSE_JSON,
}
"""By OpenAI's names."""

_STREAMED = (Format.JSON, Format.TXT)
_FRAMES_PER_AUDIO_TOKEN = exact_div(FRAMES_PER_SECOND, 50)  # 2: Whisper's encoder strides so
_LEAST_PROBABILITY = 1e-9
"""JSON has no -Infinity."""


class Include(StrEnum):
    """OpenAI's `include[]`."""

    LOGPROBS = "logprobs"


@dataclass(frozen=True)
class Shape:
    """How an answer will look, checked before the work is done."""

    form: Format = Format.JSON
    granularities: frozenset[Granularity] = SEGMENTS
    logprobs: bool = False
    stream: bool = False

    @property
    def media_type(self) -> str:
        """Of the whole answer, where it is not streamed."""
        return MEDIA_TYPES[self.form]


def shape(
    response_format: str,
    granularities: Sequence[str] = (),
    include: Sequence[str] = (),
    *,
    stream: bool = False,
) -> Shape:
    """What a form asks for. Raises BadOption, also where two of its fields do not go together."""
    form = FORMATS.get(response_format)
    if form is None:
        expected = ", ".join(FORMATS)
        given = reprlib.repr(response_format)
        raise BadOption("response_format", f"expected one of {expected}, got {given}")
    wanted = frozenset(
        one_of(Granularity, "timestamp_granularities[]", item) for item in granularities
    )
    included = frozenset(one_of(Include, "include[]", item) for item in include)
    got = f"got {response_format}"
    if wanted and form is not Format.VERBOSE_JSON:
        raise BadOption("timestamp_granularities[]", f"expected verbose_json with it, {got}")
    if included and form is not Format.JSON:
        raise BadOption("include[]", f"expected json with logprobs, {got}")
    if stream and form not in _STREAMED:
        raise BadOption("stream", f"expected json or text of an answer that is streamed, {got}")
    return Shape(form, wanted or SEGMENTS, Include.LOGPROBS in included, stream)


def transcription(transcript: Transcript, looks: Shape) -> str:
    """The whole answer's body."""
    match looks.form:
        case Format.JSON:
            answer: dict[str, Any] = {"text": transcript.text}
            if looks.logprobs:
                answer["logprobs"] = transcript_logprobs(transcript)
            return to_json(answer | _duration(transcript))
        case Format.VERBOSE_JSON:
            return to_json(_verbose(transcript, looks) | _duration(transcript))
        case _:
            return render(transcript, looks.form)


def translation(transcript: Transcript, looks: Shape) -> str:
    """The same of a translation, whose language is English whatever was spoken."""
    if looks.form is Format.VERBOSE_JSON:
        return to_json(_verbose(transcript, looks) | {"language": "english"})
    return render(transcript, looks.form)


def delta_event(segment: Segment, *, first: bool, logprobs: bool) -> dict[str, Any]:
    """A segment; the deltas of a stream, joined, are the text of its last event."""
    event: dict[str, Any] = {
        "type": "transcript.text.delta",
        "delta": segment.text if first else f" {segment.text}",
    }
    return event | ({"logprobs": segment_logprobs(segment, first=first)} if logprobs else {})


def done_event(transcript: Transcript, *, logprobs: bool) -> dict[str, Any]:
    """The end of a stream: all of the text, and how much was heard and written.

    OpenAI counts tokens here, where it counts seconds in the answers that are not streamed.
    """
    heard = -(-transcript.duration // _FRAMES_PER_AUDIO_TOKEN)
    written = sum(len(segment.tokens) for segment in transcript.segments)
    event: dict[str, Any] = {
        "type": "transcript.text.done",
        "text": transcript.text,
        "usage": {
            "type": "tokens",
            "input_tokens": heard,
            "input_token_details": {"audio_tokens": heard},
            "output_tokens": written,
            "total_tokens": heard + written,
        },
    }
    return event | ({"logprobs": transcript_logprobs(transcript)} if logprobs else {})


def error_event(error: SottoError) -> dict[str, Any]:
    """What went wrong after the first event; before it, an error is a status."""
    kind = "invalid_request_error" if isinstance(error, CallerError) else "server_error"
    param = error.param if isinstance(error, BadOption) else None
    body = {"message": error.message, "type": kind, "param": param, "code": error.code}
    return {"type": "error", "error": body}


def transcript_logprobs(transcript: Transcript) -> list[dict[str, Any]]:
    """Of all words; their texts, joined, are the transcript's."""
    spoken = [segment for segment in transcript.segments if segment.text]
    return [
        entry
        for number, segment in enumerate(spoken)
        for entry in segment_logprobs(segment, first=not number)
    ]


def segment_logprobs(segment: Segment, *, first: bool) -> list[dict[str, Any]]:
    """One entry a word, not a token: what is kept of tokens is the mean of their probabilities.

    The texts, joined, are the segment's, with the space that parts it from what was said before.
    """
    spoken = [number for number, word in enumerate(segment.words) if word.text.strip()]
    words = segment.words[spoken[0] : spoken[-1] + 1] if spoken else ()
    texts = [word.text for word in words]
    if texts:
        texts[0] = texts[0].lstrip() if first else f" {texts[0].lstrip()}"
        texts[-1] = texts[-1].rstrip()
    return [
        {
            "token": text,
            "logprob": math.log(max(word.probability, _LEAST_PROBABILITY)),
            "bytes": list(text.encode()),
        }
        for text, word in zip(texts, words, strict=True)
    ]


def to_json(value: dict[str, Any]) -> str:
    """On one line, as an event's data must be."""
    return json.dumps(value, ensure_ascii=False)


def _verbose(transcript: Transcript, looks: Shape) -> dict[str, Any]:
    return verbose(
        transcript,
        segments=Granularity.SEGMENT in looks.granularities,
        words=Granularity.WORD in looks.granularities,
    )


def _duration(transcript: Transcript) -> dict[str, Any]:
    return {"usage": {"type": "duration", "seconds": seconds(transcript.duration)}}

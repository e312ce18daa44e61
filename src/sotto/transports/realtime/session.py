"""OpenAI Realtime's session: what the client set, and what that asks of the core. No I/O.

What a client sets is kept as it came, so that what Sotto does not know is told back to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sotto.audio.format import MAX_RATE, MIN_RATE, Encoding, PcmFormat, seconds
from sotto.errors import BadOption
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions, StreamOptions
from sotto.transports.model_names import local_name
from sotto.transports.realtime.events import Json, Shape
from sotto.transports.realtime.shapes import (
    OPENAIS_RATE,
    filled,
    from_beta,
    merged,
    shape_of,
    to_beta,
)

MAX_CHARACTERS = 32_000
"""Of a session as JSON: what a client sets is kept as long as it stays."""
OPENAIS_PREFIX = 300
"""Milliseconds, where a turn detection says none."""
TELEPHONES_RATE = 8_000
"""Samples a second of G.711."""
MIN_THRESHOLD, MAX_THRESHOLD = 0.01, 0.99
"""OpenAI takes 0 and 1 as well, which would be always and never."""
LOGPROBS = "item.input_audio_transcription.logprobs"

PAUSES: dict[str, float | None] = {"low": 1.2, "medium": None, "auto": None, "high": 0.4}
"""Eagerness → seconds of pause that end a turn; None: the server's own."""


class SessionType(StrEnum):
    """What a session is for."""

    TRANSCRIPTION = "transcription"
    REALTIME = "realtime"
    """A conversation."""


_OBJECTS = {
    SessionType.TRANSCRIPTION: "realtime.transcription_session",
    SessionType.REALTIME: "realtime.session",
}
_OURS = ("id", "object", "expires_at")
"""Of a session's fields those that the server alone sets."""


# ---- what is understood of it


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


Text = Annotated[str, Field(max_length=200)]


def _or_nothing(value: object) -> object:
    return {} if value is None else value


class _Format(_Part):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE)] | None = None

    @property
    def pcm(self) -> PcmFormat:
        match self.type:
            case "audio/pcm":
                return PcmFormat(Encoding.PCM_S16LE, self.rate or OPENAIS_RATE)
            case "audio/pcmu":
                return PcmFormat(Encoding.MULAW, TELEPHONES_RATE)
            case "audio/pcma":
                return PcmFormat(Encoding.ALAW, TELEPHONES_RATE)


class _Transcription(_Part):
    model: Text | None = None
    language: Text | None = None
    languages: Annotated[list[Text], Field(max_length=100)] | None = None
    prompt: Annotated[str, Field(max_length=4_000)] | None = None
    keywords: (
        Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] | None
    ) = None


class _TurnDetection(_Part):
    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    eagerness: Literal["low", "medium", "high", "auto"] | None = None

    @property
    def pause(self) -> float | None:
        """Seconds that end a turn."""
        if self.type == "semantic_vad":
            return PAUSES[self.eagerness or "auto"]
        return None if self.silence_duration_ms is None else self.silence_duration_ms / 1_000


class _Input(_Part):
    format: Annotated[_Format, BeforeValidator(_or_nothing)] = _Format()
    transcription: Annotated[_Transcription, BeforeValidator(_or_nothing)] = _Transcription()
    turn_detection: _TurnDetection | None = None


class _Audio(_Part):
    input: Annotated[_Input, BeforeValidator(_or_nothing)] = _Input()


class _Known(_Part):
    type: Annotated[SessionType, Field(strict=False)] = SessionType.REALTIME
    audio: Annotated[_Audio, BeforeValidator(_or_nothing)] = _Audio()
    include: Annotated[list[Text], Field(max_length=20)] | None = None


# ---- the session


@dataclass(frozen=True)
class RealtimeSession:
    """A session as it is in force."""

    id: str
    expires_at: int
    """Seconds since 1970."""
    shape: Shape
    document: Json
    """As the released shape has it, without what the server alone sets."""
    known: _Known

    @property
    def type(self) -> SessionType:
        """What it is for."""
        return self.known.type

    @property
    def pcm(self) -> PcmFormat:
        """How its sound comes."""
        return self.known.audio.input.format.pcm

    @property
    def is_manual(self) -> bool:
        """Whether the client says where turns end."""
        return self.known.audio.input.turn_detection is None

    @property
    def prefix(self) -> int:
        """Milliseconds before its first speech at which a turn is said to begin."""
        detection = self.known.audio.input.turn_detection
        given = detection.prefix_padding_ms if detection else 0
        return OPENAIS_PREFIX if given is None else given

    @property
    def wants_logprobs(self) -> bool:
        """Whether the words' probabilities are told."""
        return LOGPROBS in (self.known.include or ())

    def updated(self, fragment: Json, *, beta: bool = False) -> RealtimeSession:
        """With what the fragment says changed, and nothing else. Raises BadOption.

        The fragment's shape is that of the session from then on.
        """
        shape = Shape.BETA if beta else shape_of(fragment) or self.shape
        if shape is Shape.BETA:  # conversations are not spoken in it, so that it needs no type
            fragment = {**from_beta(fragment), "type": SessionType.TRANSCRIPTION}
        given = {key: value for key, value in fragment.items() if key not in _OURS}
        document = filled(merged(self.document, given))
        _check_size(document)
        return replace(self, shape=shape, document=document, known=_understood(document))

    def view(self) -> Json:
        """All of it, as the client is told."""
        document = to_beta(self.document) if self.shape is Shape.BETA else self.document
        return {
            **document,
            "id": self.id,
            "object": _OBJECTS[self.type],
            "expires_at": self.expires_at,
        }

    def request(self, service: Service, name: str) -> StreamRequest:
        """What the core is asked for; `name` is the stream's. Raises BadOption."""
        heard = self.known.audio.input
        said, detection = heard.transcription, heard.turn_detection or _TurnDetection()
        candidates = tuple(filter(None, map(parse_language, said.languages or ())))
        threshold = detection.threshold
        if threshold is not None:
            threshold = min(max(threshold, MIN_THRESHOLD), MAX_THRESHOLD)
        return StreamRequest(
            model=local_name(said.model or "", service.models.resolve),
            decode=_decoding(service.defaults, said, candidates),
            stream=StreamOptions(policy=service.policy),
            sound=heard.format.pcm,
            pause=detection.pause,
            threshold=threshold,
            session=name,
        )


def _decoding(
    defaults: DecodeOptions, said: _Transcription, candidates: tuple[str, ...]
) -> DecodeOptions:
    return replace(
        defaults,
        language=parse_language(said.language),
        candidates=candidates,
        prompt=said.prompt or "",
        hotwords=", ".join(said.keywords or ()),
    )


def new_session(service: Service, id: str, expires_at: int, kind: SessionType) -> RealtimeSession:
    """A session as the server has it where a client sets nothing."""
    segmenter = service.limits.segmenter
    document: Json = {
        "type": kind,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": OPENAIS_RATE},
                "noise_reduction": None,
                "transcription": {"model": "whisper-1", "language": None, "prompt": ""},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": segmenter.threshold,
                    "prefix_padding_ms": round(seconds(segmenter.pre_roll) * 1_000),
                    "silence_duration_ms": round(seconds(segmenter.silence) * 1_000),
                },
            }
        },
    }
    return RealtimeSession(id, expires_at, Shape.GA, document, _understood(document))


def _check_size(document: Json) -> None:
    try:
        length = len(json.dumps(document, allow_nan=False))
    except ValueError:  # 1e999 is a number of JSON, but not one that can be told back
        raise BadOption("session", "expected finite numbers, got one that is not") from None
    if length > MAX_CHARACTERS:
        raise BadOption(
            "session",
            f"expected a session of at most {MAX_CHARACTERS:,} characters, got {length:,}",
        )


def _understood(document: Json) -> _Known:
    try:
        return _Known.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(["session", *map(str, first["loc"])])
        what = first["msg"].removeprefix("Input should be ")
        raise BadOption(place, f"expected {place} to be {what}") from None

"""OpenAI Realtime's session: what the client set, and what that asks of the core. No I/O.

What a client sets is kept as it came, so that what Sotto does not know is told back to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from sotto.audio.format import PcmFormat, seconds
from sotto.dialogue.request import Manner, Wishes
from sotto.errors import BadOption
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions, StreamOptions
from sotto.transports.model_names import local_name
from sotto.transports.realtime.events import Json, Shape
from sotto.transports.realtime.shapes import (
    OPENAIS_RATE,
    OPENAIS_WORDS,
    filled,
    from_beta,
    merged,
    shape_of,
    to_beta,
    without_answers,
)
from sotto.transports.realtime.understood import (
    Format,
    Known,
    SessionType,
    Transcription,
    TurnDetection,
    manner_of,
    understood,
)

MAX_CHARACTERS = 32_000
"""Of a session as JSON: what a client sets is kept as long as it stays."""
MAX_TALK = 128_000
"""The same of a conversation, which may have many tools; a client secret holds MAX_CHARACTERS."""
OPENAIS_PREFIX = 300
"""Milliseconds, where a turn detection says none."""
MIN_THRESHOLD, MAX_THRESHOLD = 0.01, 0.99
"""OpenAI takes 0 and 1 as well, which would be always and never."""
LOGPROBS = "item.input_audio_transcription.logprobs"

_OBJECTS = {
    SessionType.TRANSCRIPTION: "realtime.transcription_session",
    SessionType.REALTIME: "realtime.session",
}
_OURS = ("id", "object", "expires_at")
"""Of a session's fields those that the server alone sets."""


@dataclass(frozen=True)
class RealtimeSession:
    """A session as it is in force."""

    id: str
    expires_at: int
    """Seconds since 1970."""
    shape: Shape
    document: Json
    """As the released shape has it, without what the server alone sets."""
    known: Known

    @property
    def type(self) -> SessionType:
        """What it is for."""
        return self.known.type

    @property
    def pcm(self) -> PcmFormat:
        """How its sound comes."""
        return self.known.audio.input.format.pcm

    @property
    def spoken(self) -> PcmFormat:
        """How the sound of answers leaves."""
        return (self.known.audio.output.format or Format()).pcm

    @property
    def is_manual(self) -> bool:
        """Whether the client says where turns end."""
        return self.known.audio.input.turn_detection is None

    @property
    def is_semantic(self) -> bool:
        """Whether what is said tells where turns end, and not pauses alone."""
        detection = self.known.audio.input.turn_detection
        return detection is not None and detection.type == "semantic_vad"

    @property
    def eagerness(self) -> str:
        """How soon a turn is over, where its meaning says so: low, medium, high, auto."""
        detection = self.known.audio.input.turn_detection
        return (detection.eagerness if detection else None) or "auto"

    @property
    def prefix(self) -> int:
        """Milliseconds before its first speech at which a turn is said to begin."""
        detection = self.known.audio.input.turn_detection
        given = detection.prefix_padding_ms if detection else 0
        return OPENAIS_PREFIX if given is None else given

    @property
    def tells_words(self) -> bool:
        """Whether the client is told what was said in a turn; a conversation knows it anyhow."""
        is_wanted = self.known.audio.input.transcription is not None
        return is_wanted or self.type is SessionType.TRANSCRIPTION

    @property
    def wants_logprobs(self) -> bool:
        """Whether the words' probabilities are told."""
        return LOGPROBS in (self.known.include or ())

    @property
    def tells_times(self) -> bool:
        """Whether the client knows what is ours, and is told how long an answer took."""
        return self.known.sotto is not None

    @property
    def conversation(self) -> str | None:
        """What it is called; None: nothing of it is kept."""
        return None if self.known.sotto is None else self.known.sotto.conversation

    @property
    def manner(self) -> Manner:
        """How answers are given. Raises UnknownLanguage."""
        return manner_of(self.known, Manner())

    @property
    def wishes(self) -> Wishes:
        """How turns are taken. Where the client says where they end, it also says what follows."""
        detection, ours = self.known.audio.input.turn_detection, self.known.sotto
        holds = ours is not None and ours.holds
        if detection is None:
            return Wishes(answers=False, interrupts=False, holds=holds)
        idle = detection.idle_timeout_ms
        return Wishes(
            answers=detection.create_response is not False,
            interrupts=detection.interrupt_response is not False,
            holds=holds,
            idle=None if idle is None else idle / 1_000,
        )

    def updated(self, fragment: Json, *, beta: bool = False) -> RealtimeSession:
        """With what the fragment says changed, and nothing else. Raises BadOption.

        The fragment's shape is that of the session from then on.
        """
        shape = Shape.BETA if beta else shape_of(fragment) or self.shape
        if shape is Shape.BETA:  # conversations are not spoken in it, so that it needs no type
            fragment = {**from_beta(fragment), "type": SessionType.TRANSCRIPTION}
        given = {key: value for key, value in fragment.items() if key not in _OURS}
        document = filled(merged(self.document, given))
        is_talk = document.get("type") == SessionType.REALTIME
        check_size(document, MAX_TALK if is_talk else MAX_CHARACTERS)
        known = understood(Known, document, "session")
        manner_of(known, Manner())  # so that a language that is none is told now
        if known.type is not self.type is SessionType.REALTIME:
            document = without_answers(document)
            known = understood(Known, document, "session")
        return replace(self, shape=shape, document=document, known=known)

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
        said = heard.transcription or Transcription()
        detection = heard.turn_detection or TurnDetection()
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
    defaults: DecodeOptions, said: Transcription, candidates: tuple[str, ...]
) -> DecodeOptions:
    return replace(
        defaults,
        language=parse_language(said.language),
        candidates=candidates,
        prompt=said.prompt or "",
        hotwords=", ".join(said.keywords or ()),
    )


def new_session(
    service: Service, id: str, expires_at: int, kind: SessionType, manner: Manner | None = None
) -> RealtimeSession:
    """A session as the server has it where a client sets nothing.

    `manner`: how answers are given then; None: there are none.
    """
    segmenter = service.limits.segmenter
    is_talk = kind is SessionType.REALTIME and manner is not None
    words = None if is_talk else OPENAIS_WORDS
    document: Json = {
        "type": kind,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": OPENAIS_RATE},
                "noise_reduction": None,
                "transcription": words,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": segmenter.threshold,
                    "prefix_padding_ms": round(seconds(segmenter.pre_roll) * 1_000),
                    "silence_duration_ms": round(seconds(segmenter.silence) * 1_000),
                },
            }
        },
    }
    if is_talk and manner is not None:
        document = filled(merged(document, _answering(manner)))
    known = understood(Known, document, "session")
    return RealtimeSession(id, expires_at, Shape.GA, document, known)


def _answering(manner: Manner) -> Json:
    """What a conversation has besides."""
    return {
        "model": None,
        "output_modalities": ["audio"] if manner.speaks else ["text"],
        "instructions": manner.instructions,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_output_tokens": manner.max_tokens or "inf",
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "audio": {
            "output": {
                "format": {"type": "audio/pcm", "rate": OPENAIS_RATE},
                "voice": manner.voice or "default",
                "speed": manner.speed,
                "language": manner.language or None,
            }
        },
    }


def check_size(document: Json, most: int) -> None:
    """Raises BadOption where it has more characters, or numbers that JSON does not have."""
    try:
        length = len(json.dumps(document, allow_nan=False))
    except ValueError:  # 1e999 is a number of JSON, but not one that can be told back
        raise BadOption("session", "expected finite numbers, got one that is not") from None
    if length > most:
        raise BadOption(
            "session", f"expected a session of at most {most:,} characters, got {length:,}"
        )

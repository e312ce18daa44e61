"""The dialect `/stream`; docs/protocol.md is its table."""

from __future__ import annotations

import json
import reprlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import sotto
from sotto.audio.format import Encoding, PcmFormat, frames, seconds
from sotto.errors import BadOption, Gone, ProtocolViolation, SottoError
from sotto.runtime.intake import Message
from sotto.runtime.requests import Container, MelImages, Place, SoundFormat, StreamRequest
from sotto.runtime.runner import Flush
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.transcript.events import (
    Acknowledged,
    Committed,
    Event,
    Final,
    Partial,
    SpeechEnded,
    SpeechStarted,
    Warned,
)
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions, PolicyName, StreamOptions, Task, one_of
from sotto.transcript.words import Word
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer

NAME = "stream"
PATH = "/stream"
CONTAINERS = ("webm", "ogg")
MEL8 = "mel8"
"""Images of the spectrogram instead of sound; docs/mel-image.md is its table."""

MOST_SECONDS = 1e7
"""Of a session: 115 days."""
MOST_UTTERANCES = 10**8

Json: TypeAlias = dict[str, Any]


class Config(BaseModel):
    """The first message of a client."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: str = ""
    model_size: str | None = None
    language: str | None = None
    languages: list[str] = []
    task: str = Task.TRANSCRIBE
    encoding: str = Encoding.PCM_S16LE
    sample_rate: int = 16_000
    channels: int = 1
    policy: str | None = None
    partials: bool = True
    word_timestamps: bool = False
    use_context: bool = True
    chunk_duration: float = Field(5.0, allow_inf_nan=False)
    overlap: float = Field(0.5, allow_inf_nan=False)
    prompt: str = Field("", max_length=4_000)
    hotwords: str = Field("", max_length=1_000)
    beam_size: int | None = None
    session: str | None = Field(None, pattern=r"^[0-9A-Za-z_-]{1,64}$")
    at: float = Field(0.0, ge=0, le=MOST_SECONDS, allow_inf_nan=False)
    heard: float = Field(0.0, ge=0, le=MOST_SECONDS, allow_inf_nan=False)
    received: int | None = Field(None, ge=0, le=MOST_UTTERANCES)

    def request(
        self, defaults: DecodeOptions, policy: PolicyName = PolicyName.ALIGNATT
    ) -> StreamRequest:
        """What the core is asked for. Raises BadOption, UnknownLanguage."""
        languages = tuple(filter(None, map(parse_language, self.languages)))
        return StreamRequest(
            model=self.model_size or self.model,
            decode=replace(
                defaults,
                task=one_of(Task, "task", self.task),
                language=parse_language(self.language),
                candidates=languages,
                prompt=self.prompt,
                hotwords=self.hotwords,
                beam_size=defaults.beam_size if self.beam_size is None else self.beam_size,
            ),
            stream=StreamOptions(
                policy=one_of(PolicyName, "policy", self.policy or policy),
                partials=self.partials,
                use_context=self.use_context,
                chunk_duration=self.chunk_duration,
                overlap=self.overlap,
            ),
            sound=self._sound,
            session=self.session,
            place=Place(frames(self.at), self.received, frames(self.heard)),
        )

    @property
    def _sound(self) -> SoundFormat:
        if self.encoding in CONTAINERS:
            return Container()
        if self.encoding == MEL8:
            return MelImages()
        if self.encoding not in tuple(Encoding):
            expected = ", ".join([*Encoding, *CONTAINERS, MEL8])
            raise BadOption("encoding", f"expected one of {expected}, got {self.encoding!r}")
        return PcmFormat(Encoding(self.encoding), self.sample_rate, self.channels)


def parse_config(text: str) -> Config:
    """The configuration in a client's first message. Raises BadOption."""
    try:
        return Config.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(Config.model_fields)
            raise BadOption(place, f"expected one of {known}, got {place!r}") from None
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise BadOption(place, f"expected a JSON object with the configuration: {what}") from None


def parse_command(text: str) -> str:
    """`flush` or `finish` from a later text message. Raises ProtocolViolation."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind not in ("flush", "finish"):
        raise ProtocolViolation(
            'expected {"type": "flush"} or {"type": "finish"}, got another text message'
        )
    return str(kind)


def event_to_json(event: Event, *, word_timestamps: bool) -> Json:
    """An event as the wire has it."""
    match event:
        case SpeechStarted(utterance, at):
            return {"type": "speech_started", "utterance": utterance, "at": seconds(at)}
        case SpeechEnded(utterance, at):
            return {"type": "speech_ended", "utterance": utterance, "at": seconds(at)}
        case Partial(utterance, words, until):
            return {
                "type": "partial",
                "utterance": utterance,
                **_words(words),
                "until": seconds(until),
            }
        case Committed(utterance, words):
            return {"type": "committed", "utterance": utterance, **_words(words)}
        case Final(segment):
            return {
                "type": "final",
                "utterance": segment.id,
                "text": segment.text,
                "start": seconds(segment.start),
                "end": seconds(segment.end),
                "language": segment.language,
                "language_probability": round(segment.language_probability, 4),
                "avg_logprob": round(segment.avg_logprob, 4),
                "no_speech_prob": round(segment.no_speech_prob, 4),
                **({"words": _words(segment.words)["words"]} if word_timestamps else {}),
            }
        case Acknowledged(until):
            return {"type": "acknowledged", "until": seconds(until)}
        case Warned(code, message):
            return {"type": "warning", "code": code, "message": message}
        case _:
            assert_never(event)


def _words(words: Iterable[Word]) -> Json:
    words = tuple(words)
    return {
        "text": "".join(word.text for word in words),
        "words": [
            {
                "word": word.text,
                "start": seconds(word.start),
                "end": seconds(word.end),
                "probability": round(word.probability, 4),
            }
            for word in words
        ],
    }


def error_to_json(error: SottoError) -> Json:
    """An error as the wire has it."""
    body: Json = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
    }
    if isinstance(error, BadOption):
        body["param"] = error.param
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    return body


@dataclass(frozen=True)
class _Listener:
    peer: Peer
    word_timestamps: bool

    async def __call__(self, event: Event) -> None:
        message = event_to_json(event, word_timestamps=self.word_timestamps)
        await self.peer.send(json.dumps(message))


class StreamDialect(SocketDialect):
    """`/stream`."""

    name = NAME
    paths = (PATH,)
    accepts_first = True  # a page in a browser cannot see the status of a refused upgrade

    def __init__(self, config_timeout: float, *, audio: bool = True) -> None:
        self._config_timeout = config_timeout
        """Seconds in which the configuration must come."""
        self._audio = audio
        """Whether sound is taken too."""

    async def serve(self, peer: Peer, service: Service) -> None:
        """One stream from its configuration to `closed`. Raises what ends it early."""
        text = await peer.first_text(self._config_timeout)
        if text is None:
            raise ProtocolViolation("expected the configuration first, got sound")
        config = parse_config(text)
        if not self._audio and config.encoding != MEL8:
            given = reprlib.repr(config.encoding)
            raise BadOption("encoding", f"expected {MEL8}: no audio is taken here, got {given}")
        request = config.request(service.defaults, service.policy)
        listener = _Listener(peer, config.word_timestamps)
        async with service.open_stream(request, NAME, peer.caller.owner) as stream:
            await peer.send(json.dumps(_ready(config, request, stream)))
            for warning in stream.warnings:
                await listener(warning)
            await stream.run(_messages(peer, comes_back=config.received is not None), listener)
            closed = {
                "type": "closed",
                "reason": "finished",
                "duration": seconds(stream.frame),
                "utterances": stream.session.newest + 1,
            }
            await peer.send(json.dumps(closed))

    def last_words(self, error: SottoError) -> str:
        """An `error` message."""
        return json.dumps(error_to_json(error))


def _ready(config: Config, request: StreamRequest, stream: Stream) -> Json:
    pcm = config.encoding not in (*CONTAINERS, MEL8)
    return {
        "type": "ready",
        "session": stream.id,
        "at": seconds(stream.start.origin),
        "utterance": stream.start.first,
        "model": stream.model,
        "language": request.decode.language,
        "task": request.decode.task,
        "encoding": config.encoding,
        "sample_rate": config.sample_rate if pcm else None,
        "channels": config.channels if pcm else None,
        "policy": request.stream.policy,
        "partials": config.partials,
        "n_mels": stream.traits.n_mels,
        "version": sotto.__version__,
    }


async def _messages(peer: Peer, *, comes_back: bool) -> AsyncIterator[Message]:
    """Raises Gone where the connection to a client is lost that comes back."""
    async for message in peer.messages():
        if isinstance(message, bytes):
            yield message
        elif parse_command(message) == "flush":
            yield Flush()
        else:
            return
    if comes_back and peer.is_lost:
        raise Gone("the connection to the client was lost")

"""The dialect of WhisperLive's clients: `/ws`, and any path on a port of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.audio.format import Encoding, PcmFormat
from sotto.errors import BadOption, ProtocolViolation, SottoError
from sotto.runtime.intake import Message
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.transcript.events import Event, Warned
from sotto.transcript.languages import parse_language
from sotto.transcript.options import Task, one_of
from sotto.transports.dialect import SocketDialect
from sotto.transports.model_names import is_any, local_name
from sotto.transports.peer import Parting, Peer
from sotto.transports.whisperlive.segments import Segments

NAME = "whisperlive"
PATH = "/ws"

BACKEND = "faster_whisper"
"""Of no other do its clients keep a transcript, or write subtitles."""
END = "END_OF_AUDIO"
"""Its Python client sends it as a binary message, its iOS client as text."""
ENCODINGS = {
    "float32": Encoding.PCM_F32LE,
    "int16": Encoding.PCM_S16LE,
    "uint8": Encoding.PCM_U8,
}
IDLE = 1.5
"""Seconds. Its client says nothing after the last sound but waits, and 15 s later it is gone."""
MAX_UID = 200
"""Characters."""

Json: TypeAlias = dict[str, Any]


class VadParameters(BaseModel):
    """Those of Silero in faster-whisper that mean the same here."""

    model_config = ConfigDict(strict=True, frozen=True)

    threshold: float | None = None
    onset: float | None = None
    """The older name of the same."""
    min_silence_duration_ms: float | None = Field(default=None, ge=0, le=60_000)


class Options(BaseModel):
    """A client's first message, as far as it matters here; its extensions send parts of it."""

    model_config = ConfigDict(strict=True, frozen=True)

    uid: str = Field(default="", max_length=MAX_UID)
    """Of the client's choice. It takes no message without it."""
    language: str | None = Field(default=None, max_length=100)
    task: str | None = Field(default=None, max_length=100)
    model: str | None = Field(default=None, max_length=300)
    audio_format: str | None = Field(default=None, max_length=100)
    send_last_n_segments: int = 10
    word_timestamps: bool = False
    initial_prompt: str | None = Field(default=None, max_length=4_000)
    hotwords: str | None = Field(default=None, max_length=1_000)
    vad_parameters: VadParameters | None = None
    enable_translation: bool = False
    enable_diarization: bool = False

    def request(self, service: Service) -> StreamRequest:
        """What the core is asked for. Raises BadOption, UnknownLanguage."""
        audio_format = self.audio_format or "float32"
        if audio_format not in ENCODINGS:
            expected = ", ".join(ENCODINGS)
            raise BadOption("audio_format", f"expected one of {expected}, got {audio_format!r}")
        vad = self.vad_parameters or VadParameters()
        pause = vad.min_silence_duration_ms
        return StreamRequest(
            model=local_name(self.model or "", service.models.resolve, is_any),
            decode=replace(
                service.defaults,
                task=one_of(Task, "task", self.task or Task.TRANSCRIBE),
                language=parse_language(self.spoken),
                prompt=self.initial_prompt or "",
                hotwords=self.hotwords or "",
            ),
            sound=PcmFormat(ENCODINGS[audio_format]),
            pause=None if pause is None else pause / 1_000,
            threshold=vad.onset if vad.threshold is None else vad.threshold,
            idle=IDLE,
        )

    @property
    def spoken(self) -> str | None:
        """The language that the client names, if only by the model that it asks for."""
        return "en" if (self.model or "").endswith(".en") else self.language

    @property
    def unheeded(self) -> list[str]:
        """What the client should know that it does not get."""
        return [
            f"{name} is not offered here: it is ignored"
            for name in ("enable_translation", "enable_diarization")
            if getattr(self, name)
        ]


def parse_options(text: str) -> Options:
    """The options in a client's first message. Raises BadOption."""
    try:
        return Options.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise BadOption(place, f"expected a JSON object with the options: {what}") from None


def uid_of(text: str) -> str:
    """Whom to tell what is wrong with the message itself; empty where it does not say."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    uid = message.get("uid") if isinstance(message, dict) else None
    return uid[:MAX_UID] if isinstance(uid, str) else ""


def may_wait(error: SottoError, *, ready: bool) -> bool:
    """Whether a client is told to wait and come back."""
    return error.retryable and not ready


def refusal(uid: str, error: SottoError, *, ready: bool) -> Json:
    """What a client is told of the error that ends its stream; to wait, if that may help."""
    if may_wait(error, ready=ready):
        return {"uid": uid, "status": "WAIT", "message": (error.retry_after or 0.0) / 60}
    return {"uid": uid, "status": "ERROR", "message": error.message}


def _warning(uid: str, message: str) -> Json:
    return {"uid": uid, "status": "WARNING", "message": message}


@dataclass
class _Client(Parting):
    peer: Peer
    uid: str = ""
    ready: bool = False

    async def tell(self, message: Json) -> None:
        await self.peer.send(json.dumps(message))

    def last_words(self, error: SottoError) -> str:
        """An error, or the word to wait."""
        return json.dumps(refusal(self.uid, error, ready=self.ready))

    def lingers(self, error: SottoError) -> bool:
        """Where it is told to wait.

        Its main thread looks for that word again and again, but its other thread takes the word
        away where the server hangs up: so it could look forever.
        """
        return may_wait(error, ready=self.ready)


class WhisperLiveDialect(SocketDialect):
    """`/ws`, as Collabora's WhisperLive."""

    name = NAME
    paths = (PATH,)

    def __init__(self, config_timeout: float) -> None:
        self._config_timeout = config_timeout
        """Seconds in which the options must come."""

    async def serve(self, peer: Peer, service: Service) -> None:
        """One stream from its options to its last segment. Raises what ends it early."""
        client = peer.parting = _Client(peer)
        text = await peer.first_text(self._config_timeout)
        if text is None:
            raise ProtocolViolation("expected the options first, got sound")
        client.uid = uid_of(text)
        options = parse_options(text)
        request = options.request(service)
        segments = Segments(
            last=options.send_last_n_segments,
            with_words=options.word_timestamps,
            detects=request.decode.language is None,
        )

        async def listen(event: Event) -> None:
            if isinstance(event, Warned):
                await client.tell(_warning(client.uid, event.message))
            for message in segments.receive(event):
                await client.tell({"uid": client.uid, **message})

        async with service.open_stream(request, NAME, peer.caller.owner) as stream:
            await client.tell({"uid": client.uid, "message": "SERVER_READY", "backend": BACKEND})
            client.ready = True
            for warning in (*(warned.message for warned in stream.warnings), *options.unheeded):
                await client.tell(_warning(client.uid, warning))
            await stream.run(_messages(peer), listen)


async def _messages(peer: Peer) -> AsyncIterator[Message]:
    async for message in peer.messages():
        if message in (END, END.encode()):
            return
        if isinstance(message, str):
            raise ProtocolViolation(f"expected sound or {END}, got another text message")
        yield message

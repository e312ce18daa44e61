"""The groups of settings about conversations: who answers, in which voice, and over WebRTC."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainSerializer, field_validator

from sotto.app.setting_types import Group, MaybeFolder, MaybeSecret, MaybeText, Names
from sotto.transcript.languages import LANGUAGES

INSTRUCTIONS = (
    "You talk with somebody by voice. Answer in one to three short sentences of plain speech, "
    "without lists, markup or emoji."
)


def _http(url: str | None) -> str | None:
    """An address over HTTP, without a password: addresses stand in logs, keys never."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("an address as http://localhost:11434/v1, without a password")
    return url.rstrip("/")


def _without_passwords(servers: tuple[str, ...]) -> list[str]:
    return [re.sub(r"(?<=:)[^:@]*(?=@)", "***", server) for server in servers]


MaybeHttp = Annotated[MaybeText, AfterValidator(_http)]
IceServers = Annotated[Names, PlainSerializer(_without_passwords)]


class TalkSettings(Group):
    """Who answers in conversations."""

    url: MaybeHttp = Field(
        default=None,
        description="language model that answers, as http://localhost:11434/v1: any server that "
        "speaks as OpenAI's chat does; none: a partner that repeats what it heard",
    )
    model: MaybeText = Field(
        default=None, description="what that server calls the model; none: the first that it names"
    )
    key: MaybeSecret = Field(
        default=None, description="key for that server; none: it asks for none"
    )
    timeout: float = Field(
        default=30.0, gt=0, le=600, description="seconds that the model may say nothing"
    )
    instructions: str = Field(
        default=INSTRUCTIONS,
        max_length=32_768,
        description="what the model is told of its task where a client does not say",
    )
    language: MaybeText = Field(
        default=None, description="in which is answered, as es; none: as the user speaks"
    )
    budget: int = Field(
        default=8_000, ge=256, le=1_000_000, description="tokens of a conversation that are told it"
    )
    llm: MaybeText = Field(
        default=None,
        description="plug-in that answers: openai, parrot; none: openai where there is a talk.url",
    )
    smart_turn: MaybeFolder = Field(
        default=None,
        description="Smart Turn's ONNX file, which hears whether a turn is over; none: pauses tell",
    )

    @field_validator("language")
    @classmethod
    def _known(cls, language: str | None) -> str | None:
        if language is not None and language not in LANGUAGES:
            raise ValueError("one of Whisper's languages, as es")
        return language


class VoiceSettings(Group):
    """What speaks."""

    engines: Names = Field(
        default=("espeak",),
        description="plug-ins that speak: espeak, kokoro, sherpa, openai; of those that speak a "
        "language the first does",
    )
    name: MaybeText = Field(
        default=None, description="voice where a client names none; none: the language's own"
    )
    speed: float = Field(default=1.0, ge=0.25, le=4, description="2 speaks twice as fast")
    kokoro_model: MaybeFolder = Field(default=None, description="Kokoro's ONNX file")
    kokoro_voices: MaybeFolder = Field(default=None, description="Kokoro's file of voices")
    sherpa: MaybeFolder = Field(
        default=None, description="folder of a voice for sherpa-onnx: Piper's, Melo's and others"
    )
    url: MaybeHttp = Field(
        default=None, description="server with /audio/speech as OpenAI's, as http://host:8880/v1"
    )
    key: MaybeSecret = Field(
        default=None, description="key for that server; none: it asks for none"
    )
    model: MaybeText = Field(default=None, description="what that server calls the model")


class WebRTCSettings(Group):
    """Conversations of browsers over WebRTC."""

    ice_servers: IceServers = Field(
        default=(),
        description="STUN and TURN servers: stun:HOST:PORT, or turn:USER:PASSWORD@HOST:PORT",
    )
    max_calls: int = Field(default=20, ge=0, le=1_000, description="calls at once")

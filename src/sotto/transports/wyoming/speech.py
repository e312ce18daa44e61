"""Wyoming's text to speech, as Home Assistant asks for it.

→ synthesize                                      ← audio-start, audio-chunk, …, audio-stop
→ synthesize-start, synthesize-chunk, …           ← audio-start, audio-chunk, …
→ synthesize-stop                                 ← audio-stop, synthesize-stopped
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

import sotto
from sotto.audio.encode import to_s16
from sotto.audio.format import Samples
from sotto.dialogue.closing import closing
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.phrases import Phrases
from sotto.dialogue.voices import Voices
from sotto.errors import ProtocolViolation, TooLarge
from sotto.runtime.service import Service
from sotto.transcript.languages import LANGUAGES
from sotto.transports.speaking import (
    MAX_LANGUAGE,
    MAX_VOICE,
    Reading,
    phrases_of,
    spoken,
    spoken_language,
    voices_of,
)
from sotto.transports.tcp import TcpPeer
from sotto.transports.wyoming.shapes import SOTTO, parse
from sotto.transports.wyoming.wire import Json, WireEvent, pack

EVENTS = frozenset({"synthesize", "synthesize-start", "synthesize-chunk", "synthesize-stop"})
MAX_TEXT = 50_000
"""Characters of what is spoken at once."""

TOLD = ("en", "es", "fr", "zh", "ja")
"""Languages of which `info` tells all voices."""

_FORM = {"rate": OUTPUT_RATE, "width": 2, "channels": 1}


class VoiceWish(BaseModel):
    """Which voice is wanted; one that is not known is any.

    Clients that name one say no language, so `info` names each voice with one: `es-woman`.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    name: Annotated[str, Field(max_length=MAX_VOICE)] | None = None
    language: Annotated[str, Field(max_length=MAX_LANGUAGE)] | None = None


class Synthesize(BaseModel):
    """`synthesize`, and `synthesize-chunk`, whose voice was said before."""

    model_config = ConfigDict(strict=True, frozen=True)

    text: str
    voice: VoiceWish | None = None


class SynthesizeStart(BaseModel):
    """`synthesize-start`."""

    model_config = ConfigDict(strict=True, frozen=True)

    voice: VoiceWish | None = None


class Speaker:
    """What one connection has spoken."""

    def __init__(self, peer: TcpPeer, service: Service, voices: Voices | None) -> None:
        self._peer = peer
        self._service = service
        self._voices = voices
        self._stay = ExitStack()
        self._phrases: Phrases | None = None
        """Of a text that still comes."""
        self._reading = Reading()
        self._length = 0
        """Its characters so far."""
        self._is_begun = False
        """Whether some of its sound was told of."""

    async def receive(self, event: WireEvent) -> None:
        """One of EVENTS. Raises VoiceUnavailable, UnknownLanguage, ProtocolViolation, TooLarge."""
        match event.type:
            case "synthesize" if self._phrases is None:
                wanted = parse(Synthesize, event)
                self._begin(wanted.voice)
                self._count(wanted.text)
                await self._finish(phrases_of(wanted.text))
            case "synthesize":
                pass  # the whole text once more, for servers that do not take it in pieces
            case "synthesize-start":
                if self._phrases is not None:
                    raise ProtocolViolation("expected synthesize-stop before the next start")
                self._begin(parse(SynthesizeStart, event).voice)
                self._phrases = Phrases()
            case _ if self._phrases is None:
                raise ProtocolViolation(f"expected synthesize-start before {event.type}, got none")
            case "synthesize-chunk":
                text = parse(Synthesize, event).text
                self._count(text)
                await self._speak(self._phrases.receive(text))
            case _:
                await self._finish(self._phrases.finish())
                await self._peer.send(pack("synthesize-stopped"))

    def info(self) -> Json:
        """What `info` says of speech: one program with all voices, or nothing."""
        voices = self._voices
        if voices is None or not voices.languages:
            return {}
        program = {
            "name": "sotto",
            "attribution": SOTTO,
            "installed": True,
            "description": "Text to speech while the text is being written",
            "version": sotto.__version__,
            "voices": _listed(voices),
            "supports_synthesize_streaming": True,
        }
        return {"tts": [program]}

    def close(self) -> None:
        """The connection is at its end."""
        self._stay.close()

    def _begin(self, wish: VoiceWish | None) -> None:
        self._reading = _reading(voices_of(self._voices), wish or VoiceWish())
        self._stay.enter_context(self._service.admit_file())
        self._length, self._is_begun = 0, False

    def _count(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise TooLarge(f"expected at most {MAX_TEXT:,} characters to be spoken, got more")

    async def _speak(self, phrases: Iterable[str]) -> None:
        for phrase in phrases:
            async with closing(spoken(voices_of(self._voices), phrase, self._reading)) as pieces:
                async for piece in pieces:
                    await self._tell(piece)

    async def _tell(self, piece: Samples) -> None:
        begin = b"" if self._is_begun else pack("audio-start", _FORM)
        self._is_begun = True
        await self._peer.send(begin + pack("audio-chunk", _FORM, to_s16(piece)))

    async def _finish(self, phrases: Iterable[str]) -> None:
        await self._speak(phrases)
        begin = b"" if self._is_begun else pack("audio-start", _FORM)
        await self._peer.send(begin + pack("audio-stop"))
        self._phrases = None
        self._stay.close()


def _reading(voices: Voices, wish: VoiceWish) -> Reading:
    """Raises UnknownLanguage."""
    language, name = wish.language, wish.name or ""
    if name not in voices.names:
        before, _, after = name.partition("-")
        if before in voices.languages:
            language, name = before, after
    return Reading(spoken_language(voices, language), name)


def _listed(voices: Voices) -> list[Json]:
    """Each voice in each of the languages of conversations; of other languages one voice each."""
    return [
        _voice(language, name)
        for language in sorted(voices.languages, key=lambda each: (each not in TOLD, each))
        for name in _names(voices, language)
    ]


def _names(voices: Voices, language: str) -> list[str]:
    known = [name for name in voices.names if name in voices.of(language, name).voices]
    return known if language in TOLD else known[:1]


def _voice(language: str, name: str) -> Json:
    return {
        "name": f"{language}-{name}",
        "attribution": SOTTO,
        "installed": True,
        "description": f"{name} ({LANGUAGES[language]})",
        "version": None,
        "languages": [language],
    }

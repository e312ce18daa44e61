"""What the dialects share that have a text spoken: phrase by phrase, so that its sound begins
before all of it is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from sotto.audio.format import Samples
from sotto.dialogue.closing import closing
from sotto.dialogue.phrases import Phrases
from sotto.dialogue.speakable import speakable
from sotto.dialogue.tongue import tongue
from sotto.dialogue.voices import Voices
from sotto.errors import UnknownLanguage, VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase
from sotto.transcript.languages import parse_language

SLOWEST, FASTEST = 0.25, 4.0
MAX_VOICE = 300
"""Characters of its name."""
MAX_LANGUAGE = 100

_AT_ONCE = 200
"""Characters in which the ends of phrases are looked for at once."""


@dataclass(frozen=True)
class Reading:
    """How a text is to be spoken."""

    language: str = ""
    """As Whisper names it; empty: as the text is written."""
    voice: str = ""
    speed: float = 1.0


def voices_of(voices: Voices | None) -> Voices:
    """Those that speak here. Raises VoiceUnavailable where none do."""
    if voices is None or not voices.languages:
        raise VoiceUnavailable("this server has no voice: its settings name none that is installed")
    return voices


def spoken_language(voices: Voices, given: str | None) -> str:
    """A language that is spoken here, or none. Raises UnknownLanguage."""
    language = parse_language(given) or ""
    if language and language not in voices.languages:
        known = ", ".join(sorted(voices.languages))
        raise UnknownLanguage(language, f"a language that is spoken here: {known}")
    return language


def languages_of(voices: Voices, name: str) -> list[str]:
    """Those that a voice speaks, in order."""
    return [
        language
        for language in sorted(voices.languages)
        if name in voices.of(language, name).voices
    ]


async def spoken(voices: Voices, phrase: str, reading: Reading) -> AsyncGenerator[Samples]:
    """One phrase's sound at OUTPUT_RATE; none where it has nothing to say.

    Raises VoiceUnavailable.
    """
    text = speakable(phrase).strip()
    if not text:
        return
    language = tongue(text, reading.language, "")
    said = Phrase(text, language, reading.voice, reading.speed)
    async with closing(voices.speak(said)) as pieces:
        async for piece in pieces:
            yield piece


async def read_aloud(voices: Voices, text: str, reading: Reading) -> AsyncGenerator[Samples]:
    """All of a text's sound at OUTPUT_RATE. Raises VoiceUnavailable."""
    for phrase in phrases_of(text):
        async with closing(spoken(voices, phrase, reading)) as pieces:
            async for piece in pieces:
                yield piece


def phrases_of(text: str) -> Iterator[str]:
    """The text in phrases, the first of which does not wait for the last to be found."""
    phrases = Phrases()
    for at in range(0, len(text), _AT_ONCE):
        yield from phrases.receive(text[at : at + _AT_ONCE])
    yield from phrases.finish()

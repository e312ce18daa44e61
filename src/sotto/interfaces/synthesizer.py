"""A voice: words in, their sound out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from sotto.audio.format import Samples


@dataclass(frozen=True)
class Phrase:
    """What is spoken in one breath."""

    text: str
    """At most a few hundred characters, without markup."""
    language: str
    """As Whisper names it: `en`, `es`, `fr`, `zh`, `ja` …"""
    voice: str = ""
    """One of the synthesizer's; one that it does not know, or none, takes its own."""
    speed: float = 1.0
    """0.25 to 4; 2 takes half the time."""


class Synthesizer(Protocol):
    """One engine, for all conversations at once."""

    @property
    def name(self) -> str:
        """What logs know it by."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Those that it speaks."""
        ...

    @property
    def voices(self) -> tuple[str, ...]:
        """Names; the first is its own choice."""
        ...

    @property
    def sample_rate(self) -> int:
        """Samples a second of what it speaks; the same for all of its voices."""
        ...

    def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """float32[n], mono, -1..1, any n, at `sample_rate`, as it comes.

        An async generator: closing it ends the work on it, within one piece. No sound at all for
        a text without anything to say. Raises VoiceUnavailable for a language that it does not
        speak, and where it breaks.
        """
        ...

    async def warm_up(self) -> None:
        """Load what is needed, and speak one word that nobody hears. Raises VoiceUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of what is held."""
        ...

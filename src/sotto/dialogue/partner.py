"""Whoever answers here: a model, voices, and how answers are given unless otherwise is asked for.

One for all conversations; nothing of any of them is kept in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sotto.clock import Clock, SystemClock
from sotto.dialogue.events import ResponseDone
from sotto.dialogue.request import Manner
from sotto.dialogue.voices import Voices
from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import ChatModel
from sotto.interfaces.turn_detector import TurnDetector


@dataclass(frozen=True)
class Limits:
    """What one answer may be; the rest of one that is more is not asked for."""

    characters: int = 50_000
    """Of its text, and of the arguments of each of its calls."""
    calls: int = 32
    sound: float = 120.0
    """Seconds of one phrase."""
    silence: float = 60.0
    """Seconds in which the model says nothing more."""
    hoarseness: float = 30.0
    """Seconds in which a voice gives no sound more."""
    words: float = 15.0
    """Seconds for which an answer waits for the words of a turn that was committed."""


def _unwatched(done: ResponseDone) -> None:
    """Nobody counts."""


@dataclass
class Partner:
    """What all conversations of a server share."""

    chat: ChatModel
    voices: Voices
    manner: Manner = field(default_factory=Manner)
    """The server's own."""
    budget: int = 8_000
    """Tokens of a conversation that the model is told."""
    watch: Callable[[ResponseDone], None] = _unwatched
    """Told of each answer that is over."""
    interrupted: Callable[[], None] = lambda: None
    """Called where the user speaks into an answer, whether more of it is made or it only sounds."""
    turns: TurnDetector | None = None
    """Hears whether somebody who pauses has said all; None: the length of the pause tells."""
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=SystemClock)
    is_ready: bool = False
    """Whether all of it has answered once."""

    async def warm_up(self) -> Mapping[str, float]:
        """What each part is called → seconds of its first answer.

        Raises ChatUnavailable or VoiceUnavailable, after all of them were tried.
        """
        since = self.clock.monotonic()
        try:
            await self.chat.warm_up()
        except ChatUnavailable:
            await self.voices.warm_up()
            raise
        took = self.clock.monotonic() - since
        times = {self.chat.name: took, **await self.voices.warm_up()}
        self.is_ready = True
        return times

    async def close(self) -> None:
        """Let go of models and connections."""
        try:
            await self.chat.close()
        finally:
            await self.voices.close()

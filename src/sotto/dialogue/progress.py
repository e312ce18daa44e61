"""How far an answer is: its phrases in its sound, its moments, its items."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

from sotto.clock import Clock
from sotto.dialogue.events import Timing
from sotto.dialogue.heard import expected
from sotto.dialogue.items import Message, Speech, Spoken, Status, Text
from sotto.interfaces.chat import Role

Moment: TypeAlias = Literal[
    "first_word", "last_word", "first_phrase", "first_sound", "last_sound", "over"
]


class Tape:
    """Which phrase lies where in an answer's sound."""

    def __init__(self) -> None:
        self.length = 0
        """Samples at OUTPUT_RATE."""
        self._whole: list[Spoken] = []
        self._text: str | None = None
        """Of the phrase that is being spoken."""
        self._since = 0

    def begin(self, text: str) -> int:
        """A phrase begins; its number."""
        self._text, self._since = text, self.length
        return len(self._whole)

    def add(self, samples: int) -> None:
        """Sound more of it."""
        self.length += samples

    def finish(self) -> None:
        """No more of it."""
        if self._text is not None:
            self._whole.append(Spoken(self._text, self._since, self.length))
            self._text = None

    def phrases(self) -> tuple[Spoken, ...]:
        """All that began; of the one that is being spoken the end is guessed."""
        if self._text is None:
            return tuple(self._whole)
        end = max(self.length, self._since + expected(self._text))
        return (*self._whole, Spoken(self._text, self._since, end))


class Stopwatch:
    """An answer's moments, in seconds from when what it answers was there."""

    def __init__(self, clock: Clock, since: float, heard: float | None) -> None:
        """`since`: clock time. `heard`: see Timing."""
        self.timing = Timing(heard=heard)
        self._clock = clock
        self._since = since

    def mark(self, moment: Moment) -> None:
        """It is now; of those that are first ones the first call counts."""
        if moment.startswith("first") and getattr(self.timing, moment) is not None:
            return
        self.timing = replace(self.timing, **{moment: self._clock.monotonic() - self._since})


def message(
    id: str, text: str, status: Status, phrases: tuple[Spoken, ...] | None = None
) -> Message:
    """What an answer says. `phrases`: of its sound; None: it is written alone."""
    content = Text(text) if phrases is None else Speech(text, phrases)
    return Message(id, Role.ASSISTANT, (content,), status)

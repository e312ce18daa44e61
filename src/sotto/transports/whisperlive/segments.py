"""What a WhisperLive client is told of events.

An utterance that is complete is a completed segment, and never changes. The open one is the segment
after the completed ones, and changes with each message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, TypeAlias

from sotto.audio.format import seconds
from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Segment, Word

MAX_LAST = 100
"""Completed segments that a message may repeat."""
SURE = 0.5
"""Probability above which a language that was detected is told."""

Json: TypeAlias = dict[str, Any]


class Segments:
    """The segments of one client's messages."""

    def __init__(self, *, last: int, with_words: bool, detects: bool) -> None:
        self._with_words = with_words
        self._detects = detects
        """Whether the language is still to be told."""
        self._completed: deque[Json] = deque(maxlen=min(max(last, 1), MAX_LAST))
        self._end = 0
        """Frame at which the last completed segment ends."""
        self._stable: tuple[Word, ...] = ()
        self._unstable: tuple[Word, ...] = ()
        self._told: list[Json] = []

    def receive(self, event: Event) -> Iterator[Json]:
        """The messages that an event leads to, without the client's uid. Consume them all."""
        match event:
            case Committed(_, words):
                self._stable += words
                self._unstable = self._unstable[len(words) :]
                yield from self._show()
            case Partial(_, words, _):
                self._unstable = words
                yield from self._show()
            case Final(segment):
                yield from self._complete(segment)

    def _complete(self, segment: Segment) -> Iterator[Json]:
        yield from self._tell_language(segment)
        self._stable, self._unstable = segment.words, ()
        # Its client writes the last incomplete segment that it saw behind the completed ones,
        # unless it reads like the last of them. So each must first be seen as it stays.
        yield from self._show()
        if segment.words:
            self._completed.append(self._segment(segment.words, completed=True))
            self._end = max(self._end, segment.words[-1].end)
        self._stable = ()
        yield from self._show()

    def _tell_language(self, segment: Segment) -> Iterator[Json]:
        if self._detects and segment.words and segment.language_probability > SURE:
            self._detects = False
            probability = round(segment.language_probability, 4)
            yield {"language": segment.language, "language_prob": probability}

    def _show(self) -> Iterator[Json]:
        """All segments, if there are any and they are not those that were told last."""
        words = self._stable + self._unstable
        shown = [*self._completed, *([self._segment(words, completed=False)] if words else [])]
        if shown and shown != self._told:
            self._told = shown
            yield {"segments": shown}

    def _segment(self, words: tuple[Word, ...], *, completed: bool) -> Json:
        start = max(words[0].start, self._end)
        segment = {
            "start": _clock(start),
            "end": _clock(max(words[-1].end, start)),
            # Clients compare a segment's bare text with the next one's raw text, and drop what
            # is equal: with its space a segment never equals a bare one.
            "text": " " + "".join(word.text for word in words).strip(),
            "completed": completed,
        }
        if self._with_words:
            segment["words"] = [
                {
                    "word": word.text,
                    "start": _clock(word.start),
                    "end": _clock(word.end),
                    "probability": round(word.probability, 4),
                }
                for word in words
            ]
        return segment


def _clock(frame: int) -> str:
    """Seconds as the wire has them."""
    return f"{seconds(frame):.3f}"

"""What was said on a stream's clock, on that of its session, which began some frames before."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

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
from sotto.transcript.words import Segment, Word


def later(event: Event, frames: int) -> Event:
    """The same event, so many frames later."""
    if not frames:
        return event
    match event:
        case SpeechStarted() | SpeechEnded():
            return replace(event, at=event.at + frames)
        case Committed():
            return replace(event, words=later_words(event.words, frames))
        case Partial():
            words = later_words(event.words, frames)
            return replace(event, words=words, until=event.until + frames)
        case Final():
            return Final(later_segment(event.segment, frames))
        case Acknowledged():
            return Acknowledged(event.until + frames)
        case Warned():
            return event
        case _:
            assert_never(event)


def later_segment(segment: Segment, frames: int) -> Segment:
    """The same final, so many frames later."""
    return replace(
        segment,
        start=segment.start + frames,
        end=segment.end + frames,
        words=later_words(segment.words, frames),
    )


def later_words(words: tuple[Word, ...], frames: int) -> tuple[Word, ...]:
    """The same words, so many frames later."""
    return tuple(replace(word, start=word.start + frames, end=word.end + frames) for word in words)

"""Finals of a stream that counts its frames anew, on the clock of its session."""

from __future__ import annotations

from dataclasses import replace

from sotto.transcript.words import Segment


def later(segment: Segment, frames: int) -> Segment:
    """The same final, so many frames later."""
    if not frames:
        return segment
    words = tuple(
        replace(word, start=word.start + frames, end=word.end + frames) for word in segment.words
    )
    return replace(segment, start=segment.start + frames, end=segment.end + frames, words=words)

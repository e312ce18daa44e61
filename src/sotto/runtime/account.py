"""What a stream amounted to, in figures."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from sotto.audio.format import seconds
from sotto.transcript.events import Committed, Event, Final

log = logging.getLogger(__name__)

MOST_LAG = 6_000
"""Frames, 60 s: what is later counts as so late, so that a stream has at most so many counts."""


@dataclass
class Account:
    """Counts what a session says."""

    transcripts: bool = False
    """Whether finals are told to the log: what people say is nobody's business unless asked for."""
    words: int = 0
    lags: Counter[int] = field(default_factory=Counter)
    """Words by the frames that were heard from their end to their being committed."""

    def note(self, event: Event, frame: int) -> None:
        """The session said something; it had heard so many frames by then."""
        match event:
            case Committed(_, words):
                self.words += len(words)
                self.lags.update(min(max(frame - word.end, 0), MOST_LAG) for word in words)
            case Final(segment) if self.transcripts:
                fields = {"utterance": segment.id, "text": segment.text}
                log.info("heard: %s", segment.text, extra={"fields": fields})

    def lag(self, share: float) -> float | None:
        """Seconds of sound by which so great a share of the words lagged at most; None without."""
        passed = 0
        for frames in sorted(self.lags):
            passed += self.lags[frames]
            if passed >= share * self.words:
                return seconds(frames)
        return None

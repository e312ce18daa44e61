"""A server that is written down: one byte that is not silence is one word of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sotto.audio.format import Encoding, PcmFormat
from sotto.client.events import Acknowledged, Event, Final, SpeechEnded, SpeechStarted
from sotto.client.progress import UNREAD_SECONDS
from sotto.client.wire import Place

RATE = 4_000
PCM = PcmFormat(Encoding.PCM_U8, RATE)
QUIET = 128
"""A byte of silence; all others are a word's."""
PAUSE = int(0.6 * RATE)
"""Samples that end an utterance."""
ONSET = int(0.1 * RATE)
"""Samples after which speech is believed."""
SILENCE = 5 * RATE
"""Samples in which nobody speaks that are acknowledged."""


@dataclass(frozen=True)
class Said:
    """One utterance; samples."""

    at: int
    length: int
    byte: int


class Server:
    """One stream as a Sotto server hears it: one byte that is not silence is one word of its own.

    An utterance's text is its bytes and how many of each there were, so that what is lost or
    doubled of it shows.
    """

    def __init__(self, stored: list[Final], place: Place) -> None:
        """`stored`: the finals of the session, which outlast the stream.

        What lies before their end, or before what the client has, is not heard.
        """
        self.sent = bytearray()
        self.read = 0
        self.outbox: deque[Event | int] = deque()
        """In the order in which it goes over the wire; a number is a pong."""
        self._stored = stored
        self._at = round(place.at * RATE)
        self._start: int | None = None
        self._last = 0
        self._is_told = False
        done = round(max(place.heard, stored[-1].end if stored else 0.0) * RATE)
        self.heard = max(done - self._at, 0)
        self._acknowledged = max(self._at, done)
        self._utterances = max(len(stored) and stored[-1].utterance + 1, place.received)
        for final in stored:
            if final.utterance >= place.received:
                self._tell(final)

    def pong(self) -> None:
        """It reads no further than it may."""
        self.read = min(len(self.sent), self.heard + UNREAD_SECONDS * RATE)
        self.outbox.append(self._at + self.read)

    def hear(self, samples: int, *, last: bool = False) -> None:
        end = len(self.sent) if last else min(self.read, self.heard + samples)
        while self.heard < end:
            if self._start is None:  # all of a silence at once
                rest = self.sent[self.heard : end]
                self.heard += len(rest) - len(rest.lstrip(bytes([QUIET])))
                self._acknowledge(self._at + self.heard - RATE)
                if self.heard == end:
                    break
            self._step(self.heard)
            self.heard += 1
        if last and self._is_told:
            self._end(min(self._last + PAUSE // 2, end))

    def _acknowledge(self, until: int) -> None:
        if until >= self._acknowledged + SILENCE:
            self._acknowledged = until
            self.outbox.append(Acknowledged(until / RATE))

    def _step(self, place: int) -> None:
        if self.sent[place] != QUIET:
            self._last = place + 1
            if self._start is None:
                self._start = place
            elif not self._is_told and place - self._start >= ONSET:
                self._is_told = True
                at = (self._at + self._start) / RATE
                self.outbox.append(SpeechStarted(self._utterances, at))
        elif self._start is not None and place - self._last >= PAUSE:
            self._end(self._last + PAUSE // 2)

    def _end(self, end: int) -> None:
        assert self._start is not None
        heard = [byte for byte in self.sent[self._start : end] if byte != QUIET]
        text = " ".join(f"{byte}x{heard.count(byte)}" for byte in dict.fromkeys(heard))
        start, end_s = (self._at + self._start) / RATE, (self._at + end) / RATE
        self._stored.append(Final(self._utterances, text, start, end_s, "en"))
        self._tell(self._stored[-1])
        self._utterances += 1
        self._start, self._is_told = None, False

    def _tell(self, final: Final) -> None:
        self.outbox += [SpeechEnded(final.utterance, final.end), final, Acknowledged(final.end)]

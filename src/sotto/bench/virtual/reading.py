"""What a session tells, as what a reader sees: the same that is made of a server's messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sotto.audio.format import seconds
from sotto.bench.streams import dialect as seen
from sotto.bench.streams.client import Arrival, Log
from sotto.bench.streams.dialect import Observation
from sotto.clock import Clock
from sotto.training.evaluation.scoring import align
from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Word


@dataclass
class Reader:
    """Of one stream."""

    _partial: tuple[Word, ...] = ()
    _certain: list[str] = field(default_factory=list)
    """Pieces of the open utterance."""

    def read(self, event: Event) -> Sequence[Observation]:
        """What it says; all of it is seen at once."""
        match event:
            case Partial(words=words):
                self._partial = words
                return (self._shown(),)
            case Committed(words=words) if words:
                return self._commit(words)
            case Final():
                return self._end(event)
            case _:
                return ()

    def _shown(self) -> seen.Shown:
        return seen.Shown("".join(word.text for word in self._partial))

    def _commit(self, words: Sequence[Word]) -> Sequence[Observation]:
        self._partial = tuple(word for word in self._partial if word.start >= words[-1].end)
        text = "".join(word.text for word in words)
        if not self._certain and not text[:1].isspace():
            text = f" {text}"
        self._certain.append(text)
        ends = tuple(seconds(word.end) for word in words if word.text.strip())
        known = len(ends) == len(text.split())
        return seen.Committed(text, ends if known else ()), self._shown()

    def _end(self, event: Final) -> Sequence[Observation]:
        certain = "".join(self._certain).split()
        final = "".join(word.text for word in event.segment.words).split()
        self._partial, self._certain = (), []
        heard: list[Observation] = [seen.Shown(""), seen.Final(seconds(event.segment.end))]
        if different := align(certain, final).errors:
            heard.append(seen.TakenBack(different))
        return heard


@dataclass
class Listener:
    """Notes what is seen, and when."""

    log: Log
    clock: Clock
    began: float
    """Clock time of the stream's first sound."""
    _reader: Reader = field(default_factory=Reader)

    async def __call__(self, event: Event) -> None:
        """A driver's listener."""
        self.note(event, self.clock.monotonic())

    def note(self, event: Event, now: float) -> None:
        """An event, at a time of the clock."""
        if heard := tuple(self._reader.read(event)):
            self.log.arrivals.append(Arrival(now - self.began, heard))

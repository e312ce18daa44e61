"""One run over several streams: what the events of each mean on the clock of the run. Pure."""

from __future__ import annotations

from dataclasses import replace

from sotto.client.events import (
    Acknowledged,
    Closed,
    Committed,
    Event,
    Final,
    Partial,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Words,
)


class Timeline:
    """Takes the events of one stream after the other, in order."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        """Samples a second; places are samples since the run's first."""
        self._origin = 0
        """The place at which the open stream began."""
        self._base = 0
        """The run's number of the open stream's first utterance."""
        self._begun = 0
        self._finals = 0
        self.settled = 0
        """All that was said before this place is stored, and was told."""

    @property
    def is_open(self) -> bool:
        """Whether an utterance has begun whose final did not come."""
        return self._begun > self._finals

    def receive(self, event: Event) -> Event:
        """An event of the open stream in the run's own terms."""
        match event:
            case SpeechStarted() | SpeechEnded():
                return replace(
                    event, utterance=self._number(event.utterance), at=self._time(event.at)
                )
            case Committed():
                return replace(
                    event,
                    utterance=self._number(event.utterance),
                    words=self._words(event.words),
                )
            case Partial():
                return replace(
                    event,
                    utterance=self._number(event.utterance),
                    words=self._words(event.words),
                    until=self._time(event.until),
                )
            case Final():
                return self._final(event)
            case Acknowledged(until):
                self._settle(until)
                return Acknowledged(self._time(until))
            case Closed():
                return replace(
                    event,
                    duration=self._time(event.duration),
                    utterances=self._base + event.utterances,
                )
            case _:
                return event

    def resume(self, place: int) -> Resumed:
        """Another stream begins here. What was told of utterances without a final is void."""
        self._origin = place
        self._base = self._begun = self._finals
        return Resumed(self._time(0.0), self._finals)

    def _final(self, event: Final) -> Final:
        number = self._number(event.utterance)
        self._finals = number + 1
        # It is stored before it is told, and it must not be told again.
        self._settle(event.end)
        return replace(
            event,
            utterance=number,
            start=self._time(event.start),
            end=self._time(event.end),
            words=None if event.words is None else self._words(event.words),
        )

    def _settle(self, seconds: float) -> None:
        self.settled = max(self.settled, self._origin + round(seconds * self._rate))

    def _number(self, utterance: int) -> int:
        number = self._base + utterance
        self._begun = max(self._begun, number + 1)
        return number

    def _time(self, seconds: float) -> float:
        """To the millisecond, since sums of hundredths are none."""
        return round(self._origin / self._rate + seconds, 3)

    def _words(self, words: Words) -> Words:
        return tuple(
            replace(word, start=self._time(word.start), end=self._time(word.end)) for word in words
        )

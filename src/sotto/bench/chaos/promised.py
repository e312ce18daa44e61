"""What a client is promised whatever breaks, checked over all that it was told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sotto.client import Closed, Committed, Event, Final, Resumed, SpeechStarted

ROUNDED = 0.011
"""Seconds: times on the wire are multiples of 0.01."""


@dataclass(frozen=True)
class Heard:
    """What a client's events come to."""

    finals: int
    faults: tuple[str, ...]
    """Sentences, for each promise that was broken."""
    void: int
    """Committed words that a `Resumed` took back, to be heard again."""
    otherwise: int
    """Of them, words that were not heard as the same again."""


@dataclass
class _Ledger:
    """All that was told by now."""

    faults: list[str] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    committed: dict[int, list[str]] = field(default_factory=dict)
    """Utterance → words."""
    begun: set[int] = field(default_factory=set)
    taken_back: dict[int, list[str]] = field(default_factory=dict)
    void: int = 0
    otherwise: int = 0

    def resumed(self, utterance: int) -> None:
        """What was committed of this utterance, and after it, is void."""
        for number in [number for number in self.committed if number >= utterance]:
            words = self.committed.pop(number)
            self.void += len(words)
            self.taken_back[number] = max(self.taken_back.get(number, []), words, key=len)
        self.begun = {number for number in self.begun if number < utterance}

    def final(self, final: Final) -> None:
        """It is the next, follows the one before, and is made of what was committed."""
        number, said = final.utterance, self.committed.get(final.utterance, [])
        if number != len(self.finals):
            self.faults.append(f"expected the final of {len(self.finals)}, got that of {number}")
        if "".join(said).strip() != final.text:
            self.faults.append(f"final {number} is not its committed words: {final.text!r}")
        if self.finals and final.start < self.finals[-1].end - ROUNDED:
            self.faults.append(f"final {number} begins before the one before it ends")
        if final.end < final.start:
            self.faults.append(f"final {number} ends before it begins")
        self.otherwise += _otherwise(self.taken_back.pop(number, []), said)
        self.finals.append(final)

    def started(self, event: SpeechStarted) -> None:
        """Each utterance begins once, but where it is heard again."""
        if event.utterance in self.begun or event.utterance < len(self.finals):
            self.faults.append(f"utterance {event.utterance} began twice")
        self.begun.add(event.utterance)

    def closed(self, closed: Closed) -> None:
        """It knows how much was told."""
        if closed.utterances != len(self.finals):
            self.faults.append(f"closed after {closed.utterances}, told {len(self.finals)} finals")
        if self.finals and closed.duration < self.finals[-1].end - ROUNDED:
            self.faults.append(f"closed at {closed.duration:g} s, before the last final ends")


def judge(events: Sequence[Event]) -> Heard:
    """All of one client's."""
    ledger = _Ledger()
    for event in events:
        match event:
            case Resumed(utterance=utterance):
                ledger.resumed(utterance)
            case SpeechStarted():
                ledger.started(event)
            case Committed(utterance=utterance, words=words):
                ledger.committed.setdefault(utterance, []).extend(word.text for word in words)
            case Final():
                ledger.final(event)
            case Closed():
                ledger.closed(event)
            case _:
                pass
    if not events or not isinstance(events[-1], Closed):
        ledger.faults.append("the stream did not come to its end")
    faults = (*ledger.faults, *_back(events))
    return Heard(len(ledger.finals), faults, ledger.void, ledger.otherwise)


def _back(events: Iterable[Event]) -> Iterator[str]:
    """Times of committed words that go back, but where they are heard again."""
    last = 0.0
    for event in events:
        if isinstance(event, Resumed):
            last = min(last, event.at)
        elif isinstance(event, Committed):
            for word in event.words:
                if word.start < last - ROUNDED or word.end < word.start:
                    yield f"{word.text!r} begins at {word.start:g} s, after one at {last:g} s"
                last = word.start


def _otherwise(before: Sequence[str], after: Sequence[str]) -> int:
    """Words that were committed first and are not at their place at last."""
    same = sum(one == other for one, other in zip(before, after, strict=False))
    return len(before) - same

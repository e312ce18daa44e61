"""What a client told, checked as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sotto.client import Closed, Committed, Event, Final, Resumed, SpeechStarted

Kind = TypeVar("Kind")


def of(events: Sequence[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def text_of(events: Sequence[Event]) -> str:
    return " ".join(filter(None, (final.text for final in of(events, Final))))


def follows_the_promise(events: Sequence[Event]) -> None:
    """Each utterance has one final, in order and made of its committed words; times go on."""
    finals = of(events, Final)
    assert [final.utterance for final in finals] == list(range(len(finals)))
    bounds = [bound for final in finals for bound in (final.start, final.end)]
    assert bounds == sorted(bounds)
    assert isinstance(events[-1], Closed)
    assert events[-1].utterances == len(finals)
    assert events[-1].duration >= max(bounds, default=0.0) - 0.01
    said: dict[int, str] = {}
    begun: set[int] = set()
    for event in events:
        match event:
            case Resumed(utterance=utterance):
                said = {number: text for number, text in said.items() if number < utterance}
                begun = {number for number in begun if number < utterance}
            case SpeechStarted(utterance=utterance):
                assert utterance not in begun
                begun.add(utterance)
            case Committed(utterance=utterance, text=text):
                assert utterance in begun
                said[utterance] = said.get(utterance, "") + text
            case Final(utterance=utterance, text=text):
                assert said.get(utterance, "").strip() == text

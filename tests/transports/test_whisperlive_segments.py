"""Events as the segments that a client of WhisperLive keeps."""

from __future__ import annotations

from typing import Any

import pytest

from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Segment, Word
from sotto.transports.whisperlive.segments import MAX_LAST, Segments
from tests.transports.socket_talk import word
from tests.transports.whisperlive_client import Client


def told(segments: Segments, *events: Event) -> list[dict[str, Any]]:
    return [message for event in events for message in segments.receive(event)]


def final(number: int, *words: Word, probability: float = 0.9) -> Final:
    start, end = (words[0].start, words[-1].end) if words else (0, 0)
    return Final(Segment(number, start, end, words, "en", probability))


def test_a_partial_that_comes_to_nothing_leaves_no_segment() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    assert len(told(segments, Partial(0, (word(" eh", 0, 10),), 20))) == 1
    assert told(segments, final(0)) == []
    (shown,) = told(segments, Partial(1, (word(" two", 50, 60),), 70))
    assert [segment["text"] for segment in shown["segments"]] == [" two"]


def test_a_segment_is_seen_as_it_stays_before_it_is_complete() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    stays = (word(" two", 0, 40),)
    told(segments, Committed(0, stays), Partial(0, (word(" eight", 41, 60),), 70))
    before, after = told(segments, final(0, *stays))
    assert before["segments"][-1] | {"completed": True} == after["segments"][-1]


def test_the_client_keeps_neighbors_that_are_equal() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    client = Client("", backend="faster_whisper")
    for number in range(3):  # as a language without spaces has them
        for message in told(segments, final(number, word("二", number * 10, number * 10 + 9))):
            client.hear(message["segments"])
    assert client.text == "二 二 二"


def test_segments_never_overlap_though_words_do() -> None:
    segments = Segments(last=10, with_words=False, detects=False)
    told(segments, final(0, word(" one", 0, 100)))
    shown = told(segments, final(1, word(" two", 90, 95)))[-1]["segments"]
    assert [(one["start"], one["end"]) for one in shown] == [("0.000", "1.000"), ("1.000", "1.000")]


def test_a_language_that_is_not_sure_is_told_when_it_is() -> None:
    segments = Segments(last=10, with_words=False, detects=True)
    first = told(segments, final(0, word(" one", 0, 9), probability=0.5))
    later = told(segments, final(1, word(" two", 10, 19), probability=0.51))
    again = told(segments, final(2, word(" two", 20, 29), probability=0.9))
    assert [message for message in first + later + again if "language" in message] == [later[0]]


@pytest.mark.parametrize("last", [-3, 0, 1, MAX_LAST, 10**12])
def test_however_many_are_asked_for_messages_stay_small(last: int) -> None:
    segments = Segments(last=last, with_words=True, detects=False)
    for number in range(MAX_LAST + 5):
        shown = told(segments, final(number, word(" one", number * 10, number * 10 + 9)))
    assert len(shown[-1]["segments"]) == min(max(last, 1), MAX_LAST)

from __future__ import annotations

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
    Warned,
    Word,
)
from sotto.client.timeline import Timeline

RATE = 16_000


def spoken(utterance: int, start: float) -> list[Event]:
    """One utterance as a stream tells it."""
    words = (Word(" one", start, start + 0.5, 0.9),)
    return [
        SpeechStarted(utterance, start),
        Partial(utterance, " one", words, start + 1),
        Committed(utterance, " one", words),
        SpeechEnded(utterance, start + 1),
        Final(utterance, "one", start, start + 1.1, "en", words=words),
        Acknowledged(start + 1.1),
    ]


def test_the_first_streams_events_are_the_runs():
    timeline = Timeline(RATE)
    assert [timeline.receive(event) for event in spoken(0, 1)] == spoken(0, 1)
    assert timeline.settled == round(2.1 * RATE)
    assert not timeline.is_open


def test_after_a_cut_times_and_utterances_go_on_and_the_open_utterance_is_heard_again():
    timeline = Timeline(RATE)
    for event in [*spoken(0, 1.0), *spoken(1, 5.0)[:3]]:
        timeline.receive(event)
    assert timeline.is_open
    assert timeline.settled == round(2.1 * RATE)
    assert timeline.resume(timeline.settled) == Resumed(2.1, 1)
    assert not timeline.is_open
    start, partial, committed, ended, final, acknowledged = map(timeline.receive, spoken(0, 2.9))
    assert (start, ended) == (SpeechStarted(1, 5.0), SpeechEnded(1, 6.0))
    words = (Word(" one", 5.0, 5.5, 0.9),)
    assert partial == Partial(1, " one", words, 6.0)
    assert committed == Committed(1, " one", words)
    assert final == Final(1, "one", 5.0, 6.1, "en", words=words)
    assert acknowledged == Acknowledged(6.1)
    assert timeline.settled == round(6.1 * RATE)
    assert timeline.receive(Closed(4.0, 1)) == Closed(6.1, 2)


def test_a_final_settles_though_its_acknowledgment_is_lost():
    timeline = Timeline(RATE)
    for event in spoken(0, 1.0)[:5]:
        timeline.receive(event)
    assert timeline.resume(timeline.settled) == Resumed(2.1, 1)


def test_two_cuts_in_one_utterance_leave_it_the_same_number():
    timeline = Timeline(RATE)
    for place in (0, RATE // 2):
        timeline.resume(place)
        assert timeline.receive(SpeechStarted(0, 1.0)) == SpeechStarted(0, 1.0 + place / RATE)
        assert timeline.is_open
    assert timeline.resume(RATE // 2) == Resumed(0.5, 0)


def test_what_has_no_place_in_time_is_told_as_it_is():
    timeline = Timeline(RATE)
    timeline.resume(RATE)
    assert timeline.receive(Warned("limited_model", "no")) == Warned("limited_model", "no")

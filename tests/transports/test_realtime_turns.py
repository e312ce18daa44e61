from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from sotto.dialogue.hearing import TurnBegan, TurnCommitted, TurnEvent
from sotto.transcript.events import Committed, Final, SpeechEnded, SpeechStarted
from sotto.transcript.words import Segment, Word
from sotto.transports.realtime.outgoing import turn_events
from sotto.transports.realtime.session import RealtimeSession, new_session
from sotto.transports.realtime.turns import MAX_TURN, ClientTurns, ServerTurns, Turns
from sotto.transports.realtime.understood import SessionType
from tests.serving import Served


@pytest.fixture(scope="module")
def plain(server: Served) -> RealtimeSession:
    return new_session(server.service, "sess_1", 99, SessionType.TRANSCRIPTION)


@pytest.fixture
def ids() -> Iterator[str]:
    return (f"item_{number}" for number in count())


def words(text: str, start: int, length: int = 50) -> tuple[Word, ...]:
    """Words of that many frames each, one after the other."""
    return tuple(
        Word(f" {word}", start + i * length, start + (i + 1) * length, 0.5)
        for i, word in enumerate(text.split())
    )


def final(utterance: int, text: str, start: int, end: int) -> Final:
    return Final(Segment(utterance, start, end, words(text, start), "en"))


def told(events: list[TurnEvent], session: RealtimeSession) -> list[dict[str, Any]]:
    """As the client is told."""
    return [each for event in events for each in turn_events(event, session)]


def brief(events: list[TurnEvent], session: RealtimeSession) -> list[str]:
    """The last part of each type, the item, and what it says."""
    return [
        " ".join(
            str(part)
            for part in (
                event["type"].rpartition(".")[2],
                event.get("item_id") or event["item"]["id"],
                event.get("delta", event.get("transcript")),
            )
            if part is not None
        )
        for event in told(events, session)
    ]


def test_an_utterance_is_an_item(plain: RealtimeSession, ids: Iterator[str]) -> None:
    turns = ServerTurns(plain, lambda: next(ids), 0)
    turns.begin(1_000)
    (started,) = told(turns.hear(SpeechStarted(0, 100)), plain)
    assert started["audio_start_ms"] == 11_000 - plain.prefix
    assert brief(turns.hear(Committed(0, words("nine two", 100))), plain) == [
        "delta item_0 nine two"
    ]
    events = turns.hear(SpeechEnded(0, 300))
    assert brief(events, plain) == [
        "speech_stopped item_0",
        "committed item_0",
        "added item_0",
        "done item_0",
    ]
    ended = told(events, plain)
    assert ended[0]["audio_end_ms"] == 13_000
    assert [event["previous_item_id"] for event in ended[1:]] == [None] * 3
    assert not turns.is_quiet(1)
    assert brief(turns.hear(Committed(0, words("five", 200))), plain) == ["delta item_0  five"]
    (completed,) = told(turns.hear(final(0, "nine two five", 100, 320)), plain)
    assert completed["transcript"] == "nine two five"
    assert completed["usage"] == {"type": "duration", "seconds": 2.2}
    assert "logprobs" not in completed
    assert turns.is_quiet(1)
    turns.hear(SpeechStarted(1, 400))
    assert turns.hear(SpeechEnded(1, 500))[1] == TurnCommitted("item_1", "item_0")


def test_the_beginning_is_not_before_the_last_end(plain: RealtimeSession) -> None:
    turns = ServerTurns(plain, lambda: "item", 0)
    first = turns.hear(SpeechStarted(0, 10))
    turns.hear(SpeechEnded(0, 100))
    second = turns.hear(SpeechStarted(1, 110))
    assert (first, second) == ([TurnBegan("item", 0, 10)], [TurnBegan("item", 100, 110)])


def test_logprobs_come_if_asked_for(plain: RealtimeSession) -> None:
    session = plain.updated({"include": ["item.input_audio_transcription.logprobs"]})
    turns = ServerTurns(session, lambda: "item", 0)
    turns.hear(SpeechStarted(0, 0))
    (delta,) = told(turns.hear(Committed(0, words("nine", 0))), session)
    nine = {"token": " nine", "logprob": -0.6931, "bytes": list(b" nine")}
    assert delta["logprobs"] == [nine]
    turns.hear(SpeechEnded(0, 50))
    assert told(turns.hear(final(0, "nine", 0, 60)), session)[0]["logprobs"] == [nine]


def test_what_is_cleared_is_not_told(plain: RealtimeSession, ids: Iterator[str]) -> None:
    turns = ServerTurns(plain, lambda: next(ids), 0)
    turns.hear(SpeechStarted(0, 0))
    turns.hear(SpeechEnded(0, 90))
    turns.hear(SpeechStarted(1, 100))
    turns.clear(200)
    assert brief(turns.hear(final(0, "nine", 0, 90)), plain) == ["completed item_0 nine"]
    for event in (Committed(1, words("two", 100)), SpeechEnded(1, 150), final(1, "two", 100, 150)):
        assert turns.hear(event) == []
    assert turns.hear(SpeechStarted(2, 160)) == []  # it was sent before, and is heard only now
    assert turns.waiting(230) == 30
    turns.begin(200)
    assert turns.hear(SpeechStarted(3, 0)) != []


def test_a_commit_of_silence_gives_an_empty_item(plain: RealtimeSession) -> None:
    turns = ServerTurns(plain, lambda: "item", 0)
    assert turns.finish() == []
    assert turns.commit(120) == []
    assert turns.is_pending
    assert brief(turns.finish(), plain) == [
        "committed item",
        "added item",
        "done item",
        "completed item ",
    ]
    assert turns.waiting(120) == 0


def manual(plain: RealtimeSession, ids: Iterator[str]) -> ClientTurns:
    session = plain.updated({"audio": {"input": {"turn_detection": None}}})
    return ClientTurns(session, lambda: next(ids), 0)


def test_an_item_is_what_lies_between_commits(plain: RealtimeSession, ids: Iterator[str]) -> None:
    turns = manual(plain, ids)
    assert turns.hear(SpeechStarted(0, 0)) == []
    assert brief(turns.hear(Committed(0, words("nine", 0))), plain) == ["delta item_0 nine"]
    assert brief(turns.commit(80), plain) == ["committed item_0", "added item_0", "done item_0"]
    assert turns.is_pending
    # The middle of "two" is before the commit, that of "five" is not.
    assert brief(turns.hear(Committed(0, words("two five", 52))), plain) == [
        "delta item_0  two",
        "completed item_0 nine two",
        "delta item_1 five",
    ]
    assert not turns.is_pending
    assert brief(turns.commit(200), plain)[0] == "committed item_1"
    turns.commit(300)
    assert brief(turns.hear(final(0, "nine two five", 0, 250)), plain) == ["completed item_1 five"]
    assert turns.pass_silence(320) == []
    assert brief(turns.pass_silence(350), plain) == ["completed item_2 "]


def test_utterances_of_one_item_are_told_apart(plain: RealtimeSession, ids: Iterator[str]) -> None:
    turns = manual(plain, ids)
    text = ""
    for utterance in range(2):
        (delta,) = told(turns.hear(Committed(utterance, (Word("好", 0, 50, 1.0),))), plain)
        text += delta["delta"]
    turns.commit(100)
    (completed,) = told(turns.finish(), plain)
    assert completed["transcript"] == text == "好 好"


def test_a_cleared_item_is_dropped(plain: RealtimeSession, ids: Iterator[str]) -> None:
    turns = manual(plain, ids)
    turns.hear(Committed(0, words("nine", 0)))
    turns.clear(100)
    assert turns.hear(Committed(0, words("two", 40))) == []
    assert turns.finish() == []
    assert brief(turns.hear(Committed(1, words("five", 100))), plain) == ["delta item_1 five"]
    turns.commit(160)
    assert brief(turns.finish(), plain) == ["completed item_1 five"]


def test_the_server_commits_what_nobody_does(plain: RealtimeSession, ids: Iterator[str]) -> None:
    turns = manual(plain, ids)
    turns.hear(Committed(0, words("x" * MAX_TURN, 0)))
    assert turns.is_long
    turns.commit(50)
    assert not turns.is_long
    assert brief(turns.leave(60), plain) == [f"completed item_0 {'x' * MAX_TURN}"]


@pytest.mark.parametrize("kind", [ServerTurns, ClientTurns])
def test_the_betas_items_have_one_event(plain: RealtimeSession, kind: type[Turns]) -> None:
    session = plain.updated({"turn_detection": None})
    turns = kind(session, lambda: "item", 0)
    events = turns.commit(100) + turns.finish()
    assert [event["type"] for event in told(events, session)] == [
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.input_audio_transcription.completed",
    ]

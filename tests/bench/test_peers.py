"""What peers' messages mean: recorded ones, and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.bench.peers.peer import Setup
from sotto.bench.peers.speaches import Speaches
from sotto.bench.peers.table import STREAMS
from sotto.bench.peers.whisper_streaming import WhisperStreaming
from sotto.bench.peers.whisperlive import WhisperLive
from sotto.bench.peers.whisperlivekit import WhisperLiveKit
from sotto.bench.streams.client import Arrival
from sotto.bench.streams.dialect import (
    Committed,
    Dialect,
    Failed,
    Final,
    Message,
    Observation,
    Over,
    Shown,
    TakenBack,
)
from sotto.bench.streams.hearing import listen

DIALECTS: list[Dialect] = [WhisperLive(), WhisperLiveKit(), Speaches(), WhisperStreaming()]
WORDS = st.lists(st.text("ab", min_size=1, max_size=2), max_size=5)


def read(dialect: Dialect, messages: Iterable[Message]) -> list[Sequence[Observation]]:
    reader = dialect.reader()
    return [reader.read(message) for message in messages]


def committed(heard: Iterable[Sequence[Observation]]) -> str:
    return "".join(one.text for told in heard for one in told if isinstance(one, Committed))


# WhisperLive 0.10.0, with the identifiers cut out


def segments(*parts: tuple[str, str, str, bool]) -> str:
    keys = ("start", "end", "text", "completed")
    return json.dumps({"uid": "u", "segments": [dict(zip(keys, p, strict=True)) for p in parts]})


def test_whisperlive_shows_words_until_their_segment_is_complete():
    heard = read(
        WhisperLive(),
        [
            segments(("0.370", "1.300", " banova", False)),
            segments(("0.370", "1.700", " banova besima", False)),
            segments(("0.370", "1.700", " banova besima", False)),
            segments(("0.370", "7.050", " banova besima", True)),
        ],
    )
    assert heard == [
        [Shown("banova")],
        [Shown("banova besima")],
        [],
        [Committed(" banova besima"), Final(7.05), Shown("")],
    ]


def test_whisperlive_says_a_complete_segment_in_each_message_and_it_is_heard_once():
    both = (("0.970", "4.710", " two", True), ("7.030", "6.700", " two eight", False))
    heard = read(WhisperLive(), [segments(*both)] * 3)
    assert heard == [[Committed(" two"), Final(4.71), Shown("two eight")], [], []]


def test_whisperlive_sends_only_the_last_ten():
    said = [(f"{n}.000", f"{n}.500", f" w{n}", True) for n in range(30)]
    windows = [segments(*said[max(0, end - 10) : end]) for end in (1, 2, 9, 10, 11, 15, 24, 30)]
    assert committed(read(WhisperLive(), windows)) == "".join(f" w{n}" for n in range(30))


def test_whisperlive_says_the_same_twice_at_two_times():
    said = [("0.000", "1.000", " two", True), ("1.000", "2.000", " two", True)]
    assert committed(read(WhisperLive(), [segments(said[0]), segments(*said)])) == " two two"


def test_whisperlive_has_no_time_that_is_no_number():
    with pytest.raises(ValueError):
        read(WhisperLive(), [segments(("0.000", "inf", " two", True))])


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ('{"uid": "u", "message": "SERVER_READY", "backend": "faster_whisper"}', ()),
        ('{"uid": "u", "language": "en", "language_prob": 0.98}', ()),
        ('{"uid": "u", "status": "WARNING", "message": "m"}', ()),
        ('{"uid": "u", "status": "WAIT", "message": 3.5}', (Failed("WAIT: 3.5"),)),
        ('{"uid": "u", "status": "ERROR", "message": "m"}', (Failed("ERROR: m"),)),
        ('{"uid": "u", "message": "DISCONNECT"}', (Over(),)),
    ],
)
def test_whisperlive_has_other_messages(message, heard):
    assert read(WhisperLive(), [message]) == [heard]


@given(st.lists(WORDS.map(" ".join), max_size=25), st.data())
def test_whisperlive_loses_nothing_and_says_nothing_twice(texts, data):
    said = [(f"{n}.000", f"{n + 1}.000", f" {text}", True) for n, text in enumerate(texts)]
    ends = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
    steps = [0, *ends, len(said)]
    # What completes between two messages is never more than what a message holds.
    steps = [n for low, high in pairwise(steps) for n in (*range(low, high, 10), high)]
    heard = read(WhisperLive(), [segments(*said[max(0, end - 10) : end]) for end in steps])
    assert committed(heard).split() == " ".join(texts).split()


# WhisperLiveKit 0.2.26, without its numbers


def update(*lines: tuple[int, str], buffer: str = "") -> str:
    told: dict[str, Any] = {"status": "active_transcription"}
    told["lines"] = [
        {"speaker": who, "text": text, "start": "0:00:00.00", "end": "0:00:00.04"}
        for who, text in lines
    ]
    told |= {"buffer_transcription": buffer, "buffer_diarization": "", "buffer_translation": ""}
    return json.dumps(told | {"remaining_time_transcription": 2.7})


def test_whisperlivekit_tells_everything_again_and_again():
    heard = read(
        WhisperLiveKit(),
        [
            '{"status":"no_audio_detected","lines":[],"buffer_transcription":""}',
            update(buffer=" bofowi bahado"),
            update(buffer=" bofowi bahado"),
            update((1, " bofowi bahado")),
            update((1, " bofowi bahado"), buffer=" bazela"),
            update((1, " bofowi bahado bazela")),
            update((1, " bofowi bahado bazela"), (-2, "")),
            '{"type":"ready_to_stop"}',
        ],
    )
    assert heard == [
        [],
        [Shown("bofowi bahado")],
        [],
        [Committed(" bofowi bahado"), Shown("")],
        [Shown("bazela")],
        [Committed(" bazela"), Shown("")],
        [Final(), Shown("")],
        (Shown(""), Final(), Over()),
    ]


def test_whisperlivekit_says_words_in_pieces():
    texts = [" ad", " adia", " adia, con", " adia, contacts"]
    heard = read(WhisperLiveKit(), [update((1, text)) for text in texts])
    assert [told[0] for told in heard] == [
        Committed(" ad"),
        Committed("ia"),
        Committed(", con"),
        Committed("tacts"),
    ]
    arrivals = [Arrival(float(at), tuple(told)) for at, told in enumerate(heard)]
    assert [commit.word for commit in listen(arrivals).commits] == ["adia", "contacts"]


def test_whisperlivekit_may_change_its_mind():
    heard = read(WhisperLiveKit(), [update((1, " one two three")), update((1, " one too"))])
    assert heard[1] == [TakenBack(2), Committed(" too"), Shown("")]


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ('{"type":"config","useAudioWorklet":true,"mode":"full"}', ()),
        ('{"type":"error","error":"bad language"}', (Failed("bad language"),)),
        ('{"status":"active_transcription","lines":[],"error":"broke"}', (Failed("broke"),)),
    ],
)
def test_whisperlivekit_has_other_messages(message, heard):
    assert read(WhisperLiveKit(), [message]) == [heard]


@given(st.lists(WORDS, max_size=8))
def test_whisperlivekit_is_followed_wherever_it_goes(texts):
    reader, known = WhisperLiveKit().reader(), ""
    for words in texts:
        for one in reader.read(update((1, " " + " ".join(words)))):
            if isinstance(one, TakenBack):
                kept = known.split()
                known = " ".join(kept[: len(kept) - one.words])
            elif isinstance(one, Committed):
                known += one.text
        assert known.split() == words


# speaches, commit 870e1e1


def completed(transcript: str) -> str:
    kind = "conversation.item.input_audio_transcription.completed"
    usage = {"seconds": 3.09375, "type": "duration"}
    told = {"content_index": 0, "type": kind, "transcript": transcript, "usage": usage}
    return json.dumps(told | {"event_id": "event_1", "item_id": "item_1", "logprobs": None})


TOO_SMALL = (
    "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but "
    "buffer only has 0.00ms of audio."
)


def failed(kind: str, message: str) -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, "code": None}})


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (completed("botica bofowi bahado"), (Committed(" botica bofowi bahado"), Final())),
        (completed(" botica\n"), (Committed(" botica"), Final())),
        (completed(""), (Final(),)),
        ('{"type":"input_audio_buffer.speech_started","audio_start_ms":768}', ()),
        ('{"type":"input_audio_buffer.speech_stopped","audio_end_ms":3093}', ()),
        ('{"type":"conversation.item.created","item":{"content":[{"transcript":null}]}}', ()),
        (failed("invalid_request_error", TOO_SMALL), ()),
        (failed("server_error", "broke"), (Failed("server_error: broke"),)),
    ],
)
def test_speaches_says_an_utterance_at_once(message, heard):
    assert read(Speaches(), [message]) == [heard]


# whisper_streaming, commit 1f25a1a


@pytest.mark.parametrize(
    ("line", "heard"),
    [
        (b"668 2348  botica bofowi\n", (Committed(" botica bofowi"),)),
        (b"668 2348  botica\n", (Committed(" botica", (2.348,)),)),
        (b"668 2348 tica\n", (Committed("tica", (2.348,)),)),
        (b"668 2348  \n", ()),
        ("0 1720 Takhle to je p\u0159\u00edklad\n".encode(), (Committed("Takhle to je příklad"),)),
    ],
)
def test_whisper_streaming_says_lines(line, heard):
    assert read(WhisperStreaming(), [line]) == [heard]


@pytest.mark.parametrize("line", [b"\n", b"hello\n", b"-1 2 x\n", b"1 2\n", b"\xff\n", b"9" * 99])
def test_whisper_streaming_says_nothing_else(line):
    with pytest.raises(ValueError):
        read(WhisperStreaming(), [line])


# All of them

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["type", "error", "segments", "lines", "status", "message", "text", "speaker", "end"]
)
HOSTILE = (
    st.text(max_size=20)
    | st.binary(max_size=20)
    | st.dictionaries(KEYS, JSON, max_size=5).map(json.dumps)
)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@given(messages=st.lists(HOSTILE, max_size=4))
def test_a_message_of_another_kind_is_a_value_error_and_nothing_else(dialect, messages):
    reader = dialect.reader()
    for message in messages:
        try:
            heard = reader.read(message)
        except ValueError:
            continue
        assert all(isinstance(one, Observation) for one in heard)


def test_each_peer_has_the_name_under_which_it_is_known():
    setup = Setup(Path("model"), threads=1)
    assert {name: peer.dialect(setup).name for name, peer in STREAMS.items()} == {
        name: name for name in STREAMS
    }

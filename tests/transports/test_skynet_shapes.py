"""What goes over a Skynet socket: frames, captions and their sound."""

from __future__ import annotations

import base64
import io
import json
import re
import uuid
import wave
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sotto.errors import ProtocolViolation
from sotto.transcript.events import Committed, Final, Partial, SpeechEnded, SpeechStarted
from sotto.transcript.words import Segment, Word
from sotto.transports.skynet.frames import Captions, parse_frame, sureness, uuid7
from sotto.transports.skynet.tape import Tape
from tests.transports.skynet_client import jigasi

# ---- events → messages

A, B, C = (Word(f" {text}", n * 100, n * 100 + 50, 0.5) for n, text in enumerate("abc"))


def told(captions: Captions, *events: Any) -> list[tuple[str, str]]:
    messages = [captions.message(event) for event in events]
    return [(message["type"], message["text"]) for message in messages if message]


def final(number: int, *words: Word) -> Final:
    return Final(Segment(number, 0, 300, words, "en"))


def test_an_interim_shows_all_of_the_open_utterance() -> None:
    captions = Captions("p", lambda frame: frame * 10)
    assert told(
        captions,
        SpeechStarted(0, 7),
        Partial(0, (A, B), 200),
        Committed(0, (A,)),
        Partial(0, (B,), 250),
        Partial(0, (B, C), 300),
        SpeechEnded(0, 300),
        SpeechStarted(1, 320),
        Committed(0, (B, C)),
        final(0, A, B, C),
        Partial(1, (B,), 400),
    ) == [
        ("interim", "a b"),
        ("interim", "a b c"),
        ("final", "a b c"),
        ("interim", "b"),
    ]


def test_an_interim_that_was_nothing_is_taken_back() -> None:
    captions = Captions("p", lambda frame: frame * 10)
    shown = told(captions, SpeechStarted(0, 0), Partial(0, (A,), 90), Partial(0, (), 90), final(0))
    assert shown == [("interim", "a"), ("final", "")]
    assert told(captions, SpeechStarted(1, 0), SpeechEnded(1, 9), final(1)) == []


def test_variance_is_a_float_in_json() -> None:
    """json-simple parses 1 as a Long, which Jigasi's cast to double does not take."""
    for words in ([], [replace(A, probability=1)], [A, replace(B, probability=0.0)]):
        assert re.fullmatch(r"[01]\.\d+", json.dumps(sureness(words)))


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_an_id_is_of_version_seven(milliseconds: int, randomness: int) -> None:
    made = uuid.UUID(uuid7(milliseconds, randomness))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == randomness


# ---- frames


@settings(deadline=None, max_examples=400)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=70),
        st.builds(
            lambda header, sound: header.encode(errors="replace").ljust(60, b"\0") + sound,
            st.text(max_size=70),
            st.binary(max_size=50),
        ),
        st.builds(jigasi, st.text("ab|ü \0", max_size=10), st.text(max_size=5), st.binary()),
    )
)
@example(b"\x00")
@example(b"a|" + b"\xf0\x9f" * 29 + b"rest")
@example(b"a|en|fr".ljust(60, b" "))
def test_a_message_is_a_frame_or_a_violation(message: bytes | str) -> None:
    try:
        frame = parse_frame(message)
    except ProtocolViolation as error:
        assert error.message.startswith("expected ")
    else:
        assert isinstance(message, bytes)
        assert message.startswith(frame.participant.encode() + b"|")
        assert message[60:] == frame.sound
        assert frame.participant


# ---- sound


@given(st.lists(st.binary(max_size=900), max_size=12), st.integers(0, 20), st.integers(0, 20))
def test_a_tape_gives_back_what_was_recorded(pieces: list[bytes], start: int, length: int) -> None:
    tape = Tape()
    for piece in pieces:
        tape.record(piece)
    with wave.open(io.BytesIO(base64.b64decode(tape.cut(start, start + length)))) as file:
        found = file.readframes(file.getnframes())
    expected = b"".join(pieces)[320 * start : 320 * (start + length)]
    assert found == expected[: len(expected) // 2 * 2]


def test_a_tape_keeps_the_newest() -> None:
    tape = Tape()
    for number in range(60):
        tape.record(number.to_bytes() * 32_000)
    with wave.open(io.BytesIO(base64.b64decode(tape.cut(5_900, 6_000)))) as file:
        assert file.readframes(file.getnframes()) == bytes([59]) * 32_000
    with wave.open(io.BytesIO(base64.b64decode(tape.cut(0, 100)))) as file:
        assert file.getnframes() == 0

"""Wyoming's dialect: its limits, and what happens to those who do not keep to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.app.tcp import open_port
from sotto.errors import BadOption
from sotto.runtime.models import ModelState
from sotto.transports.wyoming.wire import MAX_HEADER, pack
from tests.asking import eventually
from tests.serving import Served, watched
from tests.speech import CLIP_TEXT
from tests.transports.wyoming_client import FORMAT, HEADERS, JSON, START, STOP, Wire, sound, text_of
from tests.wyoming_port import WyomingServed, serving_wyoming

SLOW = settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CODES = {
    "protocol_violation",
    "too_large",
    "bad_audio",
    "bad_option",
    "unknown_model",
    "unknown_language",
    "voice_unavailable",
}
SPOKEN = ("synthesize", "synthesize-start", "synthesize-chunk", "synthesize-stop")


@pytest.fixture(scope="module")
def served() -> Iterator[WyomingServed]:
    with serving_wyoming() as served:
        yield served


@pytest.fixture(autouse=True)
def no_traceback() -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


@pytest.fixture
def wire(served: WyomingServed) -> Iterator[Wire]:
    with closing(Wire(served.port)) as wire:
        yield wire


def test_two_utterances_in_one_breath(wire: Wire) -> None:
    """The second is sent before the first is answered."""
    wire.send(START, sound(), STOP, START, sound(1.3), STOP)
    wire.no_more()
    texts = [data["text"] for kind, data in wire.events() if kind == "transcript"]
    assert texts == [CLIP_TEXT, "nine"]


def test_a_client_that_never_says_stop_has_its_last_word(wire: Wire) -> None:
    wire.send(START, sound())
    wire.no_more()
    events = wire.events()
    assert text_of(events) == CLIP_TEXT
    assert events[-1][0] == "transcript-stop"


def test_sound_without_a_start_says_its_form_itself(wire: Wire) -> None:
    wire.send(sound(), STOP)
    wire.no_more()
    assert text_of(wire.events()) == CLIP_TEXT


def test_a_pause_is_committed_while_the_line_is_open(wire: Wire) -> None:
    """Nobody says stop; after two seconds without sound what was said is told all the same."""
    wire.send(START, sound(1.3))
    kinds = [wire.event(), wire.event()]
    assert [kind for kind, _ in filter(None, kinds)] == ["transcript-start", "transcript-chunk"]
    wire.send(sound(2.2), STOP)
    wire.no_more()
    events = wire.events()
    chunks = [data["text"] for kind, data in events if kind == "transcript-chunk"]
    assert text_of(events) == "nine" + "".join(chunks)
    assert text_of(events) == "nine nine two"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([b"GET / HTTP/1.1\r\n"], "protocol_violation"),
        ([b"\x16\x03\x01" + bytes(MAX_HEADER)], "too_large"),
        ([STOP], "protocol_violation"),
        ([pack("audio-start", {"rate": "16000"})], "protocol_violation"),
        ([pack("audio-start", FORMAT | {"rate": True})], "protocol_violation"),
        ([pack("audio-start", FORMAT | {"width": 3})], "bad_option"),
        ([pack("audio-start", FORMAT | {"rate": 1})], "bad_option"),
        ([pack("audio-start", FORMAT | {"channels": 10**4_000})], "protocol_violation"),
        ([pack("audio-start", FORMAT | {"channels": 99})], "bad_option"),
        ([START, pack("audio-start", FORMAT | {"rate": 8_000})], "protocol_violation"),
        ([START, pack("audio-chunk", FORMAT | {"channels": 2}, bytes(4))], "protocol_violation"),
        ([START, pack("audio-chunk", FORMAT, bytes(3)), STOP], "bad_audio"),
        ([pack("transcribe", {"name": ["nano"]})], "protocol_violation"),
        ([pack("transcribe", {"transcript_names": "Ada"})], "protocol_violation"),
        ([pack("transcribe", {"name": "\ud800"})], "protocol_violation"),
        ([pack("transcribe", {"name": "ghost\u202e"}), START], "unknown_model"),
        ([START, sound(1.3), b"no event\n"], "protocol_violation"),
    ],
)
def test_what_does_not_fit_is_told_and_the_end(wire: Wire, said: list[bytes], code: str) -> None:
    wire.send(*said)
    error = wire.last()
    assert error["code"] == code
    assert error["text"].startswith("expected ")
    assert len(error["text"]) < 500


def test_words_before_a_fault_are_told(wire: Wire) -> None:
    wire.send(START, sound(1.3), b"no event\n")
    told = [data.get("text") for kind, data in wire.events() if kind == "transcript-chunk"]
    assert told == ["nine"]


def test_an_event_that_breaks_off_is_told(wire: Wire) -> None:
    wire.send(START[:-5])
    wire.no_more()
    assert wire.last()["code"] == "protocol_violation"


def test_an_error_reaches_a_client_that_is_still_sending(wire: Wire) -> None:
    wire.send(pack("audio-start", FORMAT | {"width": 3}))
    for _ in range(50):
        wire.send(pack("audio-chunk", FORMAT, bytes(60_000)))
    assert wire.last()["code"] == "bad_option"


def test_sound_without_end_is_ended(served: WyomingServed, wire: Wire) -> None:
    service = served.server.service
    limits = service.limits
    service.limits = replace(limits, max_file_seconds=2)
    try:
        wire.send(START, sound())
        error = wire.last()
    finally:
        service.limits = limits
    assert error["code"] == "too_large"


def test_while_no_model_is_ready_nothing_is_described(served: WyomingServed, wire: Wire) -> None:
    """Home Assistant comes again then; it asks for languages only once."""
    slots = served.server.service.models._slots
    states = [(slot.state, slot.traits) for slot in slots]
    for slot in slots:
        slot.state, slot.traits = ModelState.LOADING, None
    try:
        wire.send(pack("describe"))
        assert wire.last()["code"] == "model_not_ready"
    finally:
        for slot, (state, traits) in zip(slots, states, strict=True):
            slot.state, slot.traits = state, traits


def test_one_who_vanishes_leaves_nothing(served: WyomingServed) -> None:
    service = served.server.service
    eventually(lambda: service.open_streams == 0)
    for said in (b"", START, START + sound(), START + sound() + STOP):
        gone = Wire(served.port)
        gone.send(said, pack("ping", {"text": "x"}))
        if START in said and STOP not in said:
            eventually(lambda: service.open_streams == 1)
        gone.vanish()
        eventually(lambda: service.open_streams == 0)
    with closing(Wire(served.port)) as wire:
        wire.send(START, sound(), STOP)
        wire.no_more()
        assert text_of(wire.events()) == CLIP_TEXT


PIECES = st.one_of(
    st.sampled_from(
        [START, STOP, sound(0.5), sound(0.5)[:-7], pack("describe"), pack("ping", {"text": "x"})]
    ),
    st.builds(
        lambda kind, data: pack(kind, data, b"xy"),
        st.sampled_from(
            ["audio-start", "audio-chunk", "transcribe", "ping", "audio-stop", "z", *SPOKEN]
        ),
        st.fixed_dictionaries(
            {},
            optional={
                "rate": st.one_of(st.sampled_from([16_000, 8_000]), JSON),
                "width": st.one_of(st.integers(0, 5), JSON),
                "channels": st.one_of(st.integers(0, 3), JSON),
                "name": st.one_of(st.sampled_from(["nano", "auto", ""]), JSON),
                "language": st.one_of(st.sampled_from(["en", "fr", "?"]), JSON),
                "text": JSON,
                "voice": st.one_of(st.fixed_dictionaries({"name": JSON, "language": JSON}), JSON),
                "transcript_terms": JSON,
            },
        ),
    ),
    HEADERS,
)


@SLOW
@given(pieces=st.lists(PIECES, max_size=6))
def test_every_connection_ends_in_order(served: WyomingServed, pieces: list[bytes]) -> None:
    with closing(Wire(served.port)) as wire:
        wire.send(*pieces)
        wire.no_more()
        events = wire.events()
    kinds = [kind for kind, _ in events]
    assert set(kinds) <= {
        "info", "pong", "error", "transcript-start", "transcript-chunk", "transcript",
        "transcript-stop", "audio-start", "audio-chunk", "audio-stop", "synthesize-stopped",
    }  # fmt: skip
    assert kinds.count("error") <= 1
    if "error" in kinds:
        assert kinds[-1] == "error"
        assert events[-1][1]["code"] in CODES, events[-1]
    speech = [kind.removeprefix("transcript") for kind in kinds if kind.startswith("transcript")]
    assert speech.count("") == speech.count("-stop")
    assert speech.count("-start") in (speech.count("-stop"), speech.count("-stop") + 1)


# ---- who may connect, and until when


def test_keys_cannot_be_told_so_that_nobody_is_let_in_where_they_are_asked_for() -> None:
    with serving_wyoming(auth__on_loopback=True) as served, closing(Wire(served.port)) as wire:
        wire.send(START, sound())
        assert wire.last()["code"] == "unauthorized"


def test_who_says_nothing_is_sent_away_and_too_many_are_too() -> None:
    limits = {"server__config_timeout": 0.3, "server__max_sessions": 1}
    with serving_wyoming(**limits) as served, closing(Wire(served.port)) as first:
        with closing(Wire(served.port)) as second:
            assert second.last()["code"] == "overloaded"
        assert first.last()["code"] == "too_slow"


def test_the_port_is_closed_unless_it_is_named(server: Served) -> None:
    assert load(environ={}).ports.wyoming is None
    assert server.ports == {}


def test_a_server_that_stops_says_the_last_word() -> None:
    with serving_wyoming() as served:
        wire, idle = Wire(served.port), Wire(served.port)
        idle.send(pack("ping"))
        assert idle.event() == ("pong", {"text": None})
        wire.send(START, sound())
        kinds = [wire.event(), wire.event()]
        assert [kind for kind, _ in filter(None, kinds)] == ["transcript-start", "transcript-chunk"]
    events = wire.events()
    assert text_of(events).startswith("nine two")
    assert [kind for kind, _ in events[-2:]] == ["transcript-stop", "error"]
    assert events[-1][1]["code"] == "draining"
    assert idle.events() == []
    wire.close()
    idle.close()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flag = Flag("--wyoming", "ports.wyoming", taken.getsockname()[1])
        with pytest.raises(BadOption, match=r"expected ports\.wyoming to be a free port"):
            open_port(load([flag], environ={}))

"""Wyoming's dialect: its bytes, its limits, and what happens to those who do not keep to them."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.app.tcp import open_port
from sotto.errors import (
    BadAudio,
    BadOption,
    CallerError,
    Gone,
    ProtocolViolation,
    TooLarge,
    TooSlow,
)
from sotto.interfaces.engine import Traits
from sotto.runtime.models import ModelState, ModelStatus
from sotto.runtime.service import Service
from sotto.transcript.options import DecodeOptions
from sotto.transports.tcp import TcpPeer
from sotto.transports.wyoming.dialect import WyomingDialect
from sotto.transports.wyoming.shapes import Sound, Transcribe, info, parse
from sotto.transports.wyoming.wire import (
    MAX_DATA,
    MAX_HEADER,
    MAX_PAYLOAD,
    EventParser,
    WireEvent,
    pack,
)
from tests.asking import eventually
from tests.serving import Served, watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.wyoming_port import WyomingServed, serving_wyoming

FAST = settings(deadline=None, max_examples=300)
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
}
FORMAT = {"rate": 16_000, "width": 2, "channels": 1}
START, STOP = pack("audio-start", FORMAT), pack("audio-stop")


def sound(seconds: float | None = None) -> bytes:
    """The clip as `audio-chunk`s of 100 ms."""
    data = pcm_s16le(CLIP).data[: None if seconds is None else int(seconds * 16_000) * 2]
    pieces = [data[at : at + 3_200] for at in range(0, len(data), 3_200)]
    return b"".join(pack("audio-chunk", FORMAT, piece) for piece in pieces)


# ---- the bytes


def parsed(data: bytes, cuts: list[int]) -> tuple[list[WireEvent], str | None]:
    """The events, and the code of what ended them."""
    parser, events = EventParser(max_payload=1_000), []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        for a, b in pairwise(edges):
            events.extend(parser.receive(data[a:b]))
        parser.finish()
    except CallerError as error:
        assert isinstance(error, ProtocolViolation | TooLarge)
        assert len(error.message) < 300
        return events, error.code
    return events, None


def test_golden_bytes_are_read() -> None:
    data = (
        b'{"type":"audio-chunk","data":{"rate":1,"x":2},"data_length":11,"payload_length":3}\n'
        b'{"rate": 8}' + b"\n\x00\xff" + b'{"type":"ping","data":null,"payload_length":null}\n'
    )
    events, code = parsed(data, [])
    assert events == [
        WireEvent("audio-chunk", {"rate": 8, "x": 2}, b"\n\x00\xff"),
        WireEvent("ping"),
    ]
    assert code is None


def test_golden_bytes_are_written() -> None:
    head, _, rest = pack("pong", {"text": "ß"}, b"\n\n").partition(b"\n")
    header = json.loads(head)
    assert header.pop("version")
    assert header == {"type": "pong", "data_length": 18, "payload_length": 2}
    assert rest == b'{"text": "\\u00df"}\n\n'


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 2_000), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(["describe", "ping", "transcribe", "audio-chunk", "x", ""])
EVENTS = st.builds(
    WireEvent,
    KINDS.filter(bool),
    st.dictionaries(st.text(max_size=9), st.integers(), max_size=3),
    st.binary(max_size=50),
)


@FAST
@given(events=st.lists(EVENTS, max_size=5), cuts=st.lists(st.integers(0), max_size=9))
def test_what_is_written_is_read_however_it_is_cut(
    events: list[WireEvent], cuts: list[int]
) -> None:
    data = b"".join(pack(event.type, event.data, event.payload) for event in events)
    assert parsed(data, cuts) == (events, None)


HEADERS = st.one_of(
    st.fixed_dictionaries(
        {"type": KINDS},
        optional={"data": JSON, "data_length": JSON, "payload_length": st.integers(-2, 1_200)},
    ).map(lambda header: json.dumps(header).encode() + b"\n"),
    JSON.map(lambda value: json.dumps(value).encode() + b"\n"),
    st.binary(max_size=60),
    st.just(b"[" * 60_000 + b"\n"),
)


@FAST
@given(
    data=st.lists(st.one_of(HEADERS, st.binary(max_size=40)), max_size=4).map(b"".join),
    cuts=st.lists(st.integers(0), max_size=5),
)
def test_any_bytes_are_events_or_a_violation(data: bytes, cuts: list[int]) -> None:
    events, code = parsed(data, cuts)
    assert parsed(data, []) == (events, code) or any(map(_has_nan, events))


def _has_nan(event: WireEvent) -> bool:
    return "nan" in str(event.data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * (MAX_HEADER + 1), "lines of at most 65,536 bytes"),
        (b'{"type": "x", "data_length": %d}\n' % (MAX_DATA + 1), "data_length of at most"),
        (b'{"type": "x", "payload_length": %d}\n' % (MAX_PAYLOAD + 1), "payload_length of at most"),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_there(data: bytes, words: str) -> None:
    with pytest.raises(TooLarge, match=words):
        list(EventParser().receive(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b'{"type": 7}\n',
        b'{"type": "x", "data": []}\n',
        b'{"type": "x", "data_length": -1}\n',
        b'{"type": "x", "data_length": true}\n',
        b'{"type": "x", "payload_length": 1.5}\n',
        b'{"type": "x", "data_length": 2}\n[]',
        b'{"type": "x", "data_length": 1}\n\xff',
        b'{"type": "\xff"}\n',
        b'{"type": "x", "y": %s}\n' % (b"9" * 5_000),
    ],
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        list(EventParser().receive(data))


# ---- what they say


def test_four_bytes_a_sample_give_their_upper_two() -> None:
    wide = np.array([0, 1 << 16, -1 << 16, 2**31 - 1, -(2**31)], "<i4").tobytes()
    form = Sound(rate=16_000, width=4, channels=1)
    assert np.frombuffer(form.samples(wide), "<i2").tolist() == [0, 1, -1, 32_767, -32_768]
    with pytest.raises(BadAudio, match="whole samples of 4 bytes, got 7"):
        form.samples(bytes(7))


@pytest.mark.parametrize("width", [0, 3, 8])
def test_other_widths_are_refused(width: int) -> None:
    with pytest.raises(BadOption, match="a width of 1, 2 or 4"):
        _ = Sound(rate=16_000, width=width, channels=1).pcm


def test_hints_are_hotwords_and_bounded() -> None:
    event = WireEvent("transcribe", {"transcript_names": ["Ada"], "transcript_terms": ["x" * 999]})
    options = parse(Transcribe, event).decode(DecodeOptions(hotwords="old"))
    assert options.hotwords.startswith("Ada, x")
    assert len(options.hotwords) == 1_000


def test_models_that_are_not_there_are_told_so() -> None:
    tiny = ModelStatus("tiny", ModelState.READY, Traits(languages=("de", "en")), None, 1.0, 0)
    large = ModelStatus("large", ModelState.FAILED, None, "no such file", None, 0)
    (program,) = info([tiny, large])["asr"]
    assert [(m["name"], m["installed"], m["languages"]) for m in program["models"]] == [
        ("tiny", True, ["de", "en"]),
        ("large", False, []),
    ]


# ---- the connection


@pytest.fixture(scope="module")
def served() -> Iterator[WyomingServed]:
    with serving_wyoming() as served:
        yield served


@pytest.fixture(autouse=True)
def no_traceback() -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


class Wire:
    """One connection, by hand."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._lines = self._socket.makefile("rb")

    def send(self, *data: bytes) -> None:
        self._socket.sendall(b"".join(data))

    def event(self) -> tuple[str, dict[str, Any]] | None:
        """The next one; None where the server closed."""
        line = self._lines.readline()
        if not line:
            return None
        header = json.loads(line)
        data = self._lines.read(header.get("data_length", 0))
        assert "payload_length" not in header
        return header["type"], json.loads(data) if data else {}

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """All up to the close."""
        return list(iter(self.event, None))

    def last(self) -> dict[str, Any]:
        """The data of the error that ends the connection."""
        events = self.events()
        assert events, "closed without a word"
        assert events[-1][0] == "error", events
        return events[-1][1]

    def no_more(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        """As a machine does that loses its power: the connection is reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def wire(served: WyomingServed) -> Iterator[Wire]:
    with closing(Wire(served.port)) as wire:
        yield wire


def text_of(events: list[tuple[str, dict[str, Any]]]) -> str:
    (text,) = [data["text"] for kind, data in events if kind == "transcript"]
    return str(text)


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
        st.sampled_from(["audio-start", "audio-chunk", "transcribe", "ping", "audio-stop", "z"]),
        st.fixed_dictionaries(
            {},
            optional={
                "rate": st.one_of(st.sampled_from([16_000, 8_000]), JSON),
                "width": st.one_of(st.integers(0, 5), JSON),
                "channels": st.one_of(st.integers(0, 3), JSON),
                "name": st.one_of(st.sampled_from(["nano", "auto", ""]), JSON),
                "language": st.one_of(st.sampled_from(["en", "fr", "?"]), JSON),
                "text": JSON,
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
        "transcript-stop",
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
    assert events[-1][0] == "transcript-stop"
    assert idle.events() == []
    wire.close()
    idle.close()


@asynccontextmanager
async def peered(send_timeout: float = 60.0) -> AsyncIterator[tuple[TcpPeer, socket.socket]]:
    """Both ends of one connection: the server's, and the other's bare socket."""
    met: asyncio.Queue[TcpPeer] = asyncio.Queue()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.put_nowait(TcpPeer(reader, writer, send_timeout=send_timeout))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    other = socket.create_connection(server.sockets[0].getsockname())
    peer = await met.get()
    try:
        yield peer, other
    finally:
        other.close()
        await peer.close()
        server.close()
        await server.wait_closed()


async def test_who_falls_silent_is_sent_away(server: Served) -> None:
    service: Service = server.service
    async with peered() as (peer, other):
        other.sendall(pack("ping", {"text": "x"}))
        with pytest.raises(TooSlow, match=r"within 0\.05 s"):
            await WyomingDialect(first=60, idle=0.05).serve(peer, service)
        assert other.recv(100).startswith(b'{"type": "pong"')


async def test_who_does_not_read_is_cut() -> None:
    async with peered(send_timeout=0.2) as (peer, _):
        with pytest.raises(TooSlow, match="a client that reads"):
            await peer.send(bytes(64 * 1024**2))
        assert await peer.receive(60) == b""


async def test_who_is_gone_is_gone() -> None:
    async with peered() as (peer, other):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        assert await peer.receive(60) == b""
        with pytest.raises(Gone):
            await peer.send(b"x")


async def test_an_end_is_an_end_whatever_still_comes() -> None:
    async with peered() as (peer, other):
        waiting = asyncio.create_task(peer.receive(60))
        await asyncio.sleep(0)
        peer.end()
        assert await waiting == b""
        other.sendall(b"x")
        assert await peer.receive(60) == b""


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flag = Flag("--wyoming", "ports.wyoming", taken.getsockname()[1])
        with pytest.raises(BadOption, match=r"expected ports\.wyoming to be a free port"):
            open_port(load([flag], environ={}))

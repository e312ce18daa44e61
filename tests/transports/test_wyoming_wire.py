"""Wyoming's events: their bytes, and what they say."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.errors import BadAudio, BadOption, CallerError, ProtocolViolation, TooLarge
from sotto.interfaces.engine import Traits
from sotto.runtime.models import ModelState, ModelStatus
from sotto.transcript.options import DecodeOptions
from sotto.transports.wyoming.shapes import Sound, Transcribe, info, parse
from sotto.transports.wyoming.wire import (
    MAX_DATA,
    MAX_HEADER,
    MAX_PAYLOAD,
    EventParser,
    WireEvent,
    pack,
)
from tests.transports.wyoming_client import HEADERS, KINDS

FAST = settings(deadline=None, max_examples=300)


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

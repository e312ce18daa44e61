from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import Encoding, PcmFormat
from sotto.errors import BadOption
from sotto.transports.realtime.events import (
    Append,
    BadEvent,
    Clear,
    Commit,
    Other,
    Shape,
    Update,
    error_event,
    parse_event,
)
from sotto.transports.realtime.session import (
    MAX_CHARACTERS,
    RealtimeSession,
    SessionType,
    new_session,
)
from tests.serving import Served

FAST = settings(deadline=None, max_examples=300)

TEXTS = st.text(st.characters(), max_size=20)  # with surrogates
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
FORMATS = st.sampled_from(
    [
        {"type": "audio/pcm", "rate": 24_000},
        {"type": "audio/pcm", "rate": None},
        {"type": "audio/pcmu"},
        {"type": "audio/mp7"},
        {"rate": 0},
        "pcm16",
        None,
    ]
)
DETECTIONS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["server_vad", "semantic_vad", "hope", None]),
            "threshold": st.floats(-1, 2),
            "silence_duration_ms": st.integers(-1, 70_000),
            "eagerness": st.sampled_from(["low", "auto", "never"]),
        },
    ),
)
TRANSCRIPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["whisper-1", "nano", "gigantic", None]) | JSON,
        "language": st.sampled_from(["en", "en-US", "xx", None]) | JSON,
        "languages": st.lists(st.sampled_from(["en", "?"]), max_size=2) | JSON,
        "prompt": TEXTS | JSON,
        "keywords": st.lists(TEXTS, max_size=3) | JSON,
    },
)
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "format": FORMATS | JSON,
        "turn_detection": DETECTIONS | JSON,
        "transcription": TRANSCRIPTIONS | JSON,
    },
)
GA = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["transcription", "realtime", "dance"]) | JSON,
        "audio": st.fixed_dictionaries({"input": INPUTS | JSON}) | JSON,
        "include": st.lists(TEXTS, max_size=2) | JSON,
    },
)
BETA = st.fixed_dictionaries(
    {},
    optional={
        "input_audio_format": st.sampled_from(["pcm16", "g711_ulaw", "mp7"]) | JSON,
        "input_audio_transcription": TRANSCRIPTIONS | JSON,
        "turn_detection": DETECTIONS | JSON,
        "modalities": st.just(["text"]),
    },
)
FRAGMENTS = st.one_of(GA, BETA, st.dictionaries(TEXTS, JSON, max_size=3))


@pytest.fixture(scope="module")
def plain(server: Served) -> RealtimeSession:
    return new_session(server.service, "sess_1", 99, SessionType.TRANSCRIPTION)


def test_a_fragment_changes_only_what_it_names(plain: RealtimeSession) -> None:
    heard = {"transcription": {"language": "en"}, "format": {"type": "audio/pcmu"}}
    session = plain.updated({"audio": {"input": heard}})
    again = session.updated({"type": "transcription", "tracing": "auto"})
    view = again.view()["audio"]["input"]
    assert view["transcription"] == {"model": "whisper-1", "language": "en", "prompt": ""}
    assert view["format"] == {"type": "audio/pcmu"}  # of another type: the rate is gone
    assert view["turn_detection"] == plain.view()["audio"]["input"]["turn_detection"]
    assert again.view()["tracing"] == "auto"
    assert again.pcm == PcmFormat(Encoding.MULAW, 8_000)


def test_null_clears_and_the_servers_fields_stay(plain: RealtimeSession) -> None:
    fragment = {"id": "mine", "object": "mine", "audio": {"input": {"turn_detection": None}}}
    session = plain.updated(fragment)
    assert session.is_manual
    assert session.view() | {"id": "sess_1", "expires_at": 99} == session.view()
    assert session.view()["object"] == "realtime.transcription_session"
    back = session.updated({"audio": {"input": {"turn_detection": {"silence_duration_ms": 900}}}})
    assert not back.is_manual
    assert back.view()["audio"]["input"]["turn_detection"]["type"] == "server_vad"


@pytest.mark.parametrize(
    ("detection", "pause", "threshold"),
    [
        ({"type": "server_vad", "silence_duration_ms": 900, "threshold": 0.7}, 0.9, 0.7),
        ({"type": "server_vad", "threshold": 1.0}, 0.6, 0.99),
        ({"type": "semantic_vad"}, None, None),
        ({"type": "semantic_vad", "eagerness": "high"}, 0.4, None),
        ({"type": "semantic_vad", "eagerness": "low", "create_response": True}, 1.2, None),
    ],
)
def test_turn_detection_asks_the_core_for_a_pause(
    server: Served, plain: RealtimeSession, detection: Any, pause: Any, threshold: Any
) -> None:
    session = plain.updated({"audio": {"input": {"turn_detection": detection}}})
    request = session.request(server.service, "")
    assert (request.pause, request.threshold) == (pause, threshold)


def test_the_betas_shape_is_known_by_its_names(server: Served, plain: RealtimeSession) -> None:
    fragment = {
        "modalities": ["text"],
        "input_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "gpt-realtime-whisper", "language": "en"},
        "turn_detection": None,
    }
    conversation = new_session(server.service, "sess_1", 99, SessionType.REALTIME)
    session = conversation.updated(fragment)
    assert (session.shape, session.type) == (Shape.BETA, SessionType.TRANSCRIPTION)
    assert session.pcm == PcmFormat(Encoding.ALAW, 8_000)
    view = session.view()
    assert "audio" not in view
    assert view["input_audio_transcription"]["language"] == "en"
    assert view["modalities"] == ["text"]
    assert (view["input_audio_format"], view["turn_detection"]) == ("g711_alaw", None)
    assert session.updated({"type": "transcription"}).shape is Shape.GA


def test_a_session_has_bounds(plain: RealtimeSession) -> None:
    with pytest.raises(BadOption, match="at most 32,000 characters"):
        plain.updated({"tracing": "x" * MAX_CHARACTERS})
    with pytest.raises(BadOption, match="finite"):
        plain.updated({"tracing": 1e999})


@FAST
@given(fragments=st.lists(st.tuples(FRAGMENTS, st.booleans()), max_size=3))
def test_any_update_is_one_or_a_bad_option(
    server: Served, plain: RealtimeSession, fragments: list[tuple[dict[str, Any], bool]]
) -> None:
    session = plain
    for fragment, beta in fragments:
        try:
            session = session.updated(fragment, beta=beta)
            request = session.request(server.service, "")
            f"{request.decode.prompt}{request.decode.hotwords}".encode()
        except BadOption as error:
            json.dumps(error_event(error)).encode()
    text = json.dumps(session.view(), allow_nan=False)
    assert json.loads(text)["id"] == "sess_1"
    assert session.view()["object"].startswith("realtime.")


KINDS = st.sampled_from(
    [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "session.update",
        "transcription_session.update",
        "response.create",
        "conversation.item.create",
    ]
)
EVENTS = st.one_of(
    st.binary(max_size=20),
    TEXTS,
    st.builds(
        lambda a, n: a * n, st.sampled_from(["[", '{"a":', "9", "[{}"]), st.integers(1, 9_999)
    ),
    JSON.map(json.dumps),
    st.builds(
        lambda kind, rest: json.dumps({**rest, "type": kind}),
        KINDS | JSON,
        st.fixed_dictionaries(
            {}, optional={"audio": JSON, "session": JSON, "event_id": JSON, "response": JSON}
        ),
    ),
)


@FAST
@given(message=EVENTS)
def test_any_message_is_an_event_or_a_bad_one(message: str | bytes) -> None:
    try:
        event = parse_event(message)
    except BadEvent as error:
        body = error_event(error)["error"]
        assert body["type"] == "invalid_request_error"
        assert "expected" in body["message"]
        assert len(json.dumps(body)) < 2_000
    else:
        assert isinstance(event, Append | Commit | Clear | Update | Other)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(constant: str) -> None:
    with pytest.raises(BadEvent):
        parse_event(f'{{"type": "session.update", "session": {{"x": {constant}}}}}')


def test_a_client_event_keeps_its_id() -> None:
    event = cast(Commit, parse_event('{"type": "input_audio_buffer.commit", "event_id": "mine"}'))
    assert event.event_id == "mine"
    with pytest.raises(BadEvent) as caught:
        parse_event('{"type": "input_audio_buffer.append", "audio": "?", "event_id": "mine"}')
    assert error_event(caught.value)["error"]["event_id"] == "mine"

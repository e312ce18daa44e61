from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import Encoding, PcmFormat
from sotto.dialogue.request import Manner
from sotto.errors import BadOption
from sotto.transports.realtime.events import BadEvent, Shape, error_event
from sotto.transports.realtime.incoming import ClientEvent, Commit, Create, Respond, parse_event
from sotto.transports.realtime.item_shapes import item_view
from sotto.transports.realtime.session import MAX_CHARACTERS, RealtimeSession, new_session
from sotto.transports.realtime.understood import SessionType, manner_of
from tests.serving import Served
from tests.transports.realtime_strategies import EVENTS, FRAGMENTS

FAST = settings(deadline=None, max_examples=200)


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


def told_on(manner: Manner) -> None:
    """As a model's server is told it."""
    json.dumps(asdict(manner), allow_nan=False, ensure_ascii=False).encode()


@FAST
@given(
    kind=st.sampled_from(SessionType),
    fragments=st.lists(st.tuples(FRAGMENTS, st.booleans()), max_size=3),
)
def test_any_update_is_one_or_a_bad_option(
    server: Served,
    kind: SessionType,
    fragments: list[tuple[dict[str, Any], bool]],
) -> None:
    session = new_session(server.service, "sess_1", 99, kind, Manner("Be kind."))
    for fragment, beta in fragments:
        try:
            session = session.updated(fragment, beta=beta)
            request = session.request(server.service, "")
            f"{request.decode.prompt}{request.decode.hotwords}".encode()
            told_on(session.manner)
            assert session.wishes.idle is None
        except BadOption as error:
            json.dumps(error_event(error)).encode()
    text = json.dumps(session.view(), allow_nan=False)
    assert json.loads(text)["id"] == "sess_1"
    assert session.view()["object"].startswith("realtime.")


async def unheard(data: bytes) -> str:
    return ""


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
        assert isinstance(event, ClientEvent)
        if isinstance(event, Create):
            json.dumps(item_view(asyncio.run(event.item.item("i", unheard)))).encode()
        if isinstance(event, Respond):
            told_on(manner_of(event.wanted, Manner()))


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

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.transports.realtime import call as realtime_call
from tests.serving import Served, serving, watched
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le
from tests.transports.realtime_client import ITEM, Event, Talk, pcm, talking
from tests.transports.realtime_strategies import EVENTS

JIGASIS = {
    "modalities": ["text"],
    "input_audio_format": "pcm16",
    "input_audio_transcription": {"model": "gpt-realtime-whisper", "language": "en"},
    "turn_detection": None,
}
"""What Jigasi sends, with no word of the beta in its headers."""


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


def check(talk: Talk) -> None:
    """What holds for every session."""
    event_ids = [event["event_id"] for event in talk.events]
    assert len(set(event_ids)) == len(event_ids)
    committed = [event["item_id"] for event in talk.of("input_audio_buffer.committed")]
    before = [event["previous_item_id"] for event in talk.of("input_audio_buffer.committed")]
    assert before == [None, *committed][: len(before)]
    for completed in talk.of(f"{ITEM}completed"):
        deltas = [e for e in talk.of(f"{ITEM}delta") if e["item_id"] == completed["item_id"]]
        assert "".join(event["delta"] for event in deltas) == completed["transcript"]
        assert completed["item_id"] in committed
        assert completed["usage"]["seconds"] > 0
    assert [e["item_id"] for e in talk.of(f"{ITEM}completed")] == committed


async def test_the_server_finds_the_turns(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        session = await talk.update(pcm(clip))
        assert session["id"] == talk.events[0]["session"]["id"]
        assert session["expires_at"] > 1_700_000_000
        await talk.speak(clip.data, clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.until(
            lambda event: event["type"] == f"{ITEM}completed" and not event["transcript"]
        )
        check(talk)
        assert talk.transcript() == CLIP_TEXT
        started = talk.of("input_audio_buffer.speech_started")
        stopped = talk.of("input_audio_buffer.speech_stopped")
        assert [e["item_id"] for e in started] == [e["item_id"] for e in stopped]
        starts = [event["audio_start_ms"] for event in started]
        ends = [event["audio_end_ms"] for event in stopped]
        at = [ms for turn in zip(starts, ends, strict=True) for ms in turn]
        assert at == sorted(at)
        assert at[0] < 300
        assert 6_000 < at[-1] < clip.seconds * 1_000
        kinds = [event["type"] for event in talk.events if started[0]["item_id"] in str(event)]
        assert [kind for kind in kinds if not kind.startswith(ITEM)][:5] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]


async def test_the_last_word_comes_when_the_client_commits(server: Served, clip: Pcm) -> None:
    until = int(6.2 * clip.rate) * 2  # in "one"
    async with talking(server) as talk:
        await talk.update(pcm(clip))
        await talk.speak(clip.data[:until], clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.until(lambda event: "one" in event.get("transcript", ""))
        check(talk)
        assert talk.transcript() == CLIP_TEXT


async def test_the_client_finds_the_turn(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        await talk.update(pcm(clip, turn_detection=None))
        for _ in range(2):
            await talk.speak(clip.data, clip.rate // 5)
            await talk.send("input_audio_buffer.commit")
            await talk.until(f"{ITEM}completed")
        check(talk)
        assert talk.transcript() == f"{CLIP_TEXT} {CLIP_TEXT}"
        assert talk.of("input_audio_buffer.speech_started") == []
        first, second = talk.of(f"{ITEM}completed")
        assert first["usage"]["seconds"] == pytest.approx(clip.seconds, abs=0.02)
        assert first["item_id"] != second["item_id"]


async def test_a_commit_each_second_cuts_no_word(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        await talk.update(pcm(clip, turn_detection=None))
        for at in range(0, len(clip.data), clip.rate * 2):
            await talk.speak(clip.data[at : at + clip.rate * 2], clip.rate // 5)
            await talk.send("input_audio_buffer.commit")
        for _ in range(8):
            await talk.until(f"{ITEM}completed")
        check(talk)
        assert talk.transcript() == CLIP_TEXT


async def test_jigasi_gets_deltas_without_any_commit(server: Served, clip: Pcm) -> None:
    half = bytes(clip.rate)
    async with talking(server, "?model=gpt-4o-realtime-preview") as talk:
        assert talk.events[0]["session"]["type"] == "realtime"
        session = await talk.update(JIGASIS)
        assert session["turn_detection"] is None
        assert session["input_audio_transcription"]["model"] == "gpt-realtime-whisper"
        await talk.speak(as_24k(clip) + 3 * half, 24_000 // 50 * 2)
        await talk.until(lambda event: "one" in event.get("delta", ""))
        assert talk.text() == CLIP_TEXT
        assert talk.of("error") == talk.of("input_audio_buffer.committed") == []


async def test_jigasis_newer_shape_gets_whole_turns(server: Served, clip: Pcm) -> None:
    heard = {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "gpt-realtime-whisper", "language": "en", "delay": "low"},
    }
    data = as_24k(clip)
    async with talking(server, "?model=gpt-realtime-2") as talk:
        session = await talk.update({"type": "transcription", "audio": {"input": heard}})
        assert session["audio"]["input"]["transcription"]["delay"] == "low"
        for at in range(0, len(data), 48_000):
            await talk.speak(data[at : at + 48_000], 960)
            await talk.send("input_audio_buffer.commit")
        await talk.until(lambda event: event.get("transcript", "").endswith("one"))
        check(talk)
        assert talk.transcript() == CLIP_TEXT


def as_24k(clip: Pcm) -> bytes:
    samples = np.frombuffer(clip.data, "<i2").astype(np.float64)
    places = np.arange(0, len(samples) - 1, clip.rate / 24_000)
    return np.interp(places, np.arange(len(samples)), samples).astype("<i2").tobytes()


async def test_the_betas_header_chooses_its_shape(server: Served, clip: Pcm) -> None:
    async with talking(server, "", headers={"OpenAI-Beta": "realtime=v1"}) as talk:
        assert talk.events[0]["session"]["input_audio_format"] == "pcm16"
        await talk.send("transcription_session.update", session={"turn_detection": None})
        updated = await talk.until("transcription_session.updated")
        assert updated["session"]["object"] == "realtime.transcription_session"
        await talk.speak(bytes(9_600), 4_800)
        await talk.send("input_audio_buffer.commit")
        await talk.until(f"{ITEM}completed")
        check(talk)
        assert len(talk.of("conversation.item.created")) == 1
        assert talk.of("conversation.item.added") == []


@pytest.fixture
def without_partner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """As where many processes serve: nobody there holds conversations."""
    monkeypatch.setattr("sotto.app.server.build_partner", lambda settings, service: None)
    with serving(load(environ={})) as served:
        yield served


async def test_conversations_are_refused_and_the_session_goes_on(
    without_partner: Served, clip: Pcm
) -> None:
    async with talking(without_partner, "?model=gpt-realtime") as talk:
        refusal = await talk.update({"type": "realtime", "instructions": "Be brief."})
        assert refusal["code"] == "conversation_unavailable"
        await talk.send("response.create", event_id="mine")
        assert (await talk.until("error"))["error"]["event_id"] == "mine"
        await talk.speak(bytes(4_800), 4_800)
        assert (await talk.until("error"))["error"]["code"] == "conversation_unavailable"
        await talk.update(pcm(clip, turn_detection=None))
        await talk.send("response.create")
        assert (await talk.until("error"))["error"]["code"] == "conversation_unavailable"
        await talk.speak(clip.data, clip.rate // 5)
        await talk.send("response.create")  # in the middle of a stream, too
        await talk.send("input_audio_buffer.commit")
        await talk.until(f"{ITEM}completed")
        assert len(talk.of("error")) == 5
        assert talk.transcript() == CLIP_TEXT


async def test_clear_forgets_what_is_not_committed(server: Served, clip: Pcm) -> None:
    for detection in (None, {"type": "server_vad"}):
        async with talking(server) as talk:
            await talk.update(pcm(clip, turn_detection=detection))
            await talk.speak(clip.data[: int(1.5 * clip.rate) * 2], clip.rate // 5)
            await talk.send("input_audio_buffer.clear")
            await talk.until("input_audio_buffer.cleared")
            await talk.send("input_audio_buffer.commit")
            error = (await talk.until("error"))["error"]
            assert error["code"] == "input_audio_buffer_commit_empty"
            await talk.speak(clip.data[int(1.8 * clip.rate) * 2 :], clip.rate // 5)
            await talk.send("input_audio_buffer.commit")
            await talk.until(lambda event: "one" in event.get("transcript", ""))
            assert "two" not in talk.transcript()
            assert talk.transcript().endswith("five eight three one")


async def test_too_little_sound_is_not_committed(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        await talk.update(pcm(clip, turn_detection=None))
        for sound in (0, 60, 60):
            await talk.speak(bytes(sound * clip.rate // 1_000 * 2), 10_000)
            await talk.send("input_audio_buffer.commit", event_id=f"after {sound}")
            await talk.until(lambda e: e["type"] in ("error", "input_audio_buffer.committed"))
        codes = [event["error"]["code"] for event in talk.of("error")]
        assert codes == ["input_audio_buffer_commit_empty"] * 2
        assert "got 60 ms" in talk.of("error")[1]["error"]["message"]
        assert talk.of("error")[1]["error"]["event_id"] == "after 60"
        assert len(talk.of("input_audio_buffer.committed")) == 1


async def test_the_format_stays_once_there_is_sound(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        await talk.update(pcm(clip, turn_detection=None))
        pause = 2 * clip.rate * 11 // 10  # bytes: between two words, should the machine be slow
        await talk.speak(clip.data[:pause], clip.rate)
        refused = await talk.update({"audio": {"input": {"format": {"type": "audio/pcmu"}}}})
        assert "format" in refused["param"]
        kept = await talk.update(pcm(clip, turn_detection=None, transcription={"prompt": "x"}))
        assert kept["audio"]["input"]["format"]["rate"] == clip.rate
        await talk.speak(clip.data[pause:], clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.until(f"{ITEM}completed")
        assert talk.transcript() == CLIP_TEXT


async def test_who_finds_the_turns_may_change(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        await talk.update(pcm(clip, turn_detection=None))
        await talk.speak(clip.data, clip.rate // 5)
        await talk.until(lambda event: "eight" in event.get("delta", ""))
        await talk.update({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
        await talk.speak(clip.data, clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.until(lambda e: e["type"] == f"{ITEM}completed" and not e["transcript"])
        check(talk)
        assert talk.transcript() == f"{CLIP_TEXT} {CLIP_TEXT}"
        assert talk.of("input_audio_buffer.speech_started")[0]["audio_start_ms"] > 7_000


async def test_a_language_that_the_model_lacks_is_told_once(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        await talk.update(pcm(clip, turn_detection=None, transcription={"language": "fr"}))
        await talk.speak(clip.data, clip.rate // 5)
        error = (await talk.until("error"))["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", "language")
        await talk.update({"audio": {"input": {"transcription": {"language": "en-US"}}}})
        await talk.send("input_audio_buffer.clear")
        await talk.speak(clip.data, clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.until(f"{ITEM}completed")
        assert len(talk.of("error")) == 1
        assert talk.transcript() == CLIP_TEXT


BAD: list[tuple[str, dict[str, Any]]] = [
    ("dance", {}),
    ("input_audio_buffer.append", {"audio": "no base64!"}),
    ("input_audio_buffer.append", {"audio": 7}),
    ("input_audio_buffer.append", {}),
    ("session.update", {"session": []}),
    ("session.update", {"session": {"type": "dance"}}),
    ("session.update", {"session": {"input_audio_format": "mp3"}}),
    ("session.update", {"session": {"audio": {"input": {"format": {"rate": 1}}}}}),
    ("session.update", {"session": {"audio": {"input": {"turn_detection": {"type": "x"}}}}}),
    ("session.update", {"session": {"audio": {"input": {"transcription": {"model": "vast"}}}}}),
    ("session.update", {"session": {"audio": {"input": {"transcription": {"language": "xx"}}}}}),
    ("session.update", {"session": {"x": "y" * 40_000}}),
]


async def test_what_makes_no_sense_is_told_and_harms_nothing(server: Served, clip: Pcm) -> None:
    async with talking(server) as talk:
        before = await talk.update(pcm(clip, turn_detection=None))
        for number, (kind, fields) in enumerate(BAD):
            await talk.send(kind, event_id=str(number), **fields)
            error = (await talk.until("error"))["error"]
            assert error["type"] == "invalid_request_error"
            assert error["event_id"] == str(number)
            assert error["message"].startswith("expected")
        for message in (b"\x00", "[]", "{", "[" * 90_000):
            await talk.socket.send(message)
            assert (await talk.until("error"))["error"]["code"] == "invalid_event"
        assert await talk.update({"type": "transcription"}) == before
        await talk.speak(clip.data + b"\x00", clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        error = (await talk.until("error"))["error"]  # half a sample, after all its words
        assert error["code"] == "bad_audio"
        await talk.until(f"{ITEM}completed")
        assert talk.transcript() == CLIP_TEXT


async def test_sound_that_stops_coming_is_told(clip: Pcm) -> None:
    flags = [Flag("--idle", "server.idle_flush", 0.2)]
    with serving(load(flags, environ={})) as served:
        async with talking(served) as talk:
            await talk.update(pcm(clip))
            await talk.speak(clip.data[: clip.rate * 2], clip.rate // 5)
            completed = await talk.until(f"{ITEM}completed")
            assert completed["transcript"] == "nine"


async def test_a_full_server_says_so_and_closes(clip: Pcm) -> None:
    flags = [Flag("--max-sessions", "server.max_sessions", 1)]
    with serving(load(flags, environ={})) as served:
        async with talking(served) as first, talking(served) as second:
            await first.update(pcm(clip))
            await first.speak(clip.data[: clip.rate * 2], clip.rate // 5)
            await first.until("input_audio_buffer.speech_started")
            await second.speak(bytes(4_800), 4_800)
            error = (await second.until("error"))["error"]
            assert (error["type"], error["code"]) == ("server_error", "overloaded")
            assert await second.until_closed() == 1013


async def test_a_session_is_over_some_day(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime_call, "SESSION_SECONDS", 0.2)
    async with talking(server) as talk:
        assert (await talk.until("error"))["error"]["code"] == "session_expired"
        assert await talk.until_closed() == 1000


async def test_a_message_that_is_too_large_is_refused(clip: Pcm) -> None:
    flags = [Flag("--max-message", "server.max_message_bytes", 50_000)]
    with serving(load(flags, environ={})) as served:
        async with talking(served) as talk:
            await talk.speak(bytes(60_000), 60_000)
            assert (await talk.until("error"))["error"]["code"] == "too_large"
            assert await talk.until_closed() == 1009


async def test_a_client_that_vanishes_leaves_nothing_behind(server: Served, clip: Pcm) -> None:
    for detection in (None, {"type": "server_vad"}):
        async with talking(server) as talk:
            await talk.update(pcm(clip, turn_detection=detection))
            await talk.speak(clip.data, clip.rate // 5)
            await talk.send("input_audio_buffer.commit")
            talk.socket.transport.abort()
    for _ in range(1_000):
        if server.service.open_streams == 0:
            return
        await asyncio.sleep(0.01)
    pytest.fail("a stream stays open")


# ---- whatever a client sends


@pytest.fixture(autouse=True)
def no_traceback(server: Served, request: pytest.FixtureRequest) -> Any:
    """Nothing is raised in the server that nobody foresaw."""
    records: list[logging.LogRecord]
    with watched() as records:
        yield
    assert records == []


SOUND = st.integers(0, 9_000).map(
    lambda n: {"type": "input_audio_buffer.append", "audio": "AAAA" * n}
)
SENSE: st.SearchStrategy[Event] = st.one_of(
    SOUND,
    SOUND,
    st.sampled_from(
        [
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
            {"type": "response.create"},
            {"type": "session.update", "session": JIGASIS},
            {"type": "session.update", "session": {"type": "transcription"}},
            {"type": "session.update", "session": {"turn_detection": {"type": "server_vad"}}},
        ]
    ),
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    query=st.sampled_from(["", "?intent=transcription", "?model=x", "?intent=dance&language=??"]),
    messages=st.lists(SENSE | EVENTS, max_size=8),
)
def test_any_client_is_answered_to_the_end(
    server: Served, query: str, messages: list[Event | str | bytes]
) -> None:
    async def converse() -> Talk:
        async with talking(server, query) as talk:
            for message in messages:
                if isinstance(message, dict):
                    await talk.send(**{"kind" if k == "type" else k: v for k, v in message.items()})
                elif isinstance(message, bytes):
                    await talk.socket.send(message)
                else:
                    await talk.socket.send(message.encode(errors="replace").decode())
            await talk.send("end")  # no such event: the last answer
            await talk.until(lambda event: "'end'" in str(event.get("error")))
            return talk

    talk = asyncio.run(converse())
    assert {event["error"]["type"] for event in talk.of("error")} == {"invalid_request_error"}

"""The released `openai` package over Realtime: newest, a year old, and the last with the beta."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import soxr
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.conformance.clients import NEWEST_AND_OLDER, Client
from tests.serving import Served, guarded
from tests.speech import CLIP, CLIP_TEXT, encoded, pcm_s16le

CALLS = Path(__file__).with_name("openai_realtime_calls.py")
WITH_BETA = Client("1.109.1")
"""Of September 2025, the last in which the beta is."""
ITEM = "conversation.item.input_audio_transcription."
GA_CALLS = ["vad", "semantic", "manual", "cut", "ulaw", "alaw", "refusals", "secret"]
Told = dict[str, Any]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Files of the clip: at 24 kHz, and as telephones have it."""
    folder, clip = tmp_path_factory.mktemp("sounds"), pcm_s16le(CLIP)
    samples = np.frombuffer(clip.data, "<i2").astype(np.float32) / 32_768
    faster = soxr.resample(samples, clip.rate, 24_000)
    files = {
        "pcm": (faster.clip(-1, 1) * 32_767).astype("<i2").tobytes(),
        "ulaw": encoded("mulaw", "pcm_mulaw", 8_000, "s16"),
        "alaw": encoded("alaw", "pcm_alaw", 8_000, "s16"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in files]


@pytest.fixture(scope="module", params=NEWEST_AND_OLDER)
def told(request: pytest.FixtureRequest, server: Served, sounds: list[str]) -> Told:
    """What each call gave, once for each version."""
    client: Client = request.param
    return client.run(CALLS, server.url, *sounds, *GA_CALLS)


@pytest.fixture(scope="module")
def beta(server: Served, sounds: list[str]) -> Told:
    return WITH_BETA.run(CALLS, server.url, *sounds, "beta", "beta manual", "beta secret")


def of(events: list[Told], kind: str) -> list[Told]:
    return [event for event in events if event["type"] == kind]


def transcript(events: list[Told]) -> str:
    return " ".join(filter(None, (e["transcript"] for e in of(events, f"{ITEM}completed"))))


def check(events: list[Told]) -> None:
    """What holds for every session: items complete in order, and are what their deltas were."""
    assert events[0]["type"] == "session.created"
    assert {"id", "object", "expires_at"} <= events[0]["session"].keys()
    committed = of(events, "input_audio_buffer.committed")
    completed = of(events, f"{ITEM}completed")
    assert [e["item_id"] for e in completed] == [e["item_id"] for e in committed]
    for event in completed:
        deltas = [e for e in of(events, f"{ITEM}delta") if e["item_id"] == event["item_id"]]
        assert "".join(e["delta"] for e in deltas) == event["transcript"]
        assert event["usage"]["type"] == "duration"
    assert of(events, "error") == []


@pytest.mark.parametrize("call", ["vad", "semantic", "manual", "ulaw", "alaw", "secret"])
def test_the_words(told: Told, call: str) -> None:
    events = [event for event in told[call] if "type" in event]
    check(events)
    words = transcript(events).split()
    if call in ("ulaw", "alaw"):  # what a telephone leaves of them
        assert words[:2] == ["nine", "two"]
        assert words[-1] == "one"
    else:
        assert words == CLIP_TEXT.split()


def test_every_event_has_a_type_of_its_own(told: Told) -> None:
    for call in GA_CALLS:
        for event in told[call]:
            if "type" in event:
                parts = [part.capitalize() for part in event["type"].replace(".", "_").split("_")]
                assert event["class"].startswith("".join(parts)) or event["type"] == "error"
                assert event["event_id"].startswith("event_")


def test_the_session_is_a_transcription_session(told: Told) -> None:
    created, updated = told["vad"][:2]
    assert created["session"]["type"] == updated["session"]["type"] == "transcription"
    heard = updated["session"]["audio"]["input"]
    assert heard["turn_detection"]["silence_duration_ms"] == 500
    assert heard["turn_detection"]["prefix_padding_ms"] == 300  # merged
    assert heard["transcription"]["model"] == "gpt-4o-mini-transcribe"
    assert updated["session"]["id"] == created["session"]["id"]


def test_the_times(told: Told) -> None:
    started = of(told["vad"], "input_audio_buffer.speech_started")
    stopped = of(told["vad"], "input_audio_buffer.speech_stopped")
    assert [e["item_id"] for e in started] == [e["item_id"] for e in stopped]
    at = [(a["audio_start_ms"], b["audio_end_ms"]) for a, b in zip(started, stopped, strict=True)]
    assert all(a < b for a, b in at)
    assert at[0][0] < 300
    assert 6_000 < at[-1][1] < 7_400
    lengths = [event["usage"]["seconds"] for event in of(told["vad"], f"{ITEM}completed")]
    assert sum(lengths) < 7.4 + 1
    assert of(told["manual"], "input_audio_buffer.speech_started") == []
    (completed,) = of(told["manual"], f"{ITEM}completed")
    assert completed["usage"]["seconds"] == pytest.approx(7.4, abs=0.1)


def test_the_flush(told: Told) -> None:
    """A commit in the middle of the sound gives at once what was said up to there."""
    check(told["cut"])
    assert transcript(told["cut"]) == "nine two"


def test_the_items(told: Told) -> None:
    for call, turns in (("vad", None), ("manual", 1)):
        added = of(told[call], "conversation.item.added")
        done = of(told[call], "conversation.item.done")
        assert [e["item"]["id"] for e in added] == [e["item"]["id"] for e in done]
        assert {e["item"]["content"][0]["type"] for e in done} == {"input_audio"}
        previous = [e["previous_item_id"] for e in done]
        assert previous == [None, *(e["item"]["id"] for e in done)][: len(done)]
        assert turns is None or len(done) == turns


def test_the_words_probabilities_come_if_asked_for(told: Told) -> None:
    logprobs = [e["logprobs"] for e in of(told["semantic"], f"{ITEM}completed")]
    tokens = [token["token"].strip() for turn in logprobs for token in turn]
    assert tokens == CLIP_TEXT.split()
    assert all(token["logprob"] <= 0 for turn in logprobs for token in turn)
    assert all("logprobs" not in event for event in of(told["vad"], f"{ITEM}completed"))


def test_the_refusals(told: Told) -> None:
    errors = [event["error"] for event in of(told["refusals"], "error")]
    assert [error["code"] for error in errors] == [
        "conversation_unavailable",
        "input_audio_buffer_commit_empty",
    ]
    assert {error["type"] for error in errors} == {"invalid_request_error"}
    assert told["refusals"][0]["session"]["type"] == "realtime"


def test_a_client_secret_carries_its_session(told: Told) -> None:
    made, created, *_ = told["secret"]
    assert made["value"].startswith("ek_")
    assert created["session"]["audio"]["input"]["turn_detection"] is None
    assert created["session"]["audio"] == made["session"]["audio"]


def test_the_betas_words(beta: Told) -> None:
    check(beta["beta"])
    assert transcript(beta["beta"]) == CLIP_TEXT
    words = transcript(beta["beta manual"]).split()
    assert (words[:2], words[-1]) == (["nine", "two"], "one")
    assert len(of(beta["beta manual"], "input_audio_buffer.committed")) == 1


def test_the_betas_shapes(beta: Told) -> None:
    assert beta["version"] == WITH_BETA.version
    (updated,) = of(beta["beta"], "transcription_session.updated")
    assert updated["session"]["input_audio_format"] == "pcm16"
    assert updated["session"]["turn_detection"]["silence_duration_ms"] == 500
    assert of(beta["beta"], "conversation.item.added") == []
    created = of(beta["beta"], "conversation.item.created")
    assert {event["class"] for event in created} == {"ConversationItemCreatedEvent"}
    (made,) = beta["beta secret"]
    assert made["client_secret"]["value"].startswith("ek_")
    assert made["input_audio_format"] == "g711_alaw"


# ---- keys: a browser's, and none


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server that asks for keys, and one that it takes."""
    with guarded(tmp_path_factory.mktemp("keys")) as served:
        yield served


def offered(key: str) -> list[Subprotocol]:
    return [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]


async def test_a_browser_has_its_key_among_the_protocols(locked: tuple[Served, str]) -> None:
    server, key = locked
    async with httpx2.AsyncClient(base_url=f"{server.url}/v1/realtime") as http:
        made = await http.post(
            "/client_secrets",
            headers={"Authorization": f"Bearer {key}"},
            json={"session": {"type": "transcription", "include": ["mine"]}},
        )
    assert made.status_code == 200
    url = f"ws://{server.host}/v1/realtime"
    for browsers, mine in ((key, None), (made.json()["value"], ["mine"])):
        async with connect(
            url, subprotocols=offered(browsers), origin=Origin("http://x")
        ) as socket:
            assert socket.subprotocol == "realtime"
            session = json.loads(await socket.recv())["session"]
            assert session["include"] == mine


@pytest.mark.parametrize("key", ["sk-wrong", "ek_wrong", ""])
async def test_a_wrong_key_is_told_over_the_socket(locked: tuple[Served, str], key: str) -> None:
    server, _ = locked
    async with connect(f"ws://{server.host}/v1/realtime", subprotocols=offered(key)) as socket:
        error = json.loads(await socket.recv())
        assert error["error"]["code"] == "invalid_api_key"
        assert error["error"]["message"].startswith("Incorrect API key")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


async def test_secrets_are_refused_as_the_package_expects(locked: tuple[Served, str]) -> None:
    server, key = locked
    good = {"Authorization": f"Bearer {key}"}
    bad: list[tuple[dict[str, str], Any, int]] = [
        ({}, {}, 401),
        (good, {"session": []}, 400),
        (good, {"expires_after": {"seconds": 7_201}}, 400),
        (good, {"session": {"audio": {"input": {"format": {"type": "audio/mp7"}}}}}, 400),
        (good, {"session": {"x": "y" * 80_000}}, 413),
        (good, [], 400),
    ]
    async with httpx2.AsyncClient(base_url=f"{server.url}/v1/realtime") as http:
        for headers, body, status in bad:
            answer = await http.post("/client_secrets", headers=headers, json=body)
            assert answer.status_code == status
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        plain = await http.post("/client_secrets", headers=good)
        assert plain.json()["session"]["type"] == "realtime"
        lasting = plain.json()["expires_at"] - time.time()
        assert 590 < lasting < 610


async def test_a_secret_is_good_for_streams_alone(locked: tuple[Served, str]) -> None:
    server, key = locked
    async with httpx2.AsyncClient(base_url=server.url) as http:
        made = await http.post(
            "/v1/realtime/client_secrets", headers={"Authorization": f"Bearer {key}"}, json={}
        )
        secret = {"Authorization": f"Bearer {made.json()['value']}"}
        assert (await http.get("/v1/models", headers=secret)).status_code == 403

"""`/v1/admin` over real HTTP, beside streams that are open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import ClientConnection, connect

from sotto.app.build import build_service, build_store
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.asking import error_of, eventually, figures, transcribe
from tests.serving import Served, serving, watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.transports.socket_talk import cut

STATE = "/v1/admin/state"
NANO = Path(str(resources.files("sotto") / "assets" / "nano"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two models that asks nobody for a key."""
    folder = tmp_path_factory.mktemp("admin")
    flags = [
        Flag("--paths", "models.paths", {"team/second": NANO}),
        Flag("--store", "store.url", f"sqlite:///{folder / 'transcripts.db'}"),
    ]
    settings = load(flags, environ={})
    with serving(settings, build_service(settings, build_store(settings))) as served:
        yield served


@pytest.fixture
def http(two: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=two.url, timeout=60) as client, watched() as records:
        eventually(lambda: {model["state"] for model in models(client).values()} == {"ready"})
        yield client
        eventually(lambda: state(client)["sessions"]["open"] == 0)
    assert records == []


def state(http: httpx2.Client) -> dict[str, Any]:
    response = http.get(STATE)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    told: dict[str, Any] = response.json()
    return told


def models(http: httpx2.Client) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in state(http)["models"]}


@contextmanager
def speaking(served: Served, model: str = "nano") -> Iterator[tuple[ClientConnection, str]]:
    """A stream that heard the clip, and goes on; its session."""
    with connect(served.stream, max_queue=None) as socket:
        socket.send(json.dumps({"sample_rate": 16_000, "model": model}))
        session = json.loads(socket.recv())["session"]
        for piece in cut(pcm_s16le(CLIP).data):
            socket.send(piece)
        yield socket, session


def own(http: httpx2.Client, session: str) -> dict[str, Any]:
    """What is told of one stream; nothing where it is over."""
    return next((row for row in state(http)["sessions"]["data"] if row["id"] == session), {})


def test_the_state_is_figures_and_names_and_no_word(two: Served, http: httpx2.Client) -> None:
    with speaking(two) as (_, session):
        eventually(lambda: own(http, session).get("heard", 0) > 7)
        assert transcribe(http).status_code == 200
        told = state(http)
        assert set(told) == {
            "object", "version", "uptime", "memory", "draining", "done", "files", "models",
            "sessions", "lag",
        }  # fmt: skip
        assert set(told["models"][0]) == {
            "id", "state", "light", "in_use", "put_away", "error", "notice", "seconds_to_load",
            "queue", "batches", "decode",
        }  # fmt: skip
        assert set(told["sessions"]["data"][0]) == {
            "id", "dialect", "model", "owner", "open", "heard", "utterances", "speaking", "ending",
        }  # fmt: skip
        assert (told["sessions"]["open"], told["sessions"]["most"]) == (1, 256)
        assert (told["files"], told["draining"]) == ({"open": 0, "most": 64}, False)
        assert told["memory"] > 10_000_000
        assert told["uptime"] > 0
        row = own(http, session)
        assert (row["dialect"], row["model"], row["owner"]) == ("stream", "nano", None)
        assert row["utterances"] >= 1
        nano = models(http)["nano"]
        assert (nano["light"], nano["in_use"], nano["queue"]) == ("ready", 1, 0)
        assert nano["seconds_to_load"] > 0
        assert "digits" in nano["notice"]
        batches = nano["batches"]
        assert batches["count"] == sum(count for _, count in batches["sizes"]) > 0
        assert 1 <= batches["mean"] <= 16
        for lag in told["lag"].values():
            assert lag["count"] > 0
            assert 0 < lag["p50"] <= lag["p95"] <= lag["p99"] <= 30
        assert not set(CLIP_TEXT.split()) & set(http.get(STATE).text.split('"'))


def test_a_stream_is_ended_after_its_last_word(two: Served, http: httpx2.Client) -> None:
    with speaking(two) as (socket, session):
        eventually(lambda: own(http, session).get("heard", 0) > 7)
        response = http.delete(f"/v1/admin/sessions/{session}")
        assert (response.status_code, response.json()["ending"]) == (202, True)
        events = [json.loads(message) for message in socket]
        finals = [event["text"] for event in events if event["type"] == "final"]
        assert " ".join(finals) == CLIP_TEXT
        assert events[-1]["type"] == "closed"
        assert socket.close_code == 1000
    eventually(lambda: own(http, session) == {})
    kept = http.get(f"/v1/sessions/{session}/transcript.txt").text
    assert kept.split() == CLIP_TEXT.split()
    error = error_of(http.delete(f"/v1/admin/sessions/{session}"))
    assert error["code"] == "unknown_session"
    assert "a session that is open" in error["message"]


def test_a_model_drains_until_its_stream_is_over(two: Served, http: httpx2.Client) -> None:
    listed = {model["id"]: model for model in http.get("/v1/models").json()["data"]}
    assert listed["team/second"]["state"] == "ready"
    with speaking(two, "team/second") as (_, session):
        response = http.post("/v1/admin/models/team/second/unload")
        assert (response.status_code, response.json()["state"]) == (202, "draining")
        listed = {model["id"]: model for model in http.get("/v1/models").json()["data"]}
        assert listed["team/second"]["state"] == "draining"
        told = figures(http)
        assert told["sotto_models", "draining", "team/second"] == 1
        assert told["sotto_models", "ready", "team/second"] == 0
        with connect(two.stream, max_queue=None) as other:
            other.send(json.dumps({"model": "team/second"}))
            assert json.loads(other.recv())["code"] == "model_unavailable"
        http.delete(f"/v1/admin/sessions/{session}")
        eventually(lambda: models(http)["team/second"]["state"] == "unloaded")
    row = models(http)["team/second"]
    assert (row["light"], row["put_away"], row["in_use"]) == ("down", True, 0)
    assert http.post("/v1/admin/models/team/second/load").json()["state"] == "loading"
    eventually(lambda: models(http)["team/second"]["state"] == "ready")


def test_what_is_not_there_is_told(http: httpx2.Client) -> None:
    for act in ("load", "unload"):
        response = http.post(f"/v1/admin/models/huge/{act}")
        assert (response.status_code, error_of(response)["code"]) == (404, "unknown_model")
    assert http.post("/v1/admin/models/auto/load").status_code == 404
    assert http.get("/v1/admin/models/nano/load").status_code == 405


def test_it_is_there_without_audio_and_gone_where_it_is_not_named() -> None:
    flags = [Flag("--audio", "server.audio_transports", False)]
    with serving(load(flags, environ={})) as served:
        assert httpx2.get(served.url + STATE).status_code == 200
    flags = [Flag("--modules", "server.modules", ("openai",))]
    with serving(load(flags, environ={})) as served:
        assert httpx2.get(served.url + STATE).status_code == 404
        assert httpx2.get(served.url + "/admin").status_code == 404

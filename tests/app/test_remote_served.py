"""A server whose engine is another server: Sotto behind Sotto, and one that tells less."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx2
import pytest

from sotto.app.settings import load
from tests.asking import TRANSCRIPTIONS, transcribe
from tests.listening import listen
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.transcription_server import Asked, TranscriptionServer, away


def before(url: str) -> AbstractContextManager[Served]:
    """A server that asks that one."""
    engine = {"KIND": "remote", "URL": url, "MODEL": "nano", "LANGUAGES": "en"}
    told = {f"SOTTO_ENGINE__{name}": value for name, value in engine.items()}
    return serving(load(environ=told | {"SOTTO_STORE__URL": "memory"}))


def told(event: dict[str, Any]) -> list[str]:
    return [word["word"] for word in event["words"]]


async def test_words_are_those_of_the_server_behind(server: Served) -> None:
    clip = pcm_s16le(CLIP)
    direct = await listen(server.stream, clip)
    with before(f"{server.url}/v1") as front:
        streamed = await listen(front.stream, clip)
        with httpx2.Client(base_url=front.url, timeout=60) as client:
            file = transcribe(client)
            models = client.get("/v1/models").json()["data"]
    assert streamed.text == direct.text == CLIP_TEXT == file.json()["text"]
    words = [word for event in streamed.of("committed") for word in told(event)]
    assert words == [word for event in direct.of("committed") for word in told(event)]
    (model,) = models
    assert (model["state"], model["languages"]) == ("ready", ["en"])


@pytest.mark.parametrize("detail", ["json", "verbose_json"])
async def test_one_that_tells_no_times_of_words_is_streamed_too(
    server: Served, detail: str
) -> None:
    with TranscriptionServer() as scripted, before(scripted.url) as front:
        scripted.hears = telling(server, detail)
        streamed = await listen(front.stream, pcm_s16le(CLIP))
    assert streamed.text == CLIP_TEXT
    spans = [
        (word["start"], word["end"])
        for event in streamed.of("committed")
        for word in event["words"]
    ]
    assert all(0 <= start < end <= 7.4 for start, end in spans)
    assert sorted(spans) == spans


def telling(server: Served, detail: str) -> Callable[[Asked], dict[str, Any]]:
    """What the server hears, told as `response_format` alone tells it."""

    def hear(asked: Asked) -> dict[str, Any]:
        answer = httpx2.post(
            server.url + TRANSCRIPTIONS,
            files={"file": ("window.wav", asked.file)},
            data={"response_format": detail},
            timeout=60,
        )
        heard: dict[str, Any] = answer.json()
        return heard

    return hear


async def test_one_that_is_away_fails_the_stream_and_not_the_server() -> None:
    with away() as url, before(url) as front:
        streamed = await listen(front.stream, pcm_s16le(CLIP))
        assert streamed.error["code"] == "engine_failed"
        assert "127.0.0.1" not in streamed.error["message"]
        assert httpx2.get(f"{front.url}/ready", timeout=60).status_code == 200

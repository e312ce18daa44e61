"""A transcription that is streamed: told while it is made, cut short, and broken."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import av
import httpx2
import numpy as np
import pytest

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.transports.openai.sse import EventStream, message
from tests.asking import TRANSCRIPTIONS, error_of, eventually, figures
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

MINUTES = 20
STREAM = {"stream": "true", "model": "whisper-1"}
HEARD = ("sotto_audio_seconds_total", "file")


@pytest.fixture(scope="module")
def twenty_minutes() -> bytes:
    """FLAC with the clip at the beginning of each minute."""
    pcm = pcm_s16le(CLIP)
    minute = np.zeros(60 * pcm.rate, "<i2")
    speech = np.frombuffer(pcm.data, "<i2")
    minute[: len(speech)] = speech
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=pcm.rate, layout="mono")
        for number in range(MINUTES):
            frame = av.AudioFrame.from_ndarray(minute[None], "s16", "mono")
            frame.sample_rate, frame.pts = pcm.rate, number * len(minute)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def events(response: httpx2.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and data of each, parsed as strictly as an EventSource would."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
        else:
            assert line == ""
            name = ""


def streaming(client: httpx2.Client, sound: bytes, **fields: str) -> Any:
    return client.stream(
        "POST", TRANSCRIPTIONS, files={"file": ("clip", sound)}, data=STREAM | fields
    )


def test_segments_come_one_by_one_and_then_all_of_them(client: httpx2.Client) -> None:
    with streaming(client, CLIP.read_bytes()) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache"
        told = list(events(response))
    assert {name for name, _ in told} == {""}
    *deltas, done = [event for _, event in told]
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert len(deltas) > 1
    assert "".join(event["delta"] for event in deltas) == CLIP_TEXT
    assert (done["type"], done["text"]) == ("transcript.text.done", CLIP_TEXT)
    assert not any("logprobs" in event for _, event in told)


def test_text_is_streamed_as_well(client: httpx2.Client) -> None:
    with streaming(client, CLIP.read_bytes(), response_format="text") as response:
        *_, (_, done) = events(response)
    assert done["text"] == CLIP_TEXT


def test_silence_gives_an_empty_end(client: httpx2.Client) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 32_000), "<i2"), "s16", "mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with streaming(client, out.getvalue()) as response:
        ((_, done),) = events(response)
    assert (done["type"], done["text"]) == ("transcript.text.done", "")
    assert done["usage"]["input_tokens"] == 100


@pytest.mark.parametrize("sound", [b"", b"Dear Sir or Madam, " * 200, CLIP.read_bytes()[:60]])
def test_what_is_wrong_from_the_start_is_a_status(client: httpx2.Client, sound: bytes) -> None:
    with streaming(client, sound) as response:
        response.read()
    assert response.status_code == 400
    assert error_of(response)["code"] == "bad_audio"


def test_a_client_that_hangs_up_ends_the_work(
    client: httpx2.Client,
    server: Served,
    tracebacks: list[logging.LogRecord],
    twenty_minutes: bytes,
) -> None:
    gone = ("sotto_errors_total", "gone")
    before = figures(client)
    with streaming(client, twenty_minutes) as response:
        _, first = next(events(response))
        assert first["delta"] == CLIP_TEXT.split()[0]
        assert server.service.open_files == 1  # it is told while the rest is not heard yet
    eventually(lambda: server.service.open_files == 0)
    eventually(lambda: figures(client).get(gone, 0.0) == before.get(gone, 0.0) + 1)
    assert figures(client)[HEARD] - before.get(HEARD, 0.0) < MINUTES * 60
    assert {status.in_use for status in server.service.models.snapshot()} == {0}
    assert tracebacks == []


def test_what_goes_wrong_later_is_an_event(twenty_minutes: bytes) -> None:
    flags = [Flag("--max-file", "server.max_file_seconds", 10 * 60)]
    with (
        serving(load(flags, environ={})) as served,
        httpx2.Client(base_url=served.url, timeout=60) as client,
    ):
        with streaming(client, twenty_minutes) as response:
            assert response.status_code == 200
            *deltas, (name, last) = events(response)
        spoken = "".join(event["delta"] for _, event in deltas)
        assert " ".join([CLIP_TEXT] * MINUTES).startswith(spoken)
        assert spoken
        assert (name, last["type"]) == ("error", "error")
        assert last["error"] == {
            "message": "expected at most 600 s of sound in one file, got more",
            "type": "invalid_request_error",
            "param": None,
            "code": "too_large",
        }
        assert figures(client)["sotto_errors_total", "too_large"] == 1
        assert served.service.open_files == 0


async def test_a_client_that_does_not_read_is_cut() -> None:
    sent: list[bytes] = []
    ended: list[bool] = []

    async def messages() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield message("{}")
        finally:
            ended.append(True)

    async def send(part: dict[str, Any]) -> None:
        if len(sent) == 3:
            await asyncio.Event().wait()  # its buffers are full
        sent.append(part.get("body", b""))

    await EventStream(messages(), send_timeout=0.01)({"type": "http"}, asyncio.sleep, send)
    assert sent == [b"", b"data: {}\n\n", b"data: {}\n\n"]
    assert ended == [True]

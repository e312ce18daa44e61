"""Limits of the HTTP side, and clients that vanish."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from contextlib import closing
from dataclasses import replace

import av
import httpx2
import numpy as np
import pytest

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.asking import (
    TRANSCRIPTIONS,
    answer_on,
    connect,
    error_of,
    eventually,
    figures,
    transcribe,
)
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT

HEAD = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: sotto\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="clip"\r\n\r\n'


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_body_that_says_it_is_too_large_is_refused_unread(server: Served, expect: bytes) -> None:
    with closing(connect(server.host)) as wire:
        wire.sendall(HEAD + FORM + expect + b"Content-Length: 1000000000000\r\n\r\n")
        status, _, body = answer_on(wire)
    assert status == 413
    error = json.loads(body)["error"]
    assert (error["code"], error["type"]) == ("too_large", "invalid_request_error")
    assert error["message"].startswith("expected a body of at most 2,147,483,648 bytes")


def test_a_body_that_turns_out_too_large_is_refused() -> None:
    flags = [Flag("--max-upload", "server.max_upload_bytes", 50_000)]
    with serving(load(flags, environ={})) as served:
        with closing(connect(served.host)) as wire:
            wire.sendall(HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in [PART, *[bytes(10_000)] * 6]:
                wire.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            status, _, body = answer_on(wire)  # there is no last chunk: it did not wait for one
        assert status == 413
        assert json.loads(body)["error"]["code"] == "too_large"
        with httpx2.Client(base_url=served.url, timeout=60) as client:
            small = {"file": ("clip", CLIP.read_bytes()[:40_000])}
            assert client.post(TRANSCRIPTIONS, files=small).status_code == 200


def test_an_uploader_that_vanishes_leaves_nothing(
    client: httpx2.Client, server: Served, tracebacks: list[logging.LogRecord]
) -> None:
    done = figures(client)["sotto_files_done_total",]
    for announced in (b"Content-Length: 3000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
        with closing(connect(server.host)) as wire:
            wire.sendall(HEAD + FORM + announced)
            wire.sendall(b"2000\r\n" + PART + bytes(4_000) if b"chunked" in announced else PART)
    assert transcribe(client).json()["text"] == CLIP_TEXT
    assert figures(client)["sotto_files_done_total",] == done + 1
    assert server.service.open_files == 0
    assert tracebacks == []


@pytest.fixture(scope="module")
def two_hours() -> bytes:
    """Of silence, as FLAC: more than what a form's parser keeps in memory."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        for number in range(120):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960_000), "<i2"), "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, number * 960_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("path", [b"/v1/audio/transcriptions", b"/transcribe"])
def test_nothing_is_decoded_for_a_client_that_vanished(
    client: httpx2.Client,
    server: Served,
    tracebacks: list[logging.LogRecord],
    two_hours: bytes,
    path: bytes,
) -> None:
    heard, gone = ("sotto_audio_seconds_total", "file"), ("sotto_errors_total", "gone")
    before = figures(client)
    body = PART + two_hours + b"\r\n--b--\r\n"
    with closing(connect(server.host)) as wire:
        wire.sendall(HEAD.replace(TRANSCRIPTIONS.encode(), path) + FORM)
        wire.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        eventually(lambda: figures(client).get(heard, 0.0) > before.get(heard, 0.0))
        assert server.service.open_files == 1
    eventually(lambda: server.service.open_files == 0)
    after = figures(client)
    assert after[heard] - before.get(heard, 0.0) < 3_600
    assert after["sotto_files_done_total",] == before["sotto_files_done_total",]
    assert after[gone] == before.get(gone, 0.0) + 1
    assert after["sotto_files",] == 0
    assert {status.in_use for status in server.service.models.snapshot()} == {0}
    assert transcribe(client).json()["text"] == CLIP_TEXT
    assert tracebacks == []


async def test_many_files_at_once_do_not_mix(server: Served) -> None:
    sound = {"file": ("clip", CLIP.read_bytes())}
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        answers = await asyncio.gather(
            *(client.post(TRANSCRIPTIONS, files=sound) for _ in range(12))
        )
    assert [answer.json()["text"] for answer in answers] == [CLIP_TEXT] * 12
    assert server.service.open_files == 0


async def test_one_file_too_many_is_told_to_come_back(server: Served) -> None:
    limits = server.service.limits
    server.service.limits = replace(limits, max_files=0)
    try:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
            response = await client.post(
                TRANSCRIPTIONS, files={"file": ("clip", CLIP.read_bytes())}
            )
    finally:
        server.service.limits = limits
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert error_of(response)["code"] == "overloaded"

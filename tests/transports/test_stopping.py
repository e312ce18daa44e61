"""What clients of each dialect are told when the server stops in the middle of their speech."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sotto.app.settings import load
from sotto.app.stopping import Patience, let_go
from sotto.runtime.closing import Closing
from tests.asking import TRANSCRIPTIONS, eventually
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT
from tests.transports.skynet_client import jigasi
from tests.transports.socket_talk import SOUND, cut
from tests.transports.wyoming_client import START, Wire, sound
from tests.wyoming_port import serving_wyoming

AS_FLOATS = (np.frombuffer(SOUND, "<i2").astype("<f4") / 32_768).tobytes()
ENOUGH = 700
"""Frames of the clip, in which all of its words are said."""


def realtime() -> list[str | bytes]:
    at_24k = np.interp(
        np.arange(len(SOUND) // 2 * 3 // 2) / 1.5,
        np.arange(len(SOUND) // 2),
        np.frombuffer(SOUND, "<i2"),
    )
    pieces = cut(at_24k.astype("<i2").tobytes(), 24_000)
    return [
        json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()})
        for piece in pieces
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(load(environ={})) as served:
        yield served


def stop(served: Served) -> None:
    """As a signal would, but that the server goes on afterwards."""
    service = served.service
    try:
        letting = let_go(service, Patience(0, 60))
        asyncio.run_coroutine_threadsafe(letting, served.loop).result(60)
    finally:
        service.draining, service.closing = False, Closing()


@pytest.mark.parametrize(
    ("path", "messages", "code"),
    [
        ("/stream", ["{}", *cut()], 1012),
        ("/vosk", ['{"config": {"sample_rate": 16000}}', *cut()], 1012),
        ("/ws", ['{"uid": "a", "language": "en"}', *cut(AS_FLOATS, 64_000)], 1012),
        ("/asr", cut(), 1012),
        ("/v1/listen?encoding=linear16&sample_rate=16000", cut(), 1012),
        ("/v1/realtime?intent=transcription", realtime(), 1012),
        ("/streaming-whisper/ws/a", [jigasi("p", "en", piece) for piece in cut()], 1012),
    ],
)
async def test_what_was_said_is_told_before_the_socket_closes(
    server: Served, path: str, messages: list[str | bytes], code: int
) -> None:
    told: list[str] = []
    async with connect(f"ws://{server.host}{path}", max_size=None) as socket:

        async def listen() -> None:
            async for message in socket:
                told.append(str(message))

        listening = asyncio.create_task(listen())
        for message in messages:
            await socket.send(message)
        await asyncio.to_thread(eventually, lambda: heard(server) >= ENOUGH)
        await asyncio.to_thread(stop, server)
        await asyncio.gather(listening, return_exceptions=True)
    assert socket.close_code == code
    said = " ".join(told)
    for digit in CLIP_TEXT.split():
        assert digit in said
    assert server.service.open_streams == 0
    if not path.startswith("/streaming-whisper"):
        assert "about to stop" in told[-1]


def heard(served: Served) -> int:
    return sum(live.session.frame for live in served.service.live.snapshot())


@pytest.mark.parametrize("path", ["/stream", "/vosk", "/asr", "/v1/realtime"])
async def test_who_has_not_said_a_word_is_sent_away(server: Served, path: str) -> None:
    async with connect(f"ws://{server.host}{path}") as socket:
        await asyncio.to_thread(eventually, lambda: server.service.closing.has_clients)
        await asyncio.to_thread(stop, server)
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code == 1012


def test_a_request_that_takes_too_long_is_told_to_come_back(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(server.service, "transcribe_file", never)
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        loop = asyncio.new_event_loop()
        asking = loop.run_in_executor(
            None, lambda: client.post(TRANSCRIPTIONS, files={"file": ("a", CLIP.read_bytes())})
        )
        eventually(lambda: server.service.closing.has_clients)
        service = server.service
        letting = let_go(service, Patience(0, 1))
        asyncio.run_coroutine_threadsafe(letting, server.loop).result(60)
        service.draining, service.closing = False, Closing()
        answer = loop.run_until_complete(asking)
        loop.close()
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "draining"
    assert answer.headers["retry-after"] == "5"


def test_a_client_over_bare_tcp_has_its_transcript_first() -> None:
    with serving_wyoming() as open_port:
        wire = Wire(open_port.port)
        wire.send(START, sound())
        eventually(lambda: heard(open_port.server) >= ENOUGH)
        stop(open_port.server)
        told = []
        while (event := wire.event()) is not None:
            told.append(event)
        wire.close()
    kinds = [kind for kind, _ in told]
    assert kinds[-3:] == ["transcript", "transcript-stop", "error"]
    assert told[-3][1]["text"] == CLIP_TEXT
    assert told[-1][1]["code"] == "draining"

"""Clients that draw things out, and those that come too often: each is sent away with a reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sotto.app import exchange, impatient
from sotto.app.exchange import Exchange
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.errors import TooSlow
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from tests.asking import TRANSCRIPTIONS, answer_on, eventually
from tests.asking import connect as dial
from tests.listening import listen
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le
from tests.transports.test_limits import FORM, HEAD, PART


@pytest.fixture(scope="module")
def hasty() -> Iterator[Served]:
    """A server whose patience is over soon."""
    flags = [Flag("--idle-timeout", "server.idle_timeout", 0.3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "PATIENCE", 0.3)
        patch.setattr(impatient, "HEAD_SECONDS", 0.3)
        with serving(load(flags, environ={})) as served:
            yield served


# ---- slow


@pytest.mark.parametrize("begun", [b"", b"GET /ready HT", b"GET /ready HTTP/1.1\r\nHost: a\r\n"])
def test_a_connection_that_never_asks_is_closed(hasty: Served, begun: bytes) -> None:
    with closing(dial(hasty.host)) as wire:
        wire.sendall(begun)
        assert ended(wire)


def test_so_is_one_that_begins_a_second_request_and_no_more(hasty: Served) -> None:
    with closing(dial(hasty.host)) as wire:
        wire.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        status, _, _ = answer_on(wire)
        assert status == 200
        wire.sendall(b"GET /hea")
        assert ended(wire)


def ended(wire) -> bool:
    try:
        return wire.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_body_that_trickles_is_refused(hasty: Served) -> None:
    with closing(dial(hasty.host)) as wire:
        wire.sendall(HEAD + FORM + b"Content-Length: 1000000\r\n\r\n" + PART)
        status, _, body = answer_on(wire)
    assert status == 408
    assert json.loads(body)["error"]["code"] == "too_slow"
    assert hasty.service.open_files == 0


def test_a_body_that_comes_in_time_is_not(hasty: Served) -> None:
    with httpx2.Client(base_url=hasty.url, timeout=60) as client:
        answer = client.post(TRANSCRIPTIONS, files={"file": ("clip", CLIP.read_bytes())})
    assert answer.json()["text"] == CLIP_TEXT


@pytest.mark.parametrize("path", ["/vosk", "/asr", "/v1/realtime", "/streaming-whisper/ws/a"])
async def test_a_socket_that_says_nothing_is_closed(hasty: Served, path: str) -> None:
    async with connect(f"ws://{hasty.host}{path}") as socket:
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code == 1008


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    stuck = asyncio.Event()

    async def send(message) -> None:
        if message["type"] == "http.response.body":
            stuck.set()
            await asyncio.Event().wait()

    async def answer(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise AssertionError("the answer went on")

    async def receive():
        raise AssertionError("nothing was asked for")

    one = Exchange(receive, send, send_timeout=0.01)
    why = await one.run(answer, {"type": "http"})
    assert stuck.is_set()
    assert isinstance(why, TooSlow)
    assert one.is_begun


# ---- many


async def test_so_many_sockets_of_one_address_and_no_more() -> None:
    flags = [Flag("--per-address", "server.per_address", 2)]
    with serving(load(flags, environ={})) as served:
        uri = f"ws://{served.host}/vosk"
        async with connect(uri), connect(uri):
            with pytest.raises(InvalidStatus) as refused:
                await connect(uri)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "1"
            async with connect(uri, additional_headers={"X-Forwarded-For": "192.0.2.1"}):
                pass  # it comes through a proxy of this machine, which is believed


def test_an_address_that_a_stranger_claims_is_not_believed() -> None:
    flags = [
        Flag("--per-address", "server.per_address", 1),
        Flag("--proxies", "server.proxies", ("192.0.2.9",)),
    ]
    with (
        serving(load(flags, environ={})) as served,
        closing(dial(served.host)) as wire,
        httpx2.Client(base_url=served.url, timeout=60) as client,
    ):
        wire.sendall(HEAD + FORM + b"Content-Length: 1000000\r\n\r\n" + PART)
        eventually(lambda: served.service.closing.has_clients)
        claims = {"X-Forwarded-For": "192.0.2.1"}
        assert client.get("/v1/models", headers=claims).status_code == 429


# ---- much


@pytest.fixture
def clip() -> Pcm:
    return pcm_s16le(CLIP)


async def test_a_key_has_so_many_minutes_a_day(tmp_path: Path, clip: Pcm) -> None:
    key, path = new_key(), tmp_path / "keys.json"
    KeyFile(path).add(Key(name="anna", sha256=digest(key), minutes=1))
    flags = [
        Flag("--on-loopback", "auth.on_loopback", True),
        Flag("--keys", "auth.keys", path),
    ]
    headers = {"Authorization": f"Bearer {key}"}
    long = Pcm(clip.data * 12, clip.rate)
    with serving(load(flags, environ={})) as served:
        heard = await listen(f"{served.stream}?token={key}", long)
        assert heard.close_code == 1013
        assert heard.events[-1] == heard.error
        assert heard.error["code"] == "rate_limited"
        assert 0 < heard.error["retry_after"] <= 86_400
        finals = heard.of("final")
        assert 60 - clip.seconds < finals[-1]["end"] < 60 + clip.seconds
        assert " ".join([CLIP_TEXT] * 12).startswith(heard.text)  # no word is cut
        with httpx2.Client(base_url=served.url, timeout=60, headers=headers) as client:
            sound = {"file": ("clip", CLIP.read_bytes())}
            answer = client.post(TRANSCRIPTIONS, files=sound)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 86_400
            assert client.get("/v1/models").status_code == 200

"""A real nginx with deploy/nginx/sotto.conf and TLS, before a real server."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import re
import subprocess
import wave
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.asking import TRANSCRIPTIONS, error_of, eventually, transcribe
from tests.deploy.proxy import Proxied, certify, command, configure, needs_nginx, proxied
from tests.serving import Served, guarded, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

pytestmark = needs_nginx

MINUTES = 10
PIECE = 16_000
"""Bytes: half a second of the clip."""
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def proxy(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with proxied(server.host, tmp_path_factory.mktemp("nginx")) as running:
        yield running


@pytest.fixture
def client(proxy: Proxied) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=proxy.url, verify=proxy.trust, timeout=60) as client:
        yield client


@pytest.mark.parametrize("where", ["upstream.conf", "upstream.compose.conf"])
def test_nginx_finds_no_fault(tmp_path: Path, where: str) -> None:
    certify(tmp_path)
    conf = configure(tmp_path, where, "127.0.0.1:8000", "127.0.0.1:8080", "127.0.0.1:8443")
    ran = subprocess.run([*command(conf), "-t"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "[warn]" not in ran.stderr


def test_whoever_comes_without_tls_is_sent_to_it(proxy: Proxied) -> None:
    answer = httpx2.get(f"http://{proxy.plain}/health?x=1", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "https://127.0.0.1/health?x=1")


def test_a_file_is_heard(client: httpx2.Client) -> None:
    assert transcribe(client).json()["text"] == CLIP_TEXT


def test_the_page_and_all_that_it_asks_for_arrive(client: httpx2.Client, server: Served) -> None:
    page = client.get("/", headers=HTML)
    assert page.text == httpx2.get(server.url, headers=HTML).text
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert "content-security-policy" not in page.headers  # the page says it itself
    scripts = set(re.findall(r'src="(/[^"]+\.js)"', page.text))
    styles = set(re.findall(r'href="(/[^"]+\.css)"', page.text))
    assert "/web/main.js" in scripts
    assert "/web/style.css" in styles
    for path in scripts | styles:  # with nosniff a browser refuses those of another type
        kind = client.get(path).headers["content-type"]
        assert kind.startswith("text/javascript" if path in scripts else "text/css")


def test_the_figures_are_not_for_everybody(client: httpx2.Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/ready").status_code == 200


async def said(url: str, trust: Any) -> str:
    """What a stream of the clip is answered, in pieces of half a second."""
    clip = pcm_s16le(CLIP)
    finals = []
    async with connect(url, ssl=trust) as socket:
        await socket.send(json.dumps({"sample_rate": clip.rate}))
        for at in range(0, len(clip.data), PIECE):
            await socket.send(clip.data[at : at + PIECE])
        await socket.send('{"type": "finish"}')
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "final":
                finals.append(event["text"])
    assert event["type"] == "closed"
    return " ".join(finals)


async def test_a_stream_is_heard(proxy: Proxied) -> None:
    assert await said(f"wss://{proxy.host}/stream", proxy.trust) == CLIP_TEXT


async def test_words_come_before_a_stream_ends(proxy: Proxied) -> None:
    clip = pcm_s16le(CLIP)
    async with connect(f"wss://{proxy.host}/stream", ssl=proxy.trust) as socket:
        await socket.send(json.dumps({"sample_rate": clip.rate}))
        await socket.send(clip.data)
        async for message in socket:
            if json.loads(message)["type"] == "committed":
                break
        else:
            pytest.fail("no word was committed")


async def test_a_client_that_vanishes_is_gone_behind_the_proxy_too(
    proxy: Proxied, server: Served
) -> None:
    await asyncio.to_thread(eventually, lambda: server.service.open_streams == 0)
    socket = await connect(f"wss://{proxy.host}/stream", ssl=proxy.trust)
    await socket.send("{}")
    await socket.recv()
    assert server.service.open_streams == 1
    socket.transport.abort()
    await socket.wait_closed()
    await asyncio.to_thread(eventually, lambda: server.service.open_streams == 0)


@pytest.fixture(scope="module")
def long_file() -> bytes:
    """The clip at the beginning of each minute."""
    clip = pcm_s16le(CLIP)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.rate)
        file.writeframes(clip.data.ljust(60 * 2 * clip.rate, b"\0") * MINUTES)
    return out.getvalue()


def test_events_come_one_by_one(client: httpx2.Client, server: Served, long_file: bytes) -> None:
    files, fields = {"file": ("long.wav", long_file)}, {"stream": "true", "model": "whisper-1"}
    with client.stream("POST", TRANSCRIPTIONS, files=files, data=fields) as response:
        assert response.status_code == 200
        lines = (line for line in response.iter_lines() if line)
        first = json.loads(next(lines).removeprefix("data: "))
        assert first["delta"] == CLIP_TEXT.split()[0]
        assert server.service.open_files == 1  # it is told while the rest is not heard yet
        *_, last = lines
    assert json.loads(last.removeprefix("data: "))["text"] == " ".join([CLIP_TEXT] * MINUTES)


def announce(connection: http.client.HTTPConnection, size: int) -> tuple[int, Any]:
    """Status and body of the answer to a body that is announced and never sent."""
    with closing(connection):
        connection.putrequest("POST", TRANSCRIPTIONS)
        connection.putheader("Content-Length", str(size))
        connection.putheader("Content-Type", "multipart/form-data; boundary=b")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.headers["content-type"] == "application/json"
        return answer.status, json.load(answer)


def test_a_body_over_the_limit_is_refused_in_the_servers_own_words(
    proxy: Proxied, server: Served
) -> None:
    size = load(environ={}).server.max_upload_bytes + 1
    direct = announce(http.client.HTTPConnection(server.host, timeout=60), size)
    through = http.client.HTTPSConnection(proxy.host, timeout=60, context=proxy.trust)
    assert announce(through, size) == direct
    assert direct[0] == 413


def test_a_body_that_turns_out_too_large_is_refused_by_the_server(tmp_path: Path) -> None:
    settings = load([Flag("--limit", "server.max_upload_bytes", 100_000)], environ={})

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(64):
            yield bytes(65_536)

    with serving(settings) as served, proxied(served.host, tmp_path) as proxy:
        answer = httpx2.post(
            proxy.url + TRANSCRIPTIONS,
            content=body(),
            headers={"content-type": "multipart/form-data; boundary=b"},
            verify=proxy.trust,
            timeout=60,
        )
    assert answer.status_code == 413
    assert error_of(answer)["message"] == "expected a body of at most 100,000 bytes, got more"


async def test_keys_are_asked_for_and_never_logged(tmp_path: Path, long_file: bytes) -> None:
    with ExitStack() as around:
        server = around.enter_context(ExitStack())
        served, key = server.enter_context(guarded(tmp_path))
        proxy = around.enter_context(proxied(served.host, tmp_path / "nginx"))
        client = around.enter_context(
            httpx2.Client(base_url=proxy.url, verify=proxy.trust, timeout=60)
        )
        refused = client.post(TRANSCRIPTIONS, files={"file": ("long.wav", long_file)})
        assert (refused.status_code, error_of(refused)["code"]) == (401, "unauthorized")
        early = http.client.HTTPSConnection(proxy.host, timeout=30, context=proxy.trust)
        assert announce(early, len(long_file))[0] == 401  # before any of the body was sent
        client.headers["authorization"] = f"Bearer {key}"
        assert transcribe(client).json()["text"] == CLIP_TEXT
        address = f"wss://{proxy.host}/stream?token={key}"
        assert await said(address, proxy.trust) == CLIP_TEXT
        server.close()
        away = client.get(f"/v1/models?token={key}")
        assert (away.status_code, away.headers["retry-after"]) == (503, "1")
        assert error_of(away)["type"] == "server_error"
    logged = proxy.logged()
    assert '"GET /stream" 101' in logged
    assert '"GET /v1/models" 503 502' in logged
    assert key not in logged

"""Ports of their own, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sotto.app.ports import PATHS, open_ports
from sotto.app.server import run_server
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.errors import BadOption
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

SOUND = pcm_s16le(CLIP).data


def flag(key: str, value: object) -> Flag:
    return Flag(f"--{key}", key, value)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(load([flag(f"ports.{name}", 0) for name in PATHS], environ={})) as served:
        yield served


def test_port_0_takes_a_free_one_for_each(served: Served) -> None:
    assert set(served.ports) == set(PATHS) == {"whisperlive", "vosk"}
    own = int(served.host.rpartition(":")[2])
    assert len({own, *served.ports.values()}) == 3
    assert 0 not in served.ports.values()


@pytest.mark.parametrize("path", ["", "/", "/ws", "/vosk", "/anything/at%20all", "/stream"])
async def test_any_path_is_whisperlive_on_its_port(served: Served, path: str) -> None:
    async with connect(f"ws://127.0.0.1:{served.ports['whisperlive']}{path}") as client:
        await client.send('{"uid": "u", "audio_format": "int16"}')
        ready = json.loads(await client.recv())
        assert ready == {"uid": "u", "message": "SERVER_READY", "backend": "faster_whisper"}
        await client.send(SOUND)
        await client.send(b"END_OF_AUDIO")
        messages = [json.loads(message) async for message in client]
    last = [segment["text"].strip() for segment in messages[-1]["segments"]]
    assert " ".join(last) == CLIP_TEXT


@pytest.mark.parametrize("path", ["", "/", "/ws", "/vosk", "/asr?language=klingon"])
async def test_any_path_is_vosk_on_its_port(served: Served, path: str) -> None:
    async with connect(f"ws://127.0.0.1:{served.ports['vosk']}{path}") as client:
        await client.send('{"config" : {"sample_rate" : 16000, "words" : 0}}')
        for message in (SOUND, '{"eof" : 1}'):
            await client.send(message)
            answer = json.loads(await client.recv())
    assert answer == {"text": CLIP_TEXT}


async def test_on_the_servers_own_port_the_path_counts(served: Served) -> None:
    with pytest.raises(InvalidStatus):
        await connect(f"ws://{served.host}/")
    async with connect(f"ws://{served.host}/vosk") as client:
        await client.send('{"eof" : 1}')
        assert json.loads(await client.recv()) == {"text": ""}


@pytest.mark.parametrize("name", PATHS)
def test_requests_without_a_socket_are_answered_on_every_port(served: Served, name: str) -> None:
    response = httpx2.get(f"http://127.0.0.1:{served.ports[name]}/health")
    assert response.json() == {"status": "alive"}


def test_no_port_is_opened_that_is_not_named() -> None:
    assert open_ports(load(environ={})) == {}


def test_a_port_that_is_taken_is_told_and_the_others_are_let_go() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            other = free.getsockname()[1]
        settings = load([flag("ports.whisperlive", other), flag("ports.vosk", port)], environ={})
        with pytest.raises(BadOption, match=rf"ports\.vosk to be a free port, got {port}"):
            open_ports(settings)
        with pytest.raises(BadOption, match=r"ports\.vosk"):
            run_server(settings)
        socket.create_server(("127.0.0.1", other)).close()


def test_a_port_of_a_dialect_that_is_not_served_is_told() -> None:
    settings = load([flag("ports.vosk", 0), flag("server.modules", ("stream",))], environ={})
    with pytest.raises(BadOption, match=r"expected vosk among server\.modules"):
        open_ports(settings)


def test_ports_are_let_go_when_the_server_stops() -> None:
    with serving(load([flag("ports.vosk", 0)], environ={})) as served:
        port = served.ports["vosk"]
        assert threading.active_count() > 1
    socket.create_server(("127.0.0.1", port)).close()

"""A server that takes no audio: asked on every route and socket that it has."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import httpx2
import numpy as np
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sotto.app.build import build_access, build_service
from sotto.app.http import make_app
from sotto.app.ports import open_ports
from sotto.app.settings import Settings, load
from sotto.app.tcp import open_port
from sotto.audio.format import Encoding
from sotto.audio.image import make_image
from sotto.audio.mel import LogMel
from sotto.audio.mel8 import make_mel8
from sotto.errors import BadOption
from sotto.runtime.container import read_file
from sotto.runtime.picture import paint
from tests.listening import converse
from tests.serving import Served, serving, watched
from tests.speech import CLIP, CLIP_TEXT, encoded, pcm_s16le

OFF = {"SOTTO_AUDIO_TRANSPORTS": "0"}
PCM = pcm_s16le(CLIP)
MEL = np.concatenate([(log := LogMel(80)).receive(s) for s in read_file(CLIP)] + [log.finish()])


@pytest.fixture(scope="module")
def silent() -> Iterator[Served]:
    with serving(load(environ=OFF)) as served:
        yield served


@pytest.fixture
def client(silent: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=silent.url, timeout=60) as client:
        yield client


def routes(settings: Settings) -> list[BaseRoute]:
    """All that is mounted."""
    service = build_service(settings)
    app = make_app(service, settings, build_access(settings), lambda: None)  # type: ignore[arg-type,return-value]
    found: list[BaseRoute] = []
    waiting: list[BaseRoute] = list(app.routes)
    while waiting:
        route = waiting.pop()
        included = getattr(route, "original_router", None)  # as FastAPI keeps a router
        if included is None:
            assert isinstance(route, Route | WebSocketRoute | Mount), route
            found.append(route)
        else:
            waiting += included.routes
    return found


SILENT = routes(load(environ=OFF))
POSTS = sorted(
    route.path
    for route in SILENT
    if isinstance(route, Route | APIRoute) and set(route.methods or ()) - {"GET", "HEAD"}
)
SOCKETS = sorted(route.path for route in SILENT if isinstance(route, WebSocketRoute))


def wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PCM.rate)
        file.writeframes(PCM.data)
    return out.getvalue()


SOUNDS = {
    "wav": wav(),
    "flac": CLIP.read_bytes(),
    "webm": encoded("webm", "libopus", 48_000, "flt"),
    "pcm": PCM.data,
    "nothing": b"",
}


def test_what_is_left_is_what_we_know() -> None:
    """A route that is new must be looked at here: does it take audio?"""
    assert POSTS == [
        "/",
        "/v1/admin/models/{model:path}/load",
        "/v1/admin/models/{model:path}/unload",
        "/v1/admin/sessions/{session:path}",
        "/v1/conversations/{id}",
        "/v1/mel",
        "/v1/sessions/{session:path}",
    ]
    assert SOCKETS == ["/stream"]
    mounts = sorted(route.path for route in SILENT if isinstance(route, Mount))
    assert mounts == ["/static-offline-docs", "/web"]


def test_with_audio_there_is_much_more() -> None:
    usual = routes(load(environ={}))
    posts = [r.path for r in usual if isinstance(r, Route) and "POST" in (r.methods or ())]
    assert {"/v1/audio/transcriptions", "/transcribe", "/v1/listen", "/v1/mel"} <= set(posts)
    assert len([route for route in usual if isinstance(route, WebSocketRoute)]) > len(SOCKETS) + 5


@pytest.mark.parametrize("sound", SOUNDS)
def test_no_route_takes_audio(silent: Served, client: httpx2.Client, sound: str) -> None:
    """Each route, whatever it is asked with: every method, as a body and as a form."""
    data = SOUNDS[sound]
    before = silent.service.done
    for path in {route.path for route in SILENT if isinstance(route, Route)}:
        model = "none" if "/admin/" in path else "nano"  # which would be unloaded
        concrete = path.replace("{model:path}", model)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            as_body = client.request(method, concrete, content=data)
            as_form = client.request(method, concrete, files={"file": ("a.wav", data)})
            for response in (as_body, as_form):
                assert response.status_code in (400, 404, 405), (method, path)
    assert silent.service.done == before


@pytest.mark.parametrize(
    "path", ["/v1/audio/transcriptions", "/v1/audio/translations", "/transcribe", "/v1/listen"]
)
def test_what_takes_files_is_not_there(client: httpx2.Client, path: str) -> None:
    response = client.post(path, files={"file": ("a.wav", wav())})
    assert response.status_code == 404


@pytest.mark.parametrize("path", [route.path for route in routes(load(environ={}))
                                  if isinstance(route, WebSocketRoute)])  # fmt: skip
async def test_no_socket_takes_audio(silent: Served, path: str) -> None:
    """Each that the usual server has, with what its dialects would say first."""
    url = f"ws://{silent.host}{path.replace('{', '').replace('}', '')}"
    firsts = ["{}", json.dumps({"uid": "u", "audio_format": "int16"}), PCM.data[:3_200]]
    for first in firsts:
        answers: list[str] = []
        try:
            async with connect(url) as socket:
                await socket.send(first)
                await socket.send(PCM.data)
                answers += [json.loads(message)["type"] async for message in all_of(socket)]
        except InvalidStatus as refused:
            assert refused.response.status_code in (403, 404)
            assert path not in SOCKETS
        else:
            assert answers == ["error"]
            assert path in SOCKETS


async def all_of(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    """What comes until it is closed, in whatever way."""
    with suppress(ConnectionClosed):
        async for message in socket:
            yield message


@pytest.mark.parametrize("encoding", [*Encoding, "webm", "ogg", "", "mel9", "x" * 10_000])
async def test_a_stream_takes_images_alone(silent: Served, encoding: str) -> None:
    heard = await converse(silent.stream, {"encoding": encoding}, [], finish=False)
    assert heard.error["code"] == "bad_option"
    assert heard.error["param"] == "encoding"
    assert "expected mel8" in heard.error["message"]
    assert len(heard.error["message"]) < 200
    assert heard.close_code == 1007


async def test_sound_that_is_called_an_image_is_refused(silent: Served) -> None:
    for data in SOUNDS.values():
        heard = await converse(silent.stream, {"encoding": "mel8"}, [data])
        assert heard.error["code"] == "bad_audio"
        assert heard.text == ""


async def test_images_are_taken(silent: Served, client: httpx2.Client) -> None:
    heard = await converse(silent.stream, {"encoding": "mel8"}, [make_mel8(MEL)])
    assert heard.text == CLIP_TEXT
    seen = client.post("/v1/mel", files={"file": ("clip.png", paint(MEL))})
    assert seen.json()["text"] == CLIP_TEXT
    assert client.post("/", content=make_image(MEL)).text == CLIP_TEXT
    assert client.get("/v1/models").json()["data"][0]["n_mels"] == 80


@pytest.mark.parametrize("name", ["whisperlive", "vosk", "wyoming"])
def test_a_port_that_takes_audio_is_refused(name: str) -> None:
    settings = load(environ=OFF | {f"SOTTO_PORTS__{name.upper()}": "0"})
    opening = open_port if name == "wyoming" else open_ports
    with pytest.raises(BadOption, match=rf"expected no ports\.{name}, since .* is off"):
        opening(settings)


@pytest.mark.parametrize(
    ("environ", "audio"),
    [
        ({}, True),
        ({"SOTTO_AUDIO_TRANSPORTS": "1"}, True),
        ({"SOTTO_AUDIO_TRANSPORTS": ""}, True),
        (OFF, False),
        ({"SOTTO_AUDIO_TRANSPORTS": "off"}, False),
        ({"SOTTO_SERVER__AUDIO_TRANSPORTS": "false"}, False),
    ],
)
def test_how_it_is_set(environ: dict[str, str], audio: bool) -> None:
    assert load(environ=environ).server.audio_transports is audio


def test_what_is_neither_on_nor_off_is_told() -> None:
    with pytest.raises(BadOption, match=r"SOTTO_AUDIO_TRANSPORTS: expected .*audio_transports"):
        load(environ={"SOTTO_AUDIO_TRANSPORTS": "perhaps"})


def test_it_starts_without_a_fault(client: httpx2.Client) -> None:
    """The server's own check of itself hears a clip that ships, and over no route."""
    with watched() as records:
        assert client.get("/ready").status_code == 200
        assert client.get("/docs").status_code == 200
    assert records == []

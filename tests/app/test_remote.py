from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from sotto.app.cli.sources import PIECE, Pace, open_source
from sotto.app.remote import converse, stream_url
from sotto.errors import BadAudio, BadOption, CallerError, ServerError, SottoError
from sotto.runtime.container import read_file
from tests.serving import guarded
from tests.speech import CLIP, CLIP_TEXT

CONFIG = {"model": "nano", "encoding": "pcm_f32le", "sample_rate": 16_000}
PATIENCE = 60.0
"""Seconds after which a stream that hangs fails its test."""


class Stage:
    """A clock that moves only when somebody sleeps, and stands still where it is told to."""

    def __init__(self, stand_at: float) -> None:
        self.now = 0.0
        self.go_on = asyncio.Event()
        self._stand_at = stand_at

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._stand_at:
            await self.go_on.wait()


async def clip_pieces():
    """All of the clip, at once."""
    samples = np.concatenate(list(read_file(CLIP)))
    for at in range(0, len(samples), PIECE):
        yield samples[at : at + PIECE].tobytes()


async def silence():
    """As much as a server that does not read can take."""
    for _ in range(3):
        yield bytes(4 * PIECE)


@asynccontextmanager
async def scripted(*messages: Any, code: int = 1000):
    """A server that says the same to whatever comes, and hangs up."""

    async def say(socket: ServerConnection) -> None:
        await socket.recv()
        for message in messages:
            await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        await socket.close(code)

    async with serve(say, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield f"ws://{host}:{port}"


def finals(events: list[dict[str, Any]]) -> str:
    return " ".join(event["text"] for event in events if event["type"] == "final" and event["text"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("localhost:8000", "ws://localhost:8000/stream"),
        ("ws://host:8000/stream", "ws://host:8000/stream"),
        ("http://host/", "ws://host/stream"),
        ("https://host/sotto/stream?key=1", "wss://host/sotto/stream?key=1"),
        ("wss://[::1]:9000", "wss://[::1]:9000/stream"),
    ],
)
def test_an_address_gets_what_it_lacks(given, expected):
    assert stream_url(given) == expected


@pytest.mark.parametrize("given", ["", "ftp://host", "ws://", "ws://host:port", "ws://host:99999"])
def test_an_address_that_is_none(given):
    with pytest.raises(BadOption, match="expected an address"):
        stream_url(given)


async def test_the_words_come_back(server):
    events: list[dict[str, Any]] = []
    await converse(server.url, CONFIG, clip_pieces(), events.append)
    assert finals(events) == CLIP_TEXT
    assert {event["type"] for event in events}.isdisjoint({"ready", "closed", "error"})


async def test_words_come_while_the_clip_is_played(server):
    """The clip's clock stands still at 4 s of 7.37 until the words before that are certain."""
    stage = Stage(stand_at=4.0)
    happened: list[tuple[str, float]] = []
    events: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        events.append(event)
        happened.append((event["type"], stage.now))
        if "two" in "".join(e["text"] for e in events if e["type"] == "committed"):
            stage.go_on.set()

    with open_source(str(CLIP), Pace(stage, stage.sleep, 1.0)) as source:
        pieces = (piece.tobytes() async for piece in source.pieces)
        async with asyncio.timeout(PATIENCE):
            await converse(server.stream, CONFIG, pieces, hear)
    assert ("committed", pytest.approx(4.0)) in happened
    assert finals(events) == CLIP_TEXT
    assert stage.now == pytest.approx(7.37, abs=0.01)


async def test_what_the_server_says_is_raised(server):
    with pytest.raises(CallerError, match="expected one of auto, nano, got 'huge'"):
        await converse(server.stream, CONFIG | {"model": "huge"}, clip_pieces(), print)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("bad_option", CallerError),
        ("unknown_language", CallerError),
        ("too_slow", CallerError),
        ("overloaded", ServerError),
        ("engine_failed", ServerError),
        ("never_heard_of", ServerError),
    ],
)
async def test_an_error_is_the_callers_fault_or_the_servers(code, kind):
    error = {"type": "error", "code": code, "message": "no", "retryable": False}
    async with scripted(error, code=1011) as url:
        with pytest.raises(SottoError) as raised:
            await converse(url, CONFIG, silence(), print)
    assert (type(raised.value), raised.value.message) == (kind, "no")


async def test_an_error_that_passes_says_when():
    error = {"type": "error", "code": "overloaded", "message": "full", "retryable": True}
    async with scripted(error | {"retry_after": 1.5}, code=1013) as url:
        with pytest.raises(ServerError, match=r"^full; try again in 1\.5 s$"):
            await converse(url, CONFIG, silence(), print)


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_server_that_hangs_up_early_is_an_error(code):
    heard: list[dict[str, Any]] = []
    started = {"type": "speech_started", "utterance": 0, "at": 0.1}
    async with scripted({"type": "ready"}, started, code=code) as url:
        with pytest.raises(ServerError, match=rf"hung up before it \(close code {code}\)"):
            await converse(url, CONFIG, silence(), heard.append)
    assert heard == [started]


@pytest.mark.parametrize("message", ["words", "[]", "{}", b"\0"])
async def test_a_server_that_speaks_another_language(message):
    async with scripted(message) as url:
        with pytest.raises(ServerError, match="expected the messages of /stream"):
            await converse(url, CONFIG, silence(), print)


async def test_nobody_listens_there():
    async with scripted() as url:
        pass
    with pytest.raises(ServerError, match=f"cannot reach {url}/stream"):
        await converse(url, CONFIG, silence(), print)


async def test_something_else_listens_there(server):
    with pytest.raises(ServerError, match=r"expected a Sotto server at .*, got HTTP 40"):
        await converse(f"{server.url}/nothing/here", CONFIG, clip_pieces(), print)


async def test_sound_that_breaks_off_is_heard_up_to_there(server):
    async def cut():
        sent = 0
        async for piece in clip_pieces():
            if sent >= 22:
                raise BadAudio("the cable is out")
            sent += 1
            yield piece

    events: list[dict[str, Any]] = []
    with pytest.raises(BadAudio, match="the cable is out"):
        await converse(server.stream, CONFIG, cut(), events.append)
    assert finals(events) == "nine two"


async def test_a_server_that_asks_for_a_key(tmp_path):
    events: list[dict[str, Any]] = []
    with guarded(tmp_path) as (server, key):
        with pytest.raises(CallerError, match="expected a key or a token, got none"):
            await converse(server.stream, CONFIG, clip_pieces(), events.append)
        with pytest.raises(CallerError, match="of this server, got another"):
            await converse(f"{server.stream}?token=wrong", CONFIG, clip_pieces(), events.append)
        assert events == []
        await converse(f"{server.stream}?token={key}", CONFIG, clip_pieces(), events.append)
    assert finals(events) == CLIP_TEXT

"""Deepgram's dialect, live: who is let in, and what ends a socket early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.plugins.auth.key_file import Key, KeyFile, digest
from sotto.transports.deepgram import dialect as deepgram
from sotto.transports.deepgram.dialect import DeepgramDialect
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.transports.deepgram_client import (
    CLOSE_STREAM,
    KEEP_ALIVE,
    RAW,
    address,
    check,
    hear_all,
    spoken,
    talk,
    transcript,
)

SOUND = pcm_s16le(CLIP).data
KEY = "sk-sotto-letmein"


# ---- silence on the wire


@pytest.fixture(scope="module")
def impatient() -> Iterator[Served]:
    """A server that waits for a second where Deepgram waits for ten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deepgram, "DeepgramDialect", lambda: DeepgramDialect(timeout=1.0))
        flags = [Flag("--idle", "server.idle_flush", 0.2), Flag("--most", "server.max_sessions", 2)]
        with serving(load(flags, environ={})) as served:
            yield served


async def test_a_silent_client_is_told_its_words_and_then_closed(impatient: Served) -> None:
    told = await talk(impatient, RAW, [spoken("nine")], finish=False)
    assert told.text() == "nine"
    assert told.messages[-1] == told.error
    assert told.error["message"] == "NET-0001"
    assert told.error["description"].startswith("expected sound or a KeepAlive within 1 s")
    assert told.close == (1011, "NET-0001")


async def test_empty_messages_do_not_keep_it(impatient: Served) -> None:
    async with connect(address(impatient, RAW)) as socket:
        hearing = asyncio.create_task(hear_all(socket))
        while not hearing.done():
            with suppress(ConnectionClosed):
                await socket.send(b"")
            await asyncio.wait({hearing}, timeout=0.1)
    assert hearing.result().close == (1011, "NET-0001")


async def test_keep_alive_keeps_a_silent_socket(impatient: Served) -> None:
    async with connect(address(impatient, RAW)) as socket:
        await socket.send(spoken("nine"))
        final = json.loads(await socket.recv())
        assert transcript(final) == "nine"  # committed though nothing more came
        for _ in range(6):
            await socket.send(KEEP_ALIVE)
            await asyncio.sleep(0.3)
        await socket.send(CLOSE_STREAM)
        check(await hear_all(socket))


async def test_too_many_streams_are_told_so(impatient: Served) -> None:
    query = {**RAW, "channels": 3, "multichannel": "true"}
    told = await talk(impatient, query, [], finish=False)
    assert told.error["err_code"] == "Service Unavailable"
    assert "at most 2 streams" in told.error["description"]
    assert told.close[0] == 1013
    assert impatient.service.open_streams == 0


async def test_a_client_that_vanishes_is_still_stored(server: Served) -> None:
    socket = await connect(address(server, RAW))
    await socket.send(SOUND)
    first = json.loads(await socket.recv())
    socket.transport.abort()
    session = first["metadata"]["request_id"]
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        segments = await server.service.store.segments(session)
        if " ".join(segment.text for segment in segments) == CLIP_TEXT:
            return
    pytest.fail("what was said before the cut is not in the store")


# ---- who is let in, and with what


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that asks for the key."""
    path: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    KeyFile(path).add(Key(name="one", sha256=digest(KEY)))
    flags = [
        Flag("--loopback", "auth.on_loopback", True),
        Flag("--keys", "auth.keys", str(path)),
    ]
    with serving(load(flags, environ={})) as served:
        yield served


@pytest.mark.parametrize("given", [None, "Token sk-sotto-wrong", KEY])
async def test_without_a_good_key_the_upgrade_is_refused(
    guarded: Served, given: str | None
) -> None:
    headers = {"Authorization": given} if given else {}
    with pytest.raises(InvalidStatus) as refused:
        await connect(address(guarded, RAW), additional_headers=headers)
    assert refused.value.response.status_code == 401
    body = json.loads(bytes(refused.value.response.body))
    assert set(body) == {"err_code", "err_msg", "request_id"}
    assert body["err_code"] == "INVALID_AUTH"


@pytest.mark.parametrize("scheme", ["Token", "token", "Bearer", "bearer"])
async def test_a_good_key_lets_in(guarded: Served, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {KEY}"}
    async with connect(address(guarded, RAW), additional_headers=headers) as socket:
        await socket.send(CLOSE_STREAM)
        check(await hear_all(socket))


async def test_a_browsers_key_comes_as_a_sub_protocol(guarded: Served) -> None:
    offered = [Subprotocol("token"), Subprotocol(KEY)]
    async with connect(address(guarded, RAW), subprotocols=offered) as socket:
        assert socket.subprotocol == "token"
        await socket.send(CLOSE_STREAM)
        check(await hear_all(socket))


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"encoding": "mp7", "sample_rate": 16_000}, "encoding"),
        ({"encoding": "g729", "sample_rate": 8_000}, "encoding"),
        ({"encoding": "linear16"}, "sample_rate"),
        ({"encoding": "linear16", "sample_rate": 1}, "sample rate"),
        ({"encoding": "linear16", "sample_rate": "fast"}, "sample_rate"),
        ({**RAW, "channels": 0}, "channels"),
        ({**RAW, "channels": 1_000, "multichannel": "true"}, "channels"),
        ({"multichannel": "true"}, "multichannel"),
        ({**RAW, "language": "klingon"}, "language"),
        ({**RAW, "interim_results": "perhaps"}, "interim_results"),
        ({**RAW, "endpointing": "soon"}, "milliseconds"),
        ({**RAW, "endpointing": "999999"}, "at most 10000 ms"),
        ({**RAW, "utterance_end_ms": "1000"}, "interim_results"),
        ({**RAW, "utterance_end_ms": "10", "interim_results": "true"}, "utterance_end_ms"),
        ({**RAW, "callback": "https://example.org"}, "callback"),
        ({**RAW, "redact": ["pci", "numbers"]}, "redact"),
        ({**RAW, "keyterm": ["x" * 600] * 2}, "1000 characters"),
    ],
)
async def test_a_bad_option_is_refused_at_the_upgrade(
    server: Served, query: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(address(server, query))
    assert refused.value.response.status_code == 400
    body = json.loads(bytes(refused.value.response.body))
    assert set(body) == {"err_code", "err_msg", "request_id"}
    assert body["err_code"] == "Bad Request"
    assert "expected" in body["err_msg"]
    assert param in body["err_msg"]


@pytest.mark.parametrize(
    ("query", "message", "code", "close"),
    [
        (RAW, "hello", "SchemaError", (1008, "")),
        (RAW, '{"type": "Dance"}', "SchemaError", (1008, "")),
        (RAW, '{"type": "Finalize", "channel": 1}', "SchemaError", (1008, "")),
        (RAW, "[" * 100_000, "SchemaError", (1008, "")),
        (RAW, bytes(5 << 20), "Payload Too Large", (1009, "")),
        ({}, b"no container" * 100, "Bad Request", (1008, "DATA-0000")),
        ({**RAW, "model": "gigantic"}, SOUND, "Bad Request", (1007, "")),
        ({**RAW, "language": "fr"}, SOUND, "Bad Request", (1007, "")),
        (
            {"encoding": "linear32", "sample_rate": 8_000},
            np.full(99, np.nan, "<f4").tobytes(),
            "Bad Request",
            (1008, "DATA-0000"),
        ),
    ],
)
async def test_a_fault_after_that_is_told_in_a_message(
    server: Served, query: dict[str, Any], message: str | bytes, code: str, close: tuple[int, str]
) -> None:
    told = await talk(server, query, [message])
    assert told.messages[-1] == told.error
    assert told.error["err_code"] == told.error["variant"] == code
    assert "expected" in told.error["description"]
    assert told.close == close


async def test_what_was_said_before_a_fault_is_told(server: Served) -> None:
    told = await talk(server, RAW, [SOUND, "nonsense"])
    assert told.text() == CLIP_TEXT
    assert told.messages[-1] == told.error


async def test_a_channel_that_fails_ends_the_others_after_their_last_word(
    server: Served,
) -> None:
    clip = np.frombuffer(SOUND, "<i2").astype("<f4") / 32_768
    broken = clip.copy()
    broken[-16_000:] = np.nan
    later = np.zeros((1_000, 2), "<f4").tobytes()
    query = {"encoding": "linear32", "sample_rate": 16_000, "channels": 2, "multichannel": "true"}
    whole = np.stack([clip, broken], axis=1).tobytes()
    told = await talk(server, query, [whole, *[later] * 2_000])
    assert told.text(0) == CLIP_TEXT
    assert told.error["description"] == "expected finite pcm_f32le samples, got NaN or infinity"
    assert told.messages[-1] == told.error
    assert told.close == (1008, "DATA-0000")

"""A server that is told to stop: nothing is lost, and it does stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from stoppable import Running, Speaker, process, stored
from websockets.asyncio.client import connect

from tests.asking import eventually
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le

SPEAKERS = 20
BOUND = 60.0
"""Seconds for what takes some: without a bound of the server's own it would take for ever."""


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


async def test_nothing_is_lost_of_twenty_live_streams(tmp_path: Path, clip: Pcm) -> None:
    file = tmp_path / "transcripts.db"
    speakers = [Speaker(clip) for _ in range(SPEAKERS)]
    with process(file) as running:
        speaking = [asyncio.create_task(each.speak(running.stream)) for each in speakers]
        await asyncio.gather(*(each.spoken.wait() for each in speakers))
        running.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*speaking)
        assert await asyncio.to_thread(running.process.wait, BOUND) == 0
    for each in speakers:
        assert each.session is not None
        assert each.close_code == 1012
        assert each.last["type"] == "error"
        assert (each.last["code"], each.last["retryable"]) == ("draining", True)
        told = [(final["utterance"], final["text"]) for final in each.finals]
        assert told == await stored(file, each.session)
    with process(file) as running:
        await asyncio.gather(*(each.speak(running.stream) for each in speakers))
    assert [each.last["type"] for each in speakers] == ["closed"] * SPEAKERS
    assert [each.text for each in speakers] == [CLIP_TEXT] * SPEAKERS


async def upgrade(running: Running, path: str) -> bytes:
    """What a client is answered that would open a socket."""
    host, port = running.host.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {running.host}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_client_that_neither_reads_nor_closes_is_not_waited_for(
    tmp_path: Path, clip: Pcm
) -> None:
    settings = {"stop_seconds": 2, "send_timeout": 3600}
    with process(tmp_path / "transcripts.db", **settings) as running:
        host, port = running.host.split(":")
        with closing(socket.socket()) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.connect((host, int(port)))
            async with connect(running.stream, sock=None) as silent:
                await silent.send("{}")
                await silent.recv()
                deaf.sendall(b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n" * 400)
                running.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(running.process.wait, BOUND) == 0


async def test_who_comes_is_told_to_come_back_and_a_second_signal_is_obeyed_at_once(
    tmp_path: Path, clip: Pcm
) -> None:
    file, speaker, late = tmp_path / "transcripts.db", Speaker(clip), Speaker(clip)
    with process(file, stop_seconds=3600, drain_seconds=3600) as running:
        speaking = asyncio.create_task(speaker.speak(running.stream))
        await speaker.spoken.wait()
        running.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(eventually, lambda: running.ready()[0] == 503)
        assert running.ready()[1]["error"]["code"] == "draining"
        await late.speak(running.stream)
        assert (late.last["code"], late.close_code) == ("draining", 1012)
        refused = await upgrade(running, "/vosk")
        assert b" 503 " in refused
        assert b"retry-after: 5" in refused.lower()
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(running.process.wait, BOUND) == -signal.SIGINT
        await speaking
    assert speaker.session is not None
    with closing(sqlite3.connect(file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    told = [(final["utterance"], final["text"]) for final in speaker.finals]
    assert (await stored(file, speaker.session))[: len(told)] == told

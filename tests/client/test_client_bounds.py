"""What waits, and what has a bound."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from unittest.mock import ANY

import pytest
from breaking_line import breaking_line
from heard_events import follows_the_promise, of, text_of
from spoken_clip import HANGS, PCM, SOON, pieces
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import sotto.client.async_stream
from sotto import AsyncClient, errors
from sotto.client import (
    Acknowledged,
    Closed,
    Event,
    Final,
    Resumed,
)
from tests.serving import Served
from tests.speech import CLIP_TEXT


async def test_who_sends_faster_than_the_network_waits(server: Served):
    most, sent, is_full = 1_200, 0, asyncio.Event()  # pieces: two minutes
    async with (
        asyncio.timeout(HANGS),
        breaking_line(server.host) as line,
        AsyncClient(line.url, patience=SOON).stream(sample_rate=PCM.rate) as stream,
    ):
        line.cut()

        async def send() -> None:
            nonlocal sent
            for piece in pieces() * 30:
                await stream.send(piece)
                sent += 1
                if sent == most:
                    is_full.set()
            await stream.finish()

        sending = asyncio.create_task(send())
        await is_full.wait()
        await line.refused.wait()
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert sent - most < 10
        line.mend()
        events = [event async for event in stream]
        await sending
    follows_the_promise(events)
    assert events[-1] == Closed(pytest.approx(30 * PCM.seconds, abs=0.1), ANY, ANY)


async def test_a_long_silence_is_let_go_and_what_follows_is_heard(server: Served):
    """Sending would wait for ever if all of it was kept."""
    silence = bytes(PCM.rate * 2 * 200)
    async with (
        asyncio.timeout(HANGS),
        breaking_line(server.host) as line,
        AsyncClient(line.url, patience=SOON).stream(sample_rate=PCM.rate) as stream,
    ):
        await stream.send(silence)
        await line.cut_off()
        await stream.send(PCM.data)
        await stream.finish()
        events = [event async for event in stream]
    assert text_of(events) == CLIP_TEXT
    follows_the_promise(events)
    assert 200 - 120 <= of(events, Resumed)[0].at <= 200
    assert of(events, Acknowledged)[0].until < 10
    assert of(events, Final)[0].start == pytest.approx(200, abs=0.5)


async def test_a_program_that_never_reads_is_told_so(monkeypatch: pytest.MonkeyPatch):
    """By a server that never stops talking; what is unread has a bound."""
    monkeypatch.setattr(sotto.client.async_stream, "MOST_UNREAD", 50)
    monkeypatch.setattr(sotto.client.async_stream, "READ_SECONDS", 0.2)
    ready = {"session": "s", "model": "m", "task": "t", "encoding": "e", "policy": "p"}
    told = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal told
        await socket.recv()
        await socket.send(json.dumps({"type": "ready", "version": "0", **ready}))
        warning = json.dumps({"type": "warning", "code": "c", "message": "m" * 10_000})
        with suppress(ConnectionClosed):
            while True:
                await socket.send(warning)
                told += 1

    async with serve(talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        async with AsyncClient(f"{host}:{port}").stream() as stream, asyncio.timeout(HANGS):
            with pytest.raises(errors.TooSlow, match="got 50 unread"):
                while True:
                    await stream.send(bytes(3_200))
            events: list[Event] = []
            with pytest.raises(errors.TooSlow):
                async for event in stream:
                    events.append(event)
            assert len(events) == 50

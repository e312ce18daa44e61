"""Connections that break, servers that die: no word is lost, and none is told twice."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from threading import Thread

import pytest
from breaking_line import breaking_line
from heard_events import follows_the_promise, of, text_of
from spoken_clip import HANGS, PCM, SOON, pieces
from tls_pair import contexts
from websockets.asyncio.server import ServerConnection, serve

import sotto.client.line
from sotto import AsyncClient, Client, errors
from sotto.client import (
    Closed,
    Committed,
    Event,
    Final,
    Patience,
    Ready,
    Reconnecting,
    Resumed,
    SpeechStarted,
    Unreachable,
)
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT


async def test_a_line_that_breaks_in_the_middle_of_a_word(server: Served):
    async with breaking_line(server.host) as line, asyncio.timeout(HANGS):
        events: list[Event] = []
        async with AsyncClient(line.url, patience=SOON).stream(sample_rate=PCM.rate) as stream:
            for piece in pieces()[:13]:  # the clip's first word is not over
                await stream.send(piece)
            async for event in stream:
                events.append(event)
                if isinstance(event, SpeechStarted):
                    await line.cut_off()
                    break
            for piece in pieces()[13:]:
                await stream.send(piece)
            await stream.finish()
            events += [event async for event in stream]
        assert text_of(events) == CLIP_TEXT
        follows_the_promise(events)
        assert [(event.at, event.utterance) for event in of(events, Resumed)] == [(0.0, 0)]
        assert isinstance(of(events, Reconnecting)[0].error, Unreachable)
        assert len(of(events, Ready)) == line.connections == 2


async def test_times_go_on_after_a_cut_between_two_utterances(server: Served):
    twice = PCM.data + bytes(PCM.rate * 2) + PCM.data
    client = AsyncClient(server.url)
    unbroken = [event async for event in client.listen([twice], sample_rate=PCM.rate)]
    async with breaking_line(server.host) as line, asyncio.timeout(HANGS):
        events: list[Event] = []
        client = AsyncClient(line.url, patience=SOON)
        async with client.stream(sample_rate=PCM.rate) as stream:
            await stream.send(twice[: len(PCM.data) + PCM.rate * 2])
            async for event in stream:
                events.append(event)
                if text_of(events) == CLIP_TEXT:
                    break
            await line.cut_off()
            await stream.send(twice[len(PCM.data) + PCM.rate * 2 :])
            await stream.finish()
            events += [event async for event in stream]
    follows_the_promise(events)
    assert of(events, Resumed)[0].at == of(events, Final)[of(events, Resumed)[0].utterance - 1].end
    assert text_of(events) == text_of(unbroken) == f"{CLIP_TEXT} {CLIP_TEXT}"
    for final, other in zip(of(events, Final), of(unbroken, Final), strict=True):
        assert final.start == pytest.approx(other.start, abs=0.1)
        assert final.end == pytest.approx(other.end, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
async def test_a_line_that_breaks_again_and_again(server: Served, seed: int):
    """At ten places that nobody chose, of three clips in a row."""
    gap = bytes(PCM.rate * 2)
    sound = [*pieces(), gap, *pieces(), gap, *pieces()]
    chance = random.Random(seed)
    breaks = [chance.randrange(1_000, 2 * len(PCM.data)) for _ in range(10)]
    async with breaking_line(server.host, breaks) as line, asyncio.timeout(2 * HANGS):
        client = AsyncClient(line.url, patience=SOON)
        async with client.stream(sample_rate=PCM.rate) as stream:
            for piece in sound:
                await stream.send(piece)
            await stream.finish()
            events = [event async for event in stream]
        follows_the_promise(events)
        assert text_of(events) == " ".join([CLIP_TEXT] * 3)
        assert of(events, Resumed)


async def test_a_line_that_breaks_before_the_last_words(server: Served):
    async with breaking_line(server.host) as line, asyncio.timeout(HANGS):
        events: list[Event] = []
        async with AsyncClient(line.url, patience=SOON).stream(sample_rate=PCM.rate) as stream:
            await stream.send(PCM.data)
            async for event in stream:
                events.append(event)
                if isinstance(event, Committed):
                    break
            line.cut()
            await stream.finish()
            await line.refused.wait()
            line.mend()
            events += [event async for event in stream]
    assert text_of(events) == CLIP_TEXT
    follows_the_promise(events)


async def test_a_line_on_which_nothing_comes_any_more_is_given_up(
    server: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sotto.client.line, "SILENT_SECONDS", 0.5)
    async with (
        asyncio.timeout(HANGS),
        breaking_line(server.host) as line,
        AsyncClient(line.url, patience=SOON).stream(sample_rate=PCM.rate) as stream,
    ):
        line.hold()
        await stream.send(PCM.data)
        await stream.finish()
        events = [event async for event in stream]
    assert text_of(events) == CLIP_TEXT
    assert of(events, Resumed)[0] == Resumed(0.0, 0)


async def test_a_client_that_gives_up_says_why(server: Served):
    patience = Patience(tries=2, waits=(0.0,))
    async with (
        asyncio.timeout(HANGS),
        breaking_line(server.host) as line,
        AsyncClient(line.url, patience=patience).stream(sample_rate=PCM.rate) as stream,
    ):
        line.cut()
        events: list[Event] = []
        with pytest.raises(Unreachable):
            async for event in stream:
                events.append(event)
        assert len(of(events, Reconnecting)) == 2
        with pytest.raises(Unreachable):
            await stream.send(PCM.data)


async def test_the_line_may_be_encrypted(server: Served, tmp_path: Path):
    there, here = contexts(tmp_path)
    async with breaking_line(server.host, tls=there) as line, asyncio.timeout(HANGS):
        url = line.url.replace("ws://127.0.0.1", "wss://localhost")
        client = AsyncClient(url, tls=here)
        events = [event async for event in client.listen(pieces(), sample_rate=PCM.rate)]
        assert text_of(events) == CLIP_TEXT
        assert (await client.transcribe(CLIP)).text == CLIP_TEXT
        with pytest.raises(Unreachable, match="certificate"):
            async with AsyncClient(url).stream():
                pass
        with pytest.raises(Unreachable, match="certificate"):
            await AsyncClient(url).transcribe(CLIP)


def test_a_line_that_breaks_without_an_event_loop(server: Served):
    """In the middle of what is read, from a thread that knows no loop."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(HANGS)

    context = breaking_line(server.host)
    line = run(context.__aenter__())
    try:
        events = []
        client = Client(line.url, patience=SOON)
        for event in client.listen(pieces(), sample_rate=PCM.rate):
            if isinstance(event, Committed) and not of(events, Committed):
                run(line.cut_off())
            events.append(event)
    finally:
        run(context.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert text_of(events) == CLIP_TEXT
    assert of(events, Resumed)
    follows_the_promise(events)


async def test_a_refusal_in_the_middle_is_the_end(server: Served):
    """The line leads to another server then, which asks for a key."""

    async def refuse(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type": "error", "code": "unauthorized", "message": "no"}')
        await socket.close(1008)

    async with (
        asyncio.timeout(HANGS),
        breaking_line(server.host) as line,
        serve(refuse, "127.0.0.1", 0) as other,
        AsyncClient(line.url, patience=SOON).stream(sample_rate=PCM.rate) as stream,
    ):
        line.server = next(iter(other.sockets)).getsockname()
        await line.cut_off()
        with pytest.raises(errors.Unauthorized, match="no"):
            async for event in stream:
                assert not isinstance(event, Closed)

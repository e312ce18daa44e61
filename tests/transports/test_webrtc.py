"""Calls over WebRTC, with aiortc as the client, on a server of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aioice.ice
import httpx2
import pytest

from sotto.app.settings import load
from sotto.app.stopping import Patience, let_go
from sotto.audio.mel8 import make_mel8
from sotto.runtime.closing import Closing
from tests.asking import eventually
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le
from tests.transports.mel_pictures import clip_mel
from tests.transports.webrtc_client import Caller, calling

TRANSCRIPTION = {"type": "transcription"}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(load(environ={})) as served:
        yield served


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


async def until_nobody_calls(server: Served) -> None:
    await asyncio.to_thread(eventually, lambda: not server.service.closing.has_clients)


async def test_what_is_said_on_the_track_is_written_on_the_channel(
    server: Served, clip: Pcm, no_traceback: None
) -> None:
    async with calling(server, TRANSCRIPTION, clip=clip) as (caller, mouth):
        assert caller.events[0]["session"]["type"] == "transcription"
        assert mouth is not None
        mouth.speak()
        await caller.until_heard(CLIP_TEXT)
        ends = [event["audio_end_ms"] for event in caller.of("input_audio_buffer.speech_stopped")]
        assert 6_000 < ends[-1] < mouth.milliseconds  # the track's own clock
        caller.send("input_audio_buffer.append", audio="AAAA")
        assert "track" in (await caller.until("error"))["error"]["message"]
        caller.channel.send("no event")
        await caller.until(lambda event: event.get("error", {}).get("code") == "invalid_event")
    await until_nobody_calls(server)


async def test_images_on_the_channel_are_heard_without_a_track(
    server: Served, no_traceback: None
) -> None:
    mel, step = clip_mel(), 50
    async with calling(server, {**TRANSCRIPTION, "sotto": {"sound": "mel"}}) as (caller, _):
        for at in range(0, len(mel), step):
            caller.channel.send(make_mel8(mel[at : at + step], position=at))
        caller.send("input_audio_buffer.commit")
        await caller.until_heard(CLIP_TEXT)
        assert caller.pieces == []


async def test_a_client_that_vanishes_is_found_out(
    server: Served, clip: Pcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.2)  # of 5 s, so that none waits for it
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
    async with calling(server, TRANSCRIPTION, clip=clip) as (caller, mouth):
        assert mouth is not None
        mouth.speak()
        await caller.until("input_audio_buffer.speech_started")
        caller.vanish()
        await until_nobody_calls(server)
    assert server.service.open_streams == 0


async def test_a_client_that_hangs_up_is_gone_at_once(server: Served, clip: Pcm) -> None:
    async with calling(server, TRANSCRIPTION, clip=clip) as (caller, _):
        await caller.connection.close()
        await until_nobody_calls(server)


async def test_who_never_connects_does_not_hold_a_server_that_stops(server: Served) -> None:
    caller = Caller()
    sdp = await caller.offer()
    await caller.close()
    headers = {"Content-Type": "application/sdp"}
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
        answer = await http.post("/v1/realtime/calls", content=sdp, headers=headers)
    assert answer.status_code == 201
    assert server.service.closing.has_clients
    await asyncio.to_thread(stop, server)
    await until_nobody_calls(server)


async def test_a_call_is_told_that_the_server_stops_once_all_its_words_are(
    server: Served, clip: Pcm
) -> None:
    async with calling(server, TRANSCRIPTION, clip=clip) as (caller, mouth):
        assert mouth is not None
        mouth.speak()
        await caller.until(lambda event: "two" in event.get("delta", ""))
        await asyncio.to_thread(stop, server)
        await caller.until_closed()
        assert caller.events[-1]["error"]["code"] == "draining"
        assert caller.transcript().startswith("nine two")


def stop(served: Served) -> None:
    """As a signal would, but that the server goes on afterwards."""
    service = served.service
    try:
        letting = let_go(service, Patience(0, 30))
        asyncio.run_coroutine_threadsafe(letting, served.loop).result(60)
    finally:
        service.draining, service.closing = False, Closing()

"""Live interpretation over a real socket."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest
from websockets.asyncio.client import connect

from sotto.testing.talking import PITCHES
from tests.serving import Served
from tests.speech import CLIP, pcm_s16le
from tests.transports.realtime_client import Talk, talking
from tests.transports.talk_partner import talk_server

TRANSLATIONS = "/translations?model=gpt-realtime-translate"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with talk_server() as served:
        yield served


async def speak(talk: Talk, data: bytes) -> None:
    for at in range(0, len(data), 9_600):
        audio = base64.b64encode(data[at : at + 9_600]).decode()
        await talk.send("session.input_audio_buffer.append", audio=audio)


def said(talk: Talk) -> str:
    return "".join(event["delta"] for event in talk.of("session.output_transcript.delta"))


async def test_what_is_said_is_said_in_the_other_language(
    server: Served, clip_at_24k: bytes
) -> None:
    async with talking(server, TRANSLATIONS) as talk:
        session = talk.events[0]["session"]
        assert (session["type"], session["model"]) == ("translation", "gpt-realtime-translate")
        wanted = {"input": {"transcription": {"model": "whisper-1"}}, "output": {"language": "es"}}
        updated = await talk.update({"audio": wanted})
        assert updated["audio"]["output"] == {"language": "es"}
        await speak(talk, clip_at_24k + bytes(48_000))
        await talk.send("session.close")
        await talk.until("session.closed")
        assert await talk.until_closed() == 1000
        heard = "".join(event["delta"] for event in talk.of("session.input_transcript.delta"))
        assert heard.split() == ["nine", "two", "five", "eight", "three", "one"]
        assert said(talk).startswith("You said nine")
        assert "said one. Good day." in said(talk) or "three one. Good day." in said(talk)
        deltas = talk.of("session.output_audio.delta")
        first = deltas[0]
        assert (first["format"], first["sample_rate"], first["channels"]) == ("pcm16", 24_000, 1)
        ends = [event["elapsed_ms"] for event in deltas]
        assert ends == sorted(ends)
        sound = np.frombuffer(b"".join(base64.b64decode(e["delta"]) for e in deltas), "<i2")
        spectrum = np.abs(np.fft.rfft(sound[:24_000]))
        assert abs(int(spectrum.argmax()) - PITCHES["es"]) <= 3


async def test_the_language_may_change(server: Served, clip_at_24k: bytes) -> None:
    async with talking(server, TRANSLATIONS) as talk:
        one = clip_at_24k[: 48_000 + 48_000 // 5]
        for language in ("fr", "en"):
            await talk.update({"audio": {"output": {"language": language}}})
            await speak(talk, one + bytes(96_000))
            await talk.until("session.output_audio.delta")
        await talk.update({"audio": {"output": {"language": "xx"}}})
        await talk.send("dance", event_id="e")
        assert (await talk.refusal())["event_id"] == "e"
        await talk.send("session.close")
        await talk.until("session.closed")
        errors = [event["error"]["code"] for event in talk.of("error")]
        assert errors == ["invalid_value", "invalid_event"]


async def test_other_paths_are_refused(server: Served) -> None:
    async with connect(f"ws://{server.host}/v1/realtime/dances") as socket:
        assert "another path" in str(await socket.recv())


@pytest.fixture(scope="module")
def clip_at_24k() -> bytes:
    """s16le."""
    clip = pcm_s16le(CLIP)
    samples = np.frombuffer(clip.data, "<i2").astype(np.float64)
    places = np.arange(0, len(samples) - 1, clip.rate / 24_000)
    return np.interp(places, np.arange(len(samples)), samples).astype("<i2").tobytes()

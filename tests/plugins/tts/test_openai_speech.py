"""Speech of another server: our own `/v1/audio/speech`, and some that are broken, over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from sotto.app.settings import load
from sotto.dialogue.items import OUTPUT_RATE
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase, Synthesizer
from sotto.plugins.tts import openai_speech
from sotto.plugins.tts.openai_speech import VOICES, OpenAISpeech
from sotto.testing.synthesizer_contract import (
    SynthesizerContract,
    generator,
    joined,
    spoken,
)
from sotto.testing.talking import ScriptedChat, ToneVoice
from tests.asking import eventually
from tests.serving import Served, serving

KEY = "sk-nobody-may-read-this"
HELLO = Phrase("Hello.", "en")


@pytest.fixture(scope="module")
def tone() -> ToneVoice:
    return ToneVoice()


@pytest.fixture(scope="module")
def served(tone: ToneVoice) -> Iterator[Served]:
    partner = Partner(ScriptedChat(["Yes."]), Voices([tone]))
    with serving(load(environ={}), partner=partner) as served:
        yield served


class TestOpenAISpeech(SynthesizerContract):
    @pytest.fixture
    async def synthesizer(self, served: Served) -> AsyncIterator[Synthesizer]:
        synthesizer = OpenAISpeech(url=f"{served.url}/v1", key=KEY)
        yield synthesizer
        await synthesizer.close()


@asynccontextmanager
async def asking(url: str, timeout: float = 30.0) -> AsyncIterator[OpenAISpeech]:
    synthesizer = OpenAISpeech(url=url, key=KEY, timeout=timeout)
    yield synthesizer
    await synthesizer.close()


async def test_it_learns_voices_and_whether_a_language_may_be_said(
    served: Served, tone: ToneVoice
) -> None:
    async with asking(f"{served.url}/v1") as synthesizer:
        assert synthesizer.voices == VOICES
        await synthesizer.warm_up()
        assert synthesizer.voices == tone.voices
        await spoken(synthesizer, Phrase("Hola.", "es", tone.voices[1], 2.0))
    said = tone.spoken[-1]
    assert (said.text, said.language, said.voice, said.speed) == ("Hola.", "es", "tone-high", 2.0)


async def test_closing_it_stops_the_server(served: Served) -> None:
    async with asking(f"{served.url}/v1") as synthesizer:
        long = generator(synthesizer, Phrase("word " * 190, "en"))
        async with aclosing(long):
            await anext(long)
    await asyncio.to_thread(eventually, lambda: served.service.open_files == 0)


@asynccontextmanager
async def broken(answer: bytes, *, hangs: bool = False) -> AsyncIterator[str]:
    """A server that gives one answer to all; `hangs`: and neither ends it nor hangs up."""
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if hangs:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}/v1"
        over.set()


def answer(status: str, kind: str, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (answer("401 No", "application/json", b'{"error": {"message": "bad %s"}}' % KEY.encode()),
         "status 401"),
        (answer("200 OK", "audio/mpeg", bytes(99)), "audio/mpeg"),
        (answer("200 OK", "text/html", b"<html>"), "text/html"),
        (answer("200 OK", "audio/pcm", bytes(2_000), 4_000), "RemoteProtocolError"),
        (b"no HTTP at all\r\n\r\n", "APIConnectionError"),
        (b"", "APIConnectionError"),
    ],
)  # fmt: skip
async def test_a_server_that_breaks_is_told_without_the_key(
    told: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with broken(told) as url, asking(url) as synthesizer:
            with pytest.raises(VoiceUnavailable) as failure:
                await spoken(synthesizer, HELLO)
    assert why in failure.value.message
    assert KEY not in failure.value.message + caplog.text


async def test_a_server_that_is_not_there_is_told() -> None:
    async with asking("http://127.0.0.1:9/v1") as synthesizer:
        with pytest.raises(VoiceUnavailable, match=r"127\.0\.0\.1:9 does not speak"):
            await spoken(synthesizer, HELLO)
        with pytest.raises(VoiceUnavailable):
            await synthesizer.warm_up()


async def test_a_server_that_says_nothing_more_is_given_up() -> None:
    half = answer("200 OK", "audio/pcm", bytes(2_000), 4_000)
    async with broken(half, hangs=True) as url, asking(url, timeout=0.3) as synthesizer:
        pieces = generator(synthesizer, HELLO)
        async with aclosing(pieces):
            assert len(await anext(pieces)) == 1_000
            with pytest.raises(VoiceUnavailable):
                await anext(pieces)


async def test_one_that_never_stops_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_speech, "MAX_SECONDS", 1)
    endless = answer("200 OK", "audio/pcm", bytes(4 * OUTPUT_RATE))
    async with broken(endless) as url, asking(url) as synthesizer:
        with pytest.raises(VoiceUnavailable, match="does not stop"):
            await spoken(synthesizer, HELLO)


async def test_half_a_sample_at_the_end_is_left_out() -> None:
    odd = answer("200 OK", "application/octet-stream", bytes(2_001))
    async with broken(odd) as url, asking(url) as synthesizer:
        assert len(joined(await spoken(synthesizer, HELLO))) == 1_000

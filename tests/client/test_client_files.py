"""Whole files."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from sotto import AsyncClient, Client, errors
from sotto.client import (
    Patience,
)
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

PCM = pcm_s16le(CLIP)
AT_ONCE = Patience(waits=(0.0,))


async def test_a_file_and_its_words(server: Served):
    client = AsyncClient(server.url)
    transcript = await client.transcribe(CLIP, language="en")
    assert transcript.text == CLIP_TEXT
    assert [word.text for word in transcript.words] == CLIP_TEXT.split()
    assert transcript.duration == pytest.approx(PCM.seconds, abs=0.05)
    assert (transcript.language, transcript.task) == ("english", "transcribe")
    assert " ".join(segment.text for segment in transcript.segments) == CLIP_TEXT
    assert await client.transcribe(io.BytesIO(CLIP.read_bytes()), language="en") == transcript
    assert Client(server.url).transcribe(str(CLIP), language="en") == transcript


async def test_a_file_that_is_none(server: Served, tmp_path: Path):
    client = AsyncClient(server.url)
    with pytest.raises(errors.BadAudio, match="No such file"):
        await client.transcribe(tmp_path / "nothing.wav")
    with pytest.raises(errors.BadAudio):
        await client.transcribe(io.BytesIO(b"no sound at all"))
    with pytest.raises(errors.UnknownModel):
        await client.transcribe(CLIP, model="huge")
    with pytest.raises(errors.BadOption, match="got 'langauge'"):
        await client.transcribe(CLIP, langauge="en")  # type: ignore[call-arg]
    with pytest.raises(errors.BadOption, match="expected transcribe with"):
        await client.transcribe(CLIP, task="translate", hotwords="nine")


async def test_a_file_that_is_given_up(server: Served):
    """The server hears of it while it waits for the rest."""
    waits = asyncio.Event()
    loop = asyncio.get_running_loop()
    release = io.BytesIO(CLIP.read_bytes())

    class Slow(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            piece = release.read(1_000)
            loop.call_soon_threadsafe(waits.set)
            return piece or bytes(1_000)

    uploading = asyncio.create_task(AsyncClient(server.url).transcribe(Slow()))  # type: ignore[arg-type]
    await waits.wait()
    uploading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await uploading
    assert (await AsyncClient(server.url).transcribe(CLIP)).text == CLIP_TEXT

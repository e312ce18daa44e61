"""`sotto bench talk` with a real server: conversations side by side, one of them interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sotto.app.settings import load
from sotto.audio.format import SAMPLE_RATE
from sotto.bench.clips import read_clips
from sotto.bench.servers import Server
from sotto.bench.streams.sound import Bank
from sotto.bench.talk.plan import Plan
from sotto.bench.talk.run import Bench
from sotto.client.talking import TalkOptions
from sotto.clock import SystemClock
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.interfaces.chat import ChatRequest, Said
from sotto.testing.talking import ScriptedChat, ToneVoice
from sotto.training.manifest import read_manifest
from tests.serving import Served, serving
from tests.word_clips import word_clips


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(read_clips([read_manifest(word_clips(tmp_path / "digits"))]))


def repeat(request: ChatRequest) -> list[str]:
    """About two seconds of sound."""
    said = request.messages[-1]
    return [said.text, " and so on and so on"] if isinstance(said, Said) else []


@pytest.fixture
def echo() -> Iterator[Served]:
    """A server that repeats what it heard, by a tone."""
    partner = Partner(ScriptedChat(by=repeat), Voices([ToneVoice()]))
    with serving(load(environ={}), partner=partner) as running:
        yield running


async def test_conversations_are_measured_and_none_hears_anothers_words(
    echo: Served, bank: Bank
) -> None:
    options = TalkOptions(rate=SAMPLE_RATE, holds=True)
    bench = Bench(Server(echo.url), bank, SystemClock(), options, patience=60.0)
    plan = Plan(conversations=2, turns=1, interruptions=1, words=(2, 3), after=0.3)
    result = await bench.run(plan, repeats=True)
    assert result.failures == ()
    assert (result.questions, result.answered) == (6, 6)
    assert (result.interruptions + result.short, result.unstopped, result.mixed) == (2, 0, 0)
    assert result.wer == 0
    assert result.first_sound is not None and result.own is not None
    assert 0.3 < result.own.p50 <= result.first_sound.most
    assert result.quiet is None or result.stop is not None


async def test_a_server_that_hangs_up_is_a_failure_of_each(bank: Bank) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listener:
        host, port = listener.sockets[0].getsockname()[:2]
        bench = Bench(Server(f"http://{host}:{port}"), bank, SystemClock(), TalkOptions())
        result = await bench.run(Plan(conversations=2), repeats=True)
    assert len(result.failures) == 2
    assert all("cannot reach" in failure for failure in result.failures)
    assert (result.questions, result.first_sound) == (0, None)

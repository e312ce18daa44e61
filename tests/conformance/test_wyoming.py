"""Home Assistant's road: the client of the released `wyoming` package, as it is."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.asking import eventually
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.wyoming_port import WyomingServed, serving_wyoming

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # audioop, which Python 3.13 has no more
    from wyoming.asr import (
        Transcribe,
        Transcript,
        TranscriptChunk,
        TranscriptStart,
        TranscriptStop,
    )
    from wyoming.audio import AudioChunk, AudioChunkConverter, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.error import Error
    from wyoming.event import Event
    from wyoming.info import Describe, Info, SelectProgram
    from wyoming.ping import Ping, Pong

TIMEOUT = 60.0


@pytest.fixture(scope="module")
def served() -> Iterator[WyomingServed]:
    with serving_wyoming() as served:
        yield served


def client(served: WyomingServed) -> AsyncTcpClient:
    return AsyncTcpClient("127.0.0.1", served.port, connect_timeout=5, read_timeout=TIMEOUT)


def chunks(seconds: float | None = None) -> list[AudioChunk]:
    """The clip in pieces of 1,024 samples, as the package's tools cut it."""
    pcm = pcm_s16le(CLIP)
    assert pcm.rate == 16_000
    end = len(pcm.data) if seconds is None else int(seconds * pcm.rate) * 2
    pieces = [pcm.data[at : min(at + 2_048, end)] for at in range(0, end, 2_048)]
    return [AudioChunk(rate=16_000, width=2, channels=1, audio=piece) for piece in pieces]


async def say(client: AsyncTcpClient, said: list[AudioChunk], *, stop: bool = True) -> None:
    first = said[0]
    start = AudioStart(rate=first.rate, width=first.width, channels=first.channels)
    await client.write_event(start.event())
    for chunk in said:
        await client.write_event(chunk.event())
    if stop:
        await client.write_event(AudioStop().event())


async def until(client: AsyncTcpClient, kind: type) -> list[Event]:
    """What comes up to the first event of a kind."""
    events: list[Event] = []
    while not events or not kind.is_type(events[-1].type):
        event = await client.read_event()
        assert event is not None, [event.type for event in events]
        events.append(event)
    return events


async def test_it_says_what_it_offers(served: WyomingServed) -> None:
    async with client(served) as asking:
        await asking.write_event(Describe().event())
        info = Info.from_event((await until(asking, Info))[-1])
    (program,) = info.asr
    assert program.name == "sotto"
    assert program.installed
    assert program.supports_transcript_streaming
    assert program.version
    (model,) = program.models
    assert (model.name, model.languages, model.installed) == ("nano", ["en"], True)
    assert info.wake == []


async def test_home_assistant_gets_its_text(served: WyomingServed) -> None:
    """Its integration looks at nothing but `transcript`, and hangs up then."""
    async with client(served) as asking:
        await asking.write_event(Transcribe(language="en").event())
        await say(asking, chunks())
        transcript = Transcript.from_event((await until(asking, Transcript))[-1])
    assert transcript.text == CLIP_TEXT
    assert transcript.language == "en"


async def test_a_transcript_is_streamed_in_order(served: WyomingServed) -> None:
    async with client(served) as asking:
        await asking.write_event(Transcribe(name="nano", language="en-US").event())
        await say(asking, chunks(), stop=False)
        before = await until(asking, TranscriptChunk)  # words come while nothing says the end
        await asking.write_event(AudioStop().event())
        events = [*before, *await until(asking, TranscriptStop)]
    assert TranscriptStart.is_type(events[0].type)
    assert TranscriptStart.from_event(events[0]).language == "en"
    assert Transcript.is_type(events[-2].type)
    assert all(TranscriptChunk.is_type(event.type) for event in events[1:-2])
    told = [TranscriptChunk.from_event(event).text for event in events[1:-2]]
    assert len(told) >= 2
    assert "".join(told) == Transcript.from_event(events[-2]).text == CLIP_TEXT


async def test_one_utterance_after_the_other(served: WyomingServed) -> None:
    async with client(served) as asking:
        for seconds, text in [(None, CLIP_TEXT), (1.3, "nine"), (None, CLIP_TEXT)]:
            await say(asking, chunks(seconds))
            events = await until(asking, TranscriptStop)
            assert Transcript.from_event(events[-2]).text == text
            assert sum(TranscriptStart.is_type(event.type) for event in events) == 1


async def test_the_last_word_is_told_where_the_sound_ends_with_it(served: WyomingServed) -> None:
    async with client(served) as asking:
        await say(asking, chunks(6.5))
        assert Transcript.from_event((await until(asking, Transcript))[-1]).text == CLIP_TEXT


async def test_nothing_said_is_an_empty_transcript(served: WyomingServed) -> None:
    async with client(served) as asking:
        await say(asking, [AudioChunk(rate=16_000, width=2, channels=1, audio=bytes(64_000))])
        events = await until(asking, TranscriptStop)
        await asking.write_event(AudioStart(rate=16_000, width=2, channels=1).event())
        await asking.write_event(AudioStop().event())
        events += await until(asking, TranscriptStop)
    assert [event.type for event in events] == [
        "transcript-start",
        "transcript",
        "transcript-stop",
    ] * 2
    assert {event.data["text"] for event in events if Transcript.is_type(event.type)} == {""}


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(16_000, 4, 1), (16_000, 2, 2), (48_000, 2, 1), (8_000, 4, 2)]
)
async def test_sound_in_other_forms(
    served: WyomingServed, rate: int, width: int, channels: int
) -> None:
    converter = AudioChunkConverter(rate=rate, width=width, channels=channels)
    async with client(served) as asking:
        await say(asking, [converter.convert(chunk) for chunk in chunks()])
        transcript = Transcript.from_event((await until(asking, Transcript))[-1])
    assert transcript.text == CLIP_TEXT


async def test_it_answers_while_it_listens(served: WyomingServed) -> None:
    async with client(served) as asking:
        await asking.write_event(SelectProgram(name="sotto").event())  # unknown here, as to others
        await asking.write_event(Ping(text="before").event())
        assert Pong.from_event((await until(asking, Pong))[-1]).text == "before"
        await say(asking, chunks(), stop=False)
        await asking.write_event(Ping(text="while").event())
        assert Pong.from_event((await until(asking, Pong))[-1]).text == "while"
        await asking.write_event(AudioStop().event())
        assert Transcript.from_event((await until(asking, Transcript))[-1]).text == CLIP_TEXT


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Transcribe(name="gigantic"), "unknown_model"),
        (Transcribe(language="xx"), "unknown_language"),
        (Transcribe(language="fr"), "unknown_language"),
    ],
)
async def test_a_refusal_is_an_error_and_the_end(
    served: WyomingServed, wanted: Transcribe, code: str
) -> None:
    async with client(served) as asking:
        await asking.write_event(wanted.event())
        await say(asking, chunks(1.0))
        error = Error.from_event((await until(asking, Error))[-1])
        assert await asking.read_event() is None
    assert error.code == code
    assert error.text.startswith("expected ")


async def test_one_too_many_is_told_so(served: WyomingServed) -> None:
    service = served.server.service
    limits = service.limits
    service.limits = replace(limits, max_sessions=0)
    try:
        async with client(served) as asking:
            await say(asking, chunks(1.0))
            error = Error.from_event((await until(asking, Error))[-1])
            assert await asking.read_event() is None
    finally:
        service.limits = limits
    assert error.code == "overloaded"


async def test_eight_at_once_do_not_mix(served: WyomingServed) -> None:
    async def ask(seconds: float | None) -> str:
        async with client(served) as asking:
            await say(asking, chunks(seconds))
            return Transcript.from_event((await until(asking, Transcript))[-1]).text

    told = await asyncio.gather(*[ask(seconds) for seconds in [None, 1.3] * 4])
    assert told == [CLIP_TEXT, "nine"] * 4
    await asyncio.to_thread(eventually, lambda: served.server.service.open_streams == 0)

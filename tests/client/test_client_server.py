"""The client and the real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from heard_events import follows_the_promise, of, text_of

from sotto import AsyncClient, Client, errors
from sotto.app.setting_sources import Flag
from sotto.client import (
    Acknowledged,
    Closed,
    Committed,
    Event,
    Final,
    Patience,
    Ready,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Unreachable,
)
from tests.asking import eventually
from tests.serving import Served, guarded
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

PCM = pcm_s16le(CLIP)
AT_ONCE = Patience(waits=(0.0,))


def pieces(seconds: float = 0.1) -> list[bytes]:
    step = int(PCM.rate * seconds) * 2
    return [PCM.data[at : at + step] for at in range(0, len(PCM.data), step)]


async def heard_of(client: AsyncClient, **options) -> list[Event]:
    return [event async for event in client.listen(pieces(), sample_rate=PCM.rate, **options)]


async def test_sound_in_events_out(server: Served):
    async with AsyncClient(server.url).stream(language="en", sample_rate=PCM.rate) as stream:
        await stream.send(PCM.data)
        await stream.finish()
        events = [event async for event in stream]
    assert text_of(events) == CLIP_TEXT
    follows_the_promise(events)
    assert isinstance(events[0], Ready)
    assert (events[0].model, events[0].language) == ("nano", "en")
    kinds = {type(event) for event in events}
    assert kinds >= {Ready, SpeechStarted, Committed, SpeechEnded, Final, Acknowledged, Closed}
    words = [word for event in of(events, Committed) for word in event.words]
    assert "".join(word.text for word in words).split() == CLIP_TEXT.split()
    assert all(0 <= word.start < word.end <= PCM.seconds for word in words)


@pytest.mark.parametrize("given", ["host", "url", "stream"])
async def test_an_address_may_be_said_in_several_ways(server: Served, given: str):
    assert text_of(await heard_of(AsyncClient(getattr(server, given)))) == CLIP_TEXT


async def test_words_come_while_more_is_sent(server: Served):
    """Nothing more is sent until a word is certain."""
    certain = asyncio.Event()

    async def chunks():
        for number, piece in enumerate(pieces()):
            if number == 40:
                await certain.wait()
            yield piece

    events: list[Event] = []
    async for event in AsyncClient(server.url).listen(chunks(), sample_rate=PCM.rate):
        events.append(event)
        if isinstance(event, Committed):
            certain.set()
    assert text_of(events) == CLIP_TEXT


async def test_arrays_are_sound_too(server: Served):
    samples = np.frombuffer(PCM.data, "<i2")
    real = samples.astype(np.float32) / np.float32(32_768)
    client = AsyncClient(server.url)
    for array, encoding in ((samples, "pcm_s16le"), (real, "pcm_s16le"), (real, "pcm_f32le")):
        stereo = np.stack([array, array], axis=1)
        options = {"sample_rate": PCM.rate, "encoding": encoding}
        heard = [event async for event in client.listen([array], **options)]
        both = [event async for event in client.listen([stereo], channels=2, **options)]
        assert text_of(heard) == text_of(both) == CLIP_TEXT


async def test_a_flush_ends_the_utterance_and_the_stream_goes_on(server: Served):
    async with AsyncClient(server.url).stream(sample_rate=PCM.rate, word_timestamps=True) as stream:
        await stream.send(PCM.data[: PCM.rate * 2 * 3])
        await stream.flush()
        async for event in stream:
            if isinstance(event, Final) and event.text:
                break
        assert event.words
        assert event.end <= 3.01
        await stream.send(PCM.data[PCM.rate * 2 * 3 :])
        await stream.finish()
        events = [event async for event in stream]
    assert isinstance(events[-1], Closed)
    assert events[-1].duration == pytest.approx(PCM.seconds, abs=0.05)


def test_the_same_without_an_event_loop(server: Served):
    client = Client(server.url)
    with client.stream(sample_rate=PCM.rate) as stream:
        stream.send(PCM.data)
        stream.finish()
        events = list(stream)
    assert text_of(events) == CLIP_TEXT
    follows_the_promise(events)
    events = list(client.listen(iter(pieces()), sample_rate=PCM.rate))
    assert text_of(events) == CLIP_TEXT
    with pytest.raises(errors.Gone):
        stream.send(b"")
    with pytest.raises(errors.Gone):
        next(stream)


async def test_who_leaves_early_leaves_nothing_behind(server: Served):
    """Sessions end, whether the chunks do or not."""

    async def endless():
        while True:
            for piece in pieces():
                yield piece
                await asyncio.sleep(0)

    client = AsyncClient(server.url)
    listening = client.listen(endless(), sample_rate=PCM.rate)
    async for event in listening:
        if isinstance(event, Committed):
            break
    await listening.aclose()
    async with client.stream() as stream:
        pass
    with pytest.raises(errors.Gone):
        await stream.send(b"")
    await asyncio.to_thread(eventually, lambda: not server.service.open_streams)


def test_who_leaves_early_without_an_event_loop(server: Served):
    for event in Client(server.url).listen(iter(lambda: pieces()[20], None), sample_rate=PCM.rate):
        if not isinstance(event, Ready):
            break


async def test_what_the_chunks_raise_comes_after_what_was_heard(server: Served):
    def chunks() -> Iterator[bytes]:
        yield PCM.data
        raise ZeroDivisionError

    events: list[Event] = []
    with pytest.raises(ZeroDivisionError):
        async for event in AsyncClient(server.url).listen(chunks(), sample_rate=PCM.rate):
            events.append(event)
    assert text_of(events) == CLIP_TEXT
    events.clear()
    with pytest.raises(ZeroDivisionError):
        for event in Client(server.url).listen(chunks(), sample_rate=PCM.rate):
            events.append(event)
    assert text_of(events) == CLIP_TEXT


async def test_what_is_said_against_a_stream_is_raised(server: Served):
    client = AsyncClient(server.url)
    with pytest.raises(errors.UnknownModel, match="expected one of auto, nano, got 'huge'"):
        async with client.stream(model="huge"):
            pass
    with pytest.raises(errors.BadOption) as refused:
        async with client.stream(overlap=99.0):
            pass
    assert refused.value.param == "overlap"
    with pytest.raises(errors.UnknownLanguage), Client(server.url).stream(language="xx"):
        pass


async def test_sound_that_is_none_ends_the_stream_and_is_not_sent_again(server: Served):
    async with AsyncClient(server.url).stream(encoding="pcm_f32le") as stream:
        await stream.send(np.float32(np.nan).tobytes())
        with pytest.raises(errors.BadAudio, match="NaN"):
            await asyncio.wait_for(_all(stream), 60)
        with pytest.raises(errors.BadAudio, match="NaN"):
            await stream.send(b"")


async def test_half_a_sample_at_the_end_is_told(server: Served):
    async with AsyncClient(server.url).stream(sample_rate=PCM.rate) as stream:
        await stream.send(PCM.data + b"\0")
        with pytest.raises(errors.BadAudio, match="got 1 bytes left over"):
            await stream.finish()
        assert text_of(await _all(stream)) == CLIP_TEXT
        with pytest.raises(errors.Gone):
            await stream.send(b"")


async def test_where_nobody_listens(free_port: int):
    url = f"localhost:{free_port}"
    with pytest.raises(Unreachable, match="cannot reach ws://localhost"):
        async with AsyncClient(url, patience=Patience(opening=2, waits=(0.0,))).stream():
            pass
    with pytest.raises(Unreachable, match="cannot reach localhost"):
        Client(url).transcribe(CLIP)


async def test_what_is_no_sotto_server(server: Served):
    elsewhere = f"{server.url}/elsewhere"
    with pytest.raises(
        errors.SottoError, match=r"expected a Sotto server at ws://.*, got HTTP 403"
    ):
        async with AsyncClient(elsewhere).stream():
            pass
    with pytest.raises(errors.CallerError, match=r"expected a Sotto server at .*, got HTTP 404"):
        await AsyncClient(elsewhere).transcribe(CLIP)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server that asks for a key, with room for one stream; and a key."""
    folder = tmp_path_factory.mktemp("keys")
    with guarded(folder, Flag("--max-sessions", "server.max_sessions", 1)) as (served, key):
        yield served, key


@pytest.mark.parametrize("key", [None, "sk-sotto-wrong"])
async def test_a_key_that_is_not_good(full: tuple[Served, str], key: str | None):
    url = full[0].url
    with pytest.raises(errors.Unauthorized):
        async with AsyncClient(url, api_key=key).stream():
            pass
    with pytest.raises(errors.Unauthorized), Client(url, api_key=key).stream():
        pass
    with pytest.raises(errors.Unauthorized):
        await AsyncClient(url, api_key=key).transcribe(CLIP)


async def test_a_key_that_is_good(full: tuple[Served, str]):
    client = AsyncClient(full[0].url, api_key=full[1])
    assert text_of(await heard_of(client)) == CLIP_TEXT
    assert (await client.transcribe(CLIP)).text == CLIP_TEXT


async def test_a_server_that_is_full_says_when_to_come_again(full: tuple[Served, str]):
    served, key = full
    client = AsyncClient(served.url, api_key=key)
    async with client.stream(sample_rate=PCM.rate) as first:
        with pytest.raises(errors.Overloaded) as refused:
            async with client.stream():
                pass
        assert refused.value.retry_after == 1.0
        patient = AsyncClient(served.url, api_key=key, patience=Patience(opening=100))
        waiting = asyncio.create_task(heard_of(patient))
        await first.send(PCM.data)
        await first.finish()
        assert text_of(await _all(first)) == CLIP_TEXT
    events = await asyncio.wait_for(waiting, 60)
    assert text_of(events) == CLIP_TEXT
    assert not of(events, Resumed)


def test_importing_sotto_loads_nothing():
    code = (
        "import sys; before = set(sys.modules); import sotto; "
        "print(sorted(set(sys.modules) - before)); "
        "from sotto import AsyncClient, Client; print(Client.__module__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["['sotto']", "sotto.client.sync_client"]


async def _all(stream) -> list[Event]:
    return [event async for event in stream]

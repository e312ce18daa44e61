"""What is acknowledged, and what a store that fails means to a stream."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sotto.runtime.keeping
from sotto.audio.chunk import MelChunk
from sotto.clock import SystemClock
from sotto.errors import StoreUnavailable
from sotto.interfaces.engine import Traits
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime.batcher import Batcher
from sotto.runtime.carrying import carried_on
from sotto.runtime.keeping import LEAD, SILENCE, Keeping
from sotto.runtime.metrics import Metrics
from sotto.runtime.requests import Place
from sotto.runtime.runner import Heard, Surroundings, run_session
from sotto.runtime.schedule import Schedule
from sotto.streaming.options import SessionOptions
from sotto.streaming.session import Session
from sotto.testing.driving import cut
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.transcript.events import Acknowledged, Event, Final
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Segment

EXACT = Traits(audio_context=AudioContext.EXACT)


class Fails(MemoryStore):
    """At the finals of these numbers."""

    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self._refused = numbers

    async def append(self, session: str, segment: Segment, *, stream: int | None = None) -> None:
        if segment.id in self._refused:
            raise StoreUnavailable("the disk is full")
        await super().append(session, segment, stream=stream)


async def heard_of(
    chunks: list[MelChunk], keeping: Keeping, metrics: Metrics, *, origin: int = 0, **more: object
) -> list[Event]:
    """All that is told, up to where the stream ends, which may be an error."""
    queue = Schedule(max_batch=8, limit=10, exact=True)  # type: ignore[var-annotated]
    batcher = Batcher("oracle", OracleEngine(), queue, SystemClock(), metrics)
    events: list[Event] = []

    async def sound() -> AsyncIterator[Heard]:
        for chunk in chunks:
            yield chunk

    async def listen(event: Event) -> None:
        events.append(event)

    session = Session(EXACT, SessionOptions(**more))  # type: ignore[arg-type]
    around = Surroundings(batcher, metrics, keeping, origin)
    try:
        await run_session(session, sound(), listen, around)
    except StoreUnavailable:
        events.append(Acknowledged(-1))
    finally:
        batcher.close()
    return events


def finals(events: list[Event]) -> list[Segment]:
    return [event.segment for event in events if isinstance(event, Final)]


def acknowledged(events: list[Event]) -> list[int]:
    return [event.until for event in events if isinstance(event, Acknowledged)]


FOUR = speak([(VOCABULARY[i], 50 + i * 300, 90 + i * 300) for i in range(4)], 1_300)


async def test_a_stream_that_can_be_carried_on_ends_where_a_final_is_not_stored() -> None:
    metrics = Metrics()
    events = await heard_of([FOUR], Keeping(Fails(1), "s"), metrics)
    assert [segment.id for segment in finals(events)] == [0]
    assert acknowledged(events) == [finals(events)[0].end, -1]


async def test_other_streams_go_on_and_nothing_is_told_as_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics, store = Metrics(), Fails(1, 2)
    with caplog.at_level(logging.WARNING):
        events = await heard_of([FOUR], Keeping(store, "s", is_needed=False), metrics)
    assert [segment.id for segment in finals(events)] == [0, 1, 2, 3]
    assert acknowledged(events) == [finals(events)[0].end]
    assert [segment.id for segment in await store.segments("s")] == [0, 3]
    assert metrics.registry.get_sample_value("sotto_finals_not_stored_total") == 2
    assert len([one for one in caplog.records if "is not stored" in one.message]) == 1


@st.composite
def scripts(draw: st.DrawFn) -> tuple[MelChunk, list[int]]:
    """Words, some of them after a long silence, and how their sound is cut."""
    at, words = draw(st.integers(0, 1_500)), []
    for _ in range(draw(st.integers(0, 6))):
        length = draw(st.integers(15, 60))
        words.append((draw(st.sampled_from(VOCABULARY)), at, at + length))
        at += length + draw(st.sampled_from([5, 20, 70, 100, 700, 1_600]))
    length = at + draw(st.sampled_from([0, 50, 1_200]))
    return speak(words, length), draw(st.lists(st.integers(1, 800), min_size=1, max_size=20))


@settings(max_examples=60)
@given(scripts())
async def test_no_word_comes_from_before_what_was_acknowledged(
    script: tuple[MelChunk, list[int]],
) -> None:
    """Whoever forgets the sound before it, and goes on from there, hears the same.

    As near to the words as it may come, and as often.
    """
    sound, pieces = script
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sotto.runtime.keeping, "SILENCE", 1)
        patch.setattr(sotto.runtime.keeping, "LEAD", 0)
        chunks = [one for chunk in cut(sound, pieces) for one in cut_small(chunk)]
        events = await heard_of(chunks, Keeping(MemoryStore(), "s"), Metrics())
    told = acknowledged(events)
    assert told == sorted(set(told))
    until = 0
    places: list[int] = []
    for event in events:
        if isinstance(event, Acknowledged):
            until = event.until
        if isinstance(event, Final):
            assert event.segment.start >= until
            places.append(until)
    for done, until in enumerate(places):
        assert await heard_from(until, sound, finals(events)[:done]) == spoken(
            finals(events)[done:]
        )


def cut_small(chunk: MelChunk) -> list[MelChunk]:
    """In pieces of at most 7 frames."""
    return [chunk.between(at, min(at + 7, chunk.end)) for at in range(chunk.start, chunk.end, 7)]


def spoken(segments: list[Segment]) -> list[tuple[int, str, int, int]]:
    return [(one.id, one.text, one.start, one.end) for one in segments]


async def heard_from(
    at: int, sound: MelChunk, before: list[Segment]
) -> list[tuple[int, str, int, int]]:
    """By a stream that carries on, without the sound before it."""
    start = carried_on(Place(at, len(before)), before)
    assert start.skip == 0
    rest = sound.between(at, sound.end)
    events = await heard_of(
        [MelChunk(0, rest.mel, rest.speech)],
        Keeping(MemoryStore(), "s"),
        Metrics(),
        origin=start.origin,
        first=start.first,
        air=start.air,
    )
    return spoken(finals(events))


async def test_long_silence_is_acknowledged_now_and_then() -> None:
    silence = list(cut(speak([], 6_000), [100] * 60))
    told = acknowledged(await heard_of(silence, Keeping(MemoryStore(), "s"), Metrics()))
    assert told[0] >= SILENCE
    steps = [b - a for a, b in pairwise(told)]
    assert all(SILENCE <= step <= SILENCE + 100 for step in steps)
    assert told[-1] >= 6_000 - SILENCE - 2 * LEAD

"""Whole sessions over an engine that their jobs join and leave at every step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import chain

import pytest

from sotto.clock import SystemClock
from sotto.interfaces.engine import Traits
from sotto.runtime.batcher import Batcher, Recognizer, Ticket
from sotto.runtime.metrics import Metrics
from sotto.runtime.replay import replay
from sotto.runtime.runner import Heard, Surroundings, run_session
from sotto.runtime.schedule import Schedule
from sotto.streaming.options import SessionOptions
from sotto.streaming.session import Session
from sotto.testing.driving import cut
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.testing.stepping import SteppingEngine
from sotto.transcript.events import Committed, Event, Final
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Segment
from tests.stepped import Stepped, server

EXACT = Traits(audio_context=AudioContext.EXACT)
WORDS = [(VOCABULARY[i], 50 + i * 60 + i // 5 * 200, 90 + i * 60 + i // 5 * 200) for i in range(20)]
SOUND = speak(WORDS, 2_200)
SAID = [word for word, _, _ in WORDS]


def batcher() -> Batcher:
    queue = Schedule[Ticket](max_batch=8, limit=10, exact=True)
    return Batcher("oracle", OracleEngine(), queue, SystemClock(), Metrics())


async def sound() -> AsyncIterator[Heard]:
    for chunk in cut(SOUND, [10] * (len(SOUND) // 10)):
        yield chunk
        await asyncio.sleep(0)


def new_session(kind: str) -> Session:
    """A live one, or one of a file."""
    live = kind == "live"
    return Session(EXACT, SessionOptions(partials=live, lookahead=1 if live else 4))


async def hear(recognizer: Recognizer, kind: str = "live") -> list[Event]:
    events: list[Event] = []

    async def listen(event: Event) -> None:
        events.append(event)

    around = Surroundings(recognizer, Metrics(), kind=kind)
    await run_session(new_session(kind), sound(), listen, around)
    return events


def words(events: list[Event]) -> list[str]:
    committed = (event.words for event in events if isinstance(event, Committed))
    return [word.text.strip() for word in chain.from_iterable(committed)]


def texts(events: list[Event]) -> list[str]:
    return [event.segment.text for event in events if isinstance(event, Final)]


async def test_many_sessions_at_once_hear_what_one_hears_alone() -> None:
    """More than there are slots, and queues that are full now and then."""
    engine, alone = SteppingEngine(slots=3), batcher()
    running = server(engine, limit=6)
    expected = {kind: await hear(alone, kind) for kind in ("live", "file")}
    assert words(expected["live"]) == words(expected["file"]) == SAID
    kinds = ["live", "file"] * 4
    heard = await asyncio.gather(*(hear(running, kind) for kind in kinds))
    for kind, events in zip(kinds, heard, strict=True):
        assert words(events) == SAID
        assert texts(events) == texts(expected[kind])
    assert max(map(len, engine.steps)) == 3
    alone.close()
    running.close()


async def test_a_session_whose_jobs_are_answered_at_once_is_the_same_to_the_last_frame() -> None:
    alone, running = batcher(), server(SteppingEngine())
    segments: list[tuple[Segment, ...]] = []
    for recognizer in (alone, running):
        transcript = await replay(new_session("live"), sound(), recognizer)
        segments.append(transcript.segments)
    assert segments[0] == segments[1]
    assert len(segments[0]) == 4
    alone.close()
    running.close()


@pytest.mark.parametrize("kind", ["live", "file"])
async def test_a_session_that_is_broken_off_leaves_the_engine(kind: str) -> None:
    engine = Stepped(slots=8)
    running = server(engine)
    session = asyncio.create_task(hear(running, kind))
    assert await engine.comes()
    session.cancel()
    await asyncio.wait([session])
    stays = asyncio.create_task(hear(running, kind))
    engine.runs()
    assert words(await stays) == SAID
    assert engine.inside == ()
    (first, *_), *later = engine.steps
    assert not [inside for inside in later if first in inside]
    running.close()

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import chain

import pytest

from sotto.clock import SystemClock
from sotto.errors import BadAudio, EngineFailed, Gone, TooSlow
from sotto.interfaces.engine import DecodeJob, Hypothesis, Traits
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime.batcher import Batcher
from sotto.runtime.keeping import Keeping
from sotto.runtime.metrics import Metrics
from sotto.runtime.runner import Flush, Heard, Surroundings, run_session
from sotto.runtime.schedule import Schedule
from sotto.streaming.options import SessionOptions
from sotto.streaming.session import Session
from sotto.testing.driving import cut
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.transcript.events import Acknowledged, Committed, Event, Final
from sotto.transcript.options import AudioContext

EXACT = Traits(audio_context=AudioContext.EXACT)
WORDS = [(VOCABULARY[i], 50 + i * 60, 90 + i * 60) for i in range(20)]
SOUND = speak(WORDS, 1500)


class Scene:
    """A session with all that it needs."""

    def __init__(self, engine: OracleEngine, *, limit: int = 10, **options: object) -> None:
        queue = Schedule(max_batch=8, limit=limit, exact=True)
        self.metrics = Metrics()
        self.store = MemoryStore()
        self.batcher = Batcher("oracle", engine, queue, SystemClock(), self.metrics)
        self.session = Session(EXACT, SessionOptions(**options))  # type: ignore[arg-type]
        self.events: list[Event] = []

    async def listen(self, event: Event) -> None:
        self.events.append(event)

    async def run(self, heard: AsyncIterator[Heard], listener: object = None) -> None:
        around = Surroundings(self.batcher, self.metrics, Keeping(self.store, "s1"))
        try:
            await run_session(self.session, heard, listener or self.listen, around)  # type: ignore[arg-type]
        finally:
            self.batcher.close()

    @property
    def words(self) -> list[str]:
        committed = (e.words for e in self.events if isinstance(e, Committed))
        return [word.text.strip() for word in chain.from_iterable(committed)]


async def sound(*, pieces: int = 10, error: Exception | None = None) -> AsyncIterator[Heard]:
    for chunk in cut(SOUND, [pieces] * (len(SOUND) // pieces)):
        yield chunk
        await asyncio.sleep(0)
    if error is not None:
        raise error


SAID = [word for word, _, _ in WORDS]


@pytest.mark.parametrize("pieces", [1, 10, 1500])
@pytest.mark.parametrize("lookahead", [1, 4])
async def test_all_is_said_stored_and_acknowledged(pieces: int, lookahead: int) -> None:
    scene = Scene(OracleEngine(), partials=lookahead == 1, lookahead=lookahead)
    await scene.run(sound(pieces=pieces))
    assert scene.words == SAID
    kept = await scene.store.segments("s1")
    assert kept == [e.segment for e in scene.events if isinstance(e, Final)]
    finals = [i for i, e in enumerate(scene.events) if isinstance(e, Final)]
    for index in finals:
        final, acknowledged = scene.events[index : index + 2]
        assert isinstance(final, Final)
        assert acknowledged == Acknowledged(final.segment.end)


async def test_sound_that_ends_in_an_error_is_heard_until_there() -> None:
    scene = Scene(OracleEngine())
    with pytest.raises(BadAudio, match="rotten"):
        await scene.run(sound(error=BadAudio("rotten")))
    assert scene.words == SAID


@pytest.mark.parametrize("error", [Gone("hung up"), TooSlow("does not read")])
async def test_a_listener_that_is_lost_loses_nothing_for_the_store(error: Exception) -> None:
    scene = Scene(OracleEngine())

    async def listen(event: Event) -> None:
        if isinstance(event, Committed):
            raise error

    with pytest.raises(type(error)):
        await scene.run(sound(), listen)
    kept = await scene.store.segments("s1")
    assert [word.text.strip() for segment in kept for word in segment.words] == SAID


class Breaks(OracleEngine):
    """Fails on the calls with these numbers."""

    def __init__(self, *calls: int) -> None:
        super().__init__()
        self._calls = calls
        self._call = 0

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self._call += 1
        if self._call in self._calls:
            raise EngineFailed("the engine died")
        return super().decode(jobs)


async def test_a_decode_that_breaks_once_is_tried_again() -> None:
    scene = Scene(Breaks(1, 3, 5))
    await scene.run(sound())
    assert scene.words == SAID


async def test_an_engine_that_stays_broken_is_said_so() -> None:
    scene = Scene(Breaks(*range(1, 100)))
    with pytest.raises(EngineFailed, match="died"):
        await scene.run(sound())


async def test_a_queue_without_room_only_delays() -> None:
    scene = Scene(OracleEngine(), limit=1, partials=False, lookahead=6)
    await scene.run(sound(pieces=1500))
    assert scene.words == SAID


async def test_a_flush_in_the_middle_ends_the_utterance() -> None:
    scene = Scene(OracleEngine())
    words = speak([("alpha", 0, 60), ("bravo", 100, 160)], 300)

    async def heard() -> AsyncIterator[Heard]:
        yield words.between(0, 70)
        yield Flush()
        yield words.between(70, 300)

    await scene.run(heard())
    assert [e.segment.text for e in scene.events if isinstance(e, Final)] == ["alpha", "bravo"]


async def test_a_slow_listener_holds_the_sound_back() -> None:
    scene = Scene(OracleEngine())
    taken = 0
    let_go = asyncio.Event()

    async def endless() -> AsyncIterator[Heard]:
        nonlocal taken
        minute = speak([(VOCABULARY[i % 26], i * 120, i * 120 + 40) for i in range(50)], 6000)
        for number in range(40):
            taken += 1
            yield type(minute)(number * 6000, minute.mel, minute.speech)

    async def listen(event: Event) -> None:
        await let_go.wait()

    running = asyncio.ensure_future(scene.run(endless(), listen))
    before = -1
    while taken != before:
        before = taken
        for _ in range(2_000):
            await asyncio.sleep(0)
    assert taken < 40
    let_go.set()
    await running
    assert taken == 40

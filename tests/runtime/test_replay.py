from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sotto.clock import SystemClock
from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority, Traits
from sotto.runtime.batcher import Batcher
from sotto.runtime.metrics import Metrics
from sotto.runtime.replay import replay
from sotto.runtime.runner import Flush, Heard
from sotto.runtime.schedule import Schedule
from sotto.streaming.options import SessionOptions
from sotto.streaming.session import Session
from sotto.testing.driving import cut, drive
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.transcript.events import Final
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Transcript

EXACT = Traits(audio_context=AudioContext.EXACT)
WORDS = [(VOCABULARY[i], 50 + i * 60 + i // 5 * 200, 90 + i * 60 + i // 5 * 200) for i in range(20)]
SOUND = speak(WORDS, 2_200)


async def sound(pieces: int, *, flush_after: int | None = None) -> AsyncIterator[Heard]:
    for number, chunk in enumerate(cut(SOUND, [pieces] * (len(SOUND) // pieces))):
        yield chunk
        if number == flush_after:
            yield Flush()


async def replayed(engine: OracleEngine, heard: AsyncIterator[Heard]) -> Transcript:
    queue = Schedule(max_batch=8, limit=10, exact=True)
    batcher = Batcher("oracle", engine, queue, SystemClock(), Metrics())
    try:
        return await replay(Session(EXACT, SessionOptions()), heard, batcher)
    finally:
        batcher.close()


@pytest.mark.parametrize("pieces", [1, 100, 2_200])
async def test_it_is_the_session_whose_jobs_are_answered_at_once(pieces: int) -> None:
    engine, other = OracleEngine(), OracleEngine()
    transcript = await replayed(engine, sound(pieces))
    events = drive(Session(EXACT, SessionOptions()), other, [SOUND])
    finals = [event.segment for event in events if isinstance(event, Final)]
    assert transcript.segments == tuple(finals)
    assert transcript.text.split() == [word for word, _, _ in WORDS]
    assert (transcript.duration, transcript.language) == (2_200, "en")
    jobs = [(job.id, job.priority, len(job.mel)) for (job,) in engine.batches]
    assert jobs == [(job.id, job.priority, len(job.mel)) for (job,) in other.batches]
    assert Priority.PARTIAL in {priority for _, priority, _ in jobs}


async def test_a_flush_ends_an_utterance() -> None:
    flushed = await replayed(OracleEngine(), sound(100, flush_after=2))
    assert len(flushed.segments) == len((await replayed(OracleEngine(), sound(100))).segments) + 1


async def test_a_broken_engine_is_told() -> None:
    class Broken(OracleEngine):
        def decode(self, jobs: list[DecodeJob]) -> list[Hypothesis]:
            raise EngineFailed("it broke")

    with pytest.raises(EngineFailed, match="it broke"):
        await replayed(Broken(), sound(100))

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from sotto.clock import SystemClock
from sotto.errors import EngineFailed, Overloaded, UnknownLanguage
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority
from sotto.runtime.batcher import Batcher
from sotto.runtime.metrics import Metrics
from sotto.runtime.schedule import Schedule
from sotto.testing.engines import OracleEngine, broken, speak
from sotto.transcript.options import DecodeOptions


class Held(OracleEngine):
    """Decodes only once the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.go = threading.Event()

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.begun.set()
        assert self.go.wait(10)
        return super().decode(jobs)


def batcher(engine: OracleEngine, *, limit: int = 10, metrics: Metrics | None = None) -> Batcher:
    queue = Schedule(max_batch=8, limit=limit, exact=True)
    return Batcher("oracle", engine, queue, SystemClock(), metrics or Metrics())


def job(number: int, word: str = "alpha", language: str | None = None) -> DecodeJob:
    mel = speak([(word, 10, 50)], 96).mel
    return DecodeJob(number, mel, DecodeOptions(), Priority.PARTIAL, language)


async def test_jobs_that_wait_are_decoded_together() -> None:
    engine = Held()
    server = batcher(engine)
    first = server.submit(job(1))
    await asyncio.to_thread(engine.begun.wait)
    others = [server.submit(job(number)) for number in (2, 3, 4)]
    engine.go.set()
    heard = await asyncio.gather(*(ticket.result for ticket in (first, *others)))
    assert [hypothesis.job for hypothesis in heard] == [1, 2, 3, 4]
    assert [len(batch) for batch in engine.batches] == [1, 3]
    server.close()


async def test_a_job_can_be_withdrawn_until_it_has_begun() -> None:
    engine = Held()
    server = batcher(engine)
    begun = server.submit(job(1))
    await asyncio.to_thread(engine.begun.wait)
    waiting = server.submit(job(2))
    assert not server.withdraw(begun)
    assert server.withdraw(waiting)
    assert waiting.result.cancelled()
    engine.go.set()
    assert (await begun.result).job == 1
    server.close()


async def test_a_bad_job_fails_alone() -> None:
    engine = Held()
    server = batcher(engine)
    first = server.submit(job(1))
    await asyncio.to_thread(engine.begun.wait)
    good, stranger = server.submit(job(2)), server.submit(job(3, language="fr"))
    silly = DecodeJob(4, broken(96).mel, DecodeOptions(), Priority.FINAL)
    broke = server.submit(silly)
    engine.go.set()
    assert (await first.result).job == 1
    assert (await good.result).job == 2
    with pytest.raises(UnknownLanguage):
        await stranger.result
    with pytest.raises(EngineFailed):
        await broke.result
    server.close()


class Bug(OracleEngine):
    """An engine with a fault of the kind that nobody thought of."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        if any(job.id == 13 for job in jobs):
            raise ZeroDivisionError
        return super().decode(jobs)


@pytest.mark.filterwarnings("ignore")
async def test_an_engine_with_a_bug_does_not_stop_the_batcher() -> None:
    server = batcher(Bug())
    with pytest.raises(EngineFailed, match="ZeroDivisionError"):
        await server.submit(job(13)).result
    assert (await server.submit(job(14)).result).job == 14
    server.close()


async def test_a_full_queue_refuses_and_says_when_there_is_room() -> None:
    engine = Held()
    server = batcher(engine, limit=1)
    begun = server.submit(job(1))
    await asyncio.to_thread(engine.begun.wait)
    waiting = server.submit(job(2))
    with pytest.raises(Overloaded):
        server.submit(job(3))
    room = asyncio.ensure_future(server.room())
    engine.go.set()
    await asyncio.gather(begun.result, waiting.result, room)
    assert (await server.submit(job(4)).result).job == 4
    server.close()


async def test_closing_cancels_what_waits_and_frees_the_engine() -> None:
    engine = Held()
    server = batcher(engine)
    server.submit(job(1))
    await asyncio.to_thread(engine.begun.wait)
    waiting = server.submit(job(2))
    server.close()
    assert waiting.result.cancelled()
    engine.go.set()
    await asyncio.to_thread(server._thread.shutdown)
    assert engine.closed


async def test_the_figures_tell_of_batches() -> None:
    metrics = Metrics()
    server = batcher(OracleEngine(), metrics=metrics)
    await asyncio.gather(*(server.submit(job(number)).result for number in range(3)))
    text = metrics.render().decode()
    assert 'sotto_batch_size_sum{model="oracle"} 3.0' in text
    assert 'sotto_jobs_total{model="oracle",outcome="done",priority="partial"} 3.0' in text
    server.close()


def test_silence_is_a_job_like_any_other() -> None:
    empty = DecodeJob(1, np.zeros((96, 80), np.float32), DecodeOptions(), Priority.FINAL)
    assert OracleEngine().decode([empty])[0].words == ()

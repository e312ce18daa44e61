"""A replica over an engine that jobs join at every step, without a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from sotto.app.ray.engine import BEGUN, TAKEN, EngineReplica, _Beginnings
from sotto.app.ray.recognizer import Handling, RemoteRecognizer
from sotto.app.ray.recognizer import _Away as Away
from sotto.app.ray.wire import unpack, unpack_job
from sotto.clock import SystemClock
from sotto.errors import UnknownLanguage
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Hypothesis, Priority
from sotto.runtime.metrics import Metrics
from sotto.testing.engines import OracleEngine
from tests.stepped import PATIENCE, Stepped, job, server


class Replica:
    """What a replica does with jobs, over an engine of the test's."""

    def __init__(self, engine: Stepped) -> None:
        self._begun = _Beginnings(asyncio.get_running_loop())
        around = self._begun.around(engine)
        assert isinstance(around, ContinuousEngine)
        self.model = server(around)

    def decode(self, job: DecodeJob) -> AsyncGenerator[bytes, None]:
        return EngineReplica._decode(self, job, self.model)  # type: ignore[arg-type]


async def test_only_what_is_joined_says_so_when_it_is() -> None:
    beginnings = _Beginnings(asyncio.get_running_loop())
    assert not isinstance(beginnings.around(OracleEngine()), ContinuousEngine)


async def test_a_job_is_taken_while_it_waits_and_begun_once_it_has_joined() -> None:
    engine = Stepped(slots=2)
    replica = Replica(engine)
    first = replica.decode(job(1, words=2, priority=Priority.FINAL))
    assert await anext(first) == BEGUN
    assert await engine.comes() == (1,)
    second = replica.decode(job(2, words=1))
    assert await anext(second) == TAKEN
    begins = asyncio.ensure_future(anext(second))
    assert await engine.goes_on() == (1, 2)
    assert await begins == BEGUN
    file = replica.decode(job(3, words=1, priority=Priority.FILE))
    engine.runs()
    heard: list[Hypothesis] = [unpack(await anext(answers)) for answers in (first, second)]
    assert [hypothesis.job for hypothesis in heard] == [1, 2]
    last = [said async for said in file]
    assert unpack(last[-1]).job == 3
    assert BEGUN not in last
    replica.model.close()


async def test_a_job_whose_caller_left_leaves_the_engine() -> None:
    engine = Stepped(slots=2)
    replica = Replica(engine)
    stays = replica.model.submit(job(1, words=5))
    assert await engine.comes() == (1,)
    async with aclosing(replica.decode(job(2, words=5))) as answers:
        begins = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0)  # it is handed in
        assert await engine.goes_on() == (1, 2)
        while await begins == TAKEN:
            begins = asyncio.ensure_future(anext(answers))
    await asyncio.sleep(0)  # it is known
    waiting = replica.model.submit(job(3, words=1))
    assert await engine.goes_on() == (1, 3)
    engine.runs()
    await asyncio.gather(stays.result, waiting.result)
    replica.model.close()


async def test_a_job_that_cannot_join_says_why() -> None:
    replica = Replica(Stepped())
    with pytest.raises(UnknownLanguage):
        [said async for said in replica.decode(job(1, language="fr"))]
    replica.model.close()


class Handle:
    """To a replica that is here."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self.decode = self

    def options(self, *, stream: bool) -> Handle:
        assert stream
        return self

    def remote(self, parcel: bytes) -> Answers:
        return Answers(self._replica.decode(unpack_job(parcel)))


class Answers:
    """What a replica says; cancelled, it is so in the middle of what it does."""

    def __init__(self, said: AsyncGenerator[bytes, None]) -> None:
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.create_task(self._listen(said))
        self.cancel = self._task.cancel

    async def _listen(self, said: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(said):
            async for parcel in said:
                self._said.put_nowait(parcel)

    async def __anext__(self) -> bytes:
        return await self._said.get()


async def test_a_session_that_ends_elsewhere_frees_its_slot_here() -> None:
    engine, metrics = Stepped(slots=2), Metrics()
    replica = Replica(engine)
    how = Handling(SystemClock(), metrics, patience=60.0)
    away = RemoteRecognizer("oracle", Handle(replica), engine.traits, how)  # type: ignore[arg-type]
    stays, ends = (away.submit(job(number, words=26)) for number in (1, 2))
    await engine.comes()
    async with asyncio.timeout(PATIENCE):
        while not (isinstance(ends, Away) and ends.begun):
            await engine.goes_on()
        assert not away.withdraw(ends)
        ends.result.cancel()
        while 2 in await engine.goes_on():
            assert len(engine.steps) < 26, "it was done before it was known"
    engine.runs()
    assert (await stays.result).job == 1
    text = metrics.render().decode()
    for outcome in ("done", "withdrawn"):
        assert f'outcome="{outcome}",priority="partial"}} 1.0' in text
    replica.model.close()

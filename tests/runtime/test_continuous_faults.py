"""What becomes of jobs where an engine that they join and leave breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sotto.errors import EngineFailed, Overloaded, UnknownLanguage
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority
from sotto.testing.stepping import SteppingEngine
from tests.stepped import Stepped, bad, job, server


async def test_a_bad_job_fails_alone() -> None:
    engine = Stepped()
    running = server(engine)
    first = running.submit(job(1, words=4))
    await engine.comes()
    good, stranger, broke = (
        running.submit(each) for each in (job(2), job(3, language="fr"), bad(4))
    )
    assert await engine.goes_on() == (1, 2, 4)
    late = running.submit(job(5, priority=Priority.FINAL))
    engine.runs()
    heard = await asyncio.gather(first.result, good.result, late.result)
    assert [hypothesis.job for hypothesis in heard] == [1, 2, 5]
    with pytest.raises(UnknownLanguage):
        await stranger.result
    with pytest.raises(EngineFailed, match="NaN"):
        await broke.result
    assert engine.joined == [1, 2, 4, 5]  # those that were in when it broke did not join again
    running.close()


async def test_of_those_that_were_in_when_it_broke_who_is_not_wanted_is_not_decoded() -> None:
    engine = Breaks(slots=4)
    running = server(engine)
    tickets = [running.submit(job(1, priority=Priority.FINAL))]
    await engine.comes()
    tickets += [running.submit(job(number)) for number in (2, 3)]
    assert await engine.goes_on() == (1, 2, 3)
    engine.broken = True
    tickets[1].result.cancel()
    await asyncio.sleep(0)
    before = len(engine.engine.batches)
    engine.runs()
    heard = await asyncio.gather(tickets[0].result, tickets[2].result)
    assert [hypothesis.job for hypothesis in heard] == [1, 3]
    assert [[job.id for job in batch] for batch in engine.engine.batches[before:]] == [[1], [3]]
    running.close()


class Breaks(Stepped):
    """Breaks at a step, and keeps who was in, other than it should."""

    broken = False

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        done = super().step()
        if self.broken:
            raise ZeroDivisionError
        return done


async def test_an_engine_that_breaks_at_each_step_decodes_one_by_one() -> None:
    engine = Breaks()
    engine.broken = True
    engine.runs()
    running = server(engine)
    tickets = [running.submit(job(number, words=2)) for number in range(9)]
    heard = await asyncio.gather(*(ticket.result for ticket in tickets))
    assert [hypothesis.job for hypothesis in heard] == list(range(9))
    running.close()


class Ruined(SteppingEngine):
    """Nothing of it works."""

    ruined = True

    def takes(self, priority: Priority) -> bool:
        if self.ruined:
            raise RuntimeError("the device is lost")
        return super().takes(priority)

    def join(self, job: DecodeJob) -> None:
        if self.ruined and job.id % 2:
            raise RuntimeError("the device is lost")
        super().join(job)

    def leave(self, job: DecodeJob) -> None:
        super().leave(job)
        if self.ruined:
            raise RuntimeError("the device is lost")

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        if self.ruined:
            raise RuntimeError("the device is lost")
        return super().step()

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        return [] if self.ruined else super().decode(jobs)

    def close(self) -> None:
        super().close()
        raise RuntimeError("the device is lost")


@pytest.mark.filterwarnings("ignore")
async def test_an_engine_that_is_lost_fails_every_job_and_stops_nothing() -> None:
    engine = Ruined()
    running = server(engine)
    tickets = [running.submit(job(number)) for number in range(5)]
    for ticket in tickets:
        with pytest.raises(EngineFailed, match=r"the engine broke: (RuntimeError|ValueError)"):
            await ticket.result
    engine.ruined = False
    assert (await running.submit(job(6)).result).job == 6
    running.close()
    await asyncio.to_thread(running._thread.shutdown)
    assert engine.engine.closed


class Short(Stepped):
    """Its memory holds so many frames; that is seen when a job joins."""

    frames = 300

    def join(self, job: DecodeJob) -> None:
        if sum(len(other.mel) for other in (*self.inside, job)) > self.frames:
            raise Overloaded("expected room for its frames, got none")
        super().join(job)


async def test_a_job_that_finds_no_room_waits_as_the_first_until_there_is() -> None:
    engine = Short()
    running = server(engine)
    first = running.submit(job(1, words=4))  # 176 frames
    await engine.comes()
    large = running.submit(job(2, words=5))  # 216
    small = running.submit(job(3, words=1))  # 56
    assert await engine.goes_on() == (1,)
    assert running.withdraw(small)
    small = running.submit(job(4, words=1))
    assert await engine.goes_on() == (1,)
    engine.runs()
    await asyncio.gather(first.result, large.result, small.result)
    assert engine.joined == [1, 2, 4]
    running.close()


async def test_a_job_that_waits_for_room_can_be_taken_back() -> None:
    engine = Short()
    running = server(engine)
    first = running.submit(job(1, words=4))
    await engine.comes()
    large = running.submit(job(2, words=5))
    assert await engine.goes_on() == (1,)
    assert running.withdraw(large)
    small = running.submit(job(3, words=1))
    assert await engine.goes_on() == (1, 3)
    engine.runs()
    await asyncio.gather(first.result, small.result)
    running.close()


@pytest.mark.parametrize("priority", Priority)
async def test_a_job_that_an_empty_engine_has_no_room_for_is_decoded_alone(
    priority: Priority,
) -> None:
    engine = Short()
    engine.frames = 150
    engine.runs()
    running = server(engine)
    huge = running.submit(job(1, words=5, priority=priority))
    after = running.submit(job(2, words=1))
    assert len((await huge.result).words) == 5
    assert (await after.result).job == 2
    assert engine.joined == [2]
    running.close()

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sotto.errors import EngineFailed, Overloaded
from sotto.interfaces.engine import DecodeJob, Priority
from sotto.runtime.metrics import Metrics
from sotto.runtime.schedule import PATIENCE
from sotto.runtime.tracing import BatchTrace, Mark, Tracing
from sotto.testing.stepping import SteppingEngine
from tests.stepped import Stepped, job, server


async def test_jobs_join_between_any_two_steps_and_are_told_as_they_end() -> None:
    engine = Stepped()
    running = server(engine)
    long = running.submit(job(1, words=5))
    assert await engine.comes() == (1,)
    assert await engine.goes_on() == (1,)
    short = running.submit(job(2, words=2))
    assert await engine.goes_on() == (1, 2)
    third = running.submit(job(3, words=1))
    assert await engine.goes_on() == (1, 2, 3)
    assert await engine.goes_on() == (1,)
    assert [len(one.words) for one in await asyncio.gather(short.result, third.result)] == [2, 1]
    assert not long.result.done()
    engine.runs()
    assert len((await long.result).words) == 5
    assert [len(inside) for inside in engine.steps] == [1, 1, 2, 3, 1]
    assert len(engine.threads) == 1
    assert threading.get_ident() not in engine.threads
    running.close()


async def test_the_most_urgent_joins_first() -> None:
    engine = Stepped(slots=2)
    running = server(engine)
    tickets = [running.submit(job(1))]
    await engine.comes()
    tickets.append(running.submit(job(2)))
    assert await engine.goes_on() == (1, 2)
    for number, priority in enumerate([Priority.FILE, Priority.PARTIAL, Priority.FINAL] * 2, 3):
        tickets.append(running.submit(job(number, 1, priority)))
    engine.runs()
    await asyncio.gather(*(ticket.result for ticket in tickets))
    assert engine.joined == [1, 2, 5, 8, 4, 7, 3, 6]
    assert max(map(len, engine.steps)) == 2
    files = [inside for inside in engine.steps if {3, 6} & {job.id for job in inside}]
    assert [len(inside) for inside in files] == [1, 1]  # they leave a slot to live speech
    running.close()


async def test_a_file_is_not_starved_by_live_speech() -> None:
    engine = Stepped(slots=2)
    running = server(engine, limit=1_000)
    first = running.submit(job(-1, priority=Priority.FINAL))
    await engine.comes()
    file = running.submit(job(-2, priority=Priority.FILE))
    live = [running.submit(job(number, 1 + number % 3)) for number in range(8 * PATIENCE)]
    engine.runs()
    await asyncio.gather(first.result, file.result, *(ticket.result for ticket in live))
    # Live jobs that wait as long age too, so that it passes them with its second step up.
    assert 2 * PATIENCE < engine.joined.index(-2) <= 2 * PATIENCE * engine.slots + 2
    running.close()


async def test_a_job_can_be_withdrawn_until_it_is_in() -> None:
    engine, metrics = Stepped(slots=2), Metrics()
    running = server(engine, metrics=metrics)
    begun = running.submit(job(1, words=1))
    await engine.comes()
    waiting = running.submit(job(2))
    assert not running.withdraw(begun)
    assert running.withdraw(waiting)
    assert not running.withdraw(waiting)
    assert waiting.result.cancelled()
    engine.runs()
    assert (await begun.result).job == 1
    assert engine.joined == [1]
    assert count(metrics, "withdrawn") == count(metrics, "done") == 1
    running.close()


@pytest.mark.parametrize("by", ["its result", "who waits for it"])
async def test_a_job_that_nobody_waits_for_leaves_with_the_next_step(by: str) -> None:
    engine, metrics = Stepped(slots=2), Metrics()
    running = server(engine, metrics=metrics)
    stays = running.submit(job(1, words=6))
    await engine.comes()
    unwanted = running.submit(job(2, words=6))

    async def wait() -> None:
        await unwanted.result

    waits = asyncio.create_task(wait())
    assert await engine.goes_on() == (1, 2)
    next_one = running.submit(job(3, words=1))
    assert await engine.goes_on() == (1, 2)
    (unwanted.result if by == "its result" else waits).cancel()
    await asyncio.wait([waits])
    running.withdraw(unwanted)  # as drivers do on leaving
    assert await engine.goes_on() == (1, 3)
    engine.runs()
    assert (await next_one.result).job == 3
    assert (await stays.result).job == 1
    assert unwanted.run is None
    assert (count(metrics, "withdrawn"), count(metrics, "done")) == (1, 2)
    running.close()


async def test_a_waiting_job_that_nobody_waits_for_does_not_join() -> None:
    engine = Stepped(slots=2)
    running = server(engine, limit=1)
    first = running.submit(job(1))
    await engine.comes()
    waiting = running.submit(job(2))
    room = asyncio.create_task(running.room())
    waiting.result.cancel()
    await room
    engine.runs()
    await first.result
    assert engine.joined == [1]
    running.close()


async def test_a_full_queue_refuses_all_but_finals_and_says_when_there_is_room() -> None:
    engine = Stepped(slots=2)
    running = server(engine, limit=2)
    tickets = [running.submit(job(1))]
    await engine.comes()
    tickets += [running.submit(job(number)) for number in (2, 3)]
    with pytest.raises(Overloaded):
        running.submit(job(4))
    tickets.append(running.submit(job(5, priority=Priority.FINAL)))
    room = asyncio.create_task(running.room())
    assert await engine.goes_on() == (1, 5)
    with pytest.raises(Overloaded):
        running.submit(job(6))
    assert not room.done()
    engine.runs()
    await asyncio.gather(room, *(ticket.result for ticket in tickets))
    assert (await running.submit(job(7)).result).job == 7
    running.close()


async def test_closing_cancels_all_jobs_and_frees_the_engine() -> None:
    engine = Stepped(slots=2)
    running = server(engine, limit=2)
    tickets = [running.submit(job(1))]
    await engine.comes()
    tickets += [running.submit(job(number)) for number in (2, 3)]
    room = asyncio.create_task(running.room())
    await asyncio.sleep(0)
    running.close()
    await asyncio.wait([room, *(ticket.result for ticket in tickets)])
    assert all(ticket.result.cancelled() for ticket in tickets)
    with pytest.raises(EngineFailed):
        running.submit(job(4))
    engine.runs()
    await asyncio.to_thread(running._thread.shutdown)
    assert engine.engine.closed
    assert engine.inside == ()
    assert len(engine.threads) == 1
    assert len(engine.steps) == 1
    assert not [one for one in threading.enumerate() if one.ident in engine.threads]


async def test_an_engine_that_had_nothing_to_do_is_freed_too() -> None:
    engine = Stepped()
    running = server(engine)
    running.close()
    await asyncio.to_thread(running._thread.shutdown)
    assert engine.engine.closed


class Watches(Tracing):
    """Says what it was told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def batch(self, model: str, jobs: Sequence[tuple[DecodeJob, Mark]]) -> BatchTrace:
        ((job, mark),) = jobs
        self.told.append((model, job.id, mark))
        trace = Ends(self.told, job.id)
        trace.mark = f"run of {job.id}"
        return trace


class Ends(BatchTrace):
    def __init__(self, told: list[object], job: int) -> None:
        self._told, self._job = told, job

    def end(self, *, error: str = "") -> None:
        self._told.append((self._job, error))


async def test_the_figures_and_the_traces_tell_of_jobs_and_steps() -> None:
    engine, metrics, tracing = Stepped(), Metrics(), Watches()
    running = server(engine, metrics=metrics, tracing=tracing)
    first = running.submit(job(1, words=3))
    first.mark = "look 1"
    await engine.comes()
    second = running.submit(job(2, words=1))
    stranger = running.submit(job(3, language="fr"))
    assert await engine.goes_on() == (1, 2)
    engine.runs()
    await asyncio.gather(first.result, second.result, stranger.result, return_exceptions=True)
    assert tracing.told == [
        ("oracle", 1, "look 1"),
        ("oracle", 2, None),
        ("oracle", 3, None),
        (3, "unknown_language"),
        (2, ""),
        (1, ""),
    ]
    assert first.run is not None and second.run is not None
    assert (first.run.size, second.run.size) == (1, 2)
    assert (first.run.mark, second.run.mark) == ("run of 1", "run of 2")
    assert first.since <= first.run.began <= second.run.began <= second.run.ended
    assert second.run.ended <= first.run.ended
    text = metrics.render().decode()
    assert 'sotto_batch_size_sum{model="oracle"} 4.0' in text
    assert 'sotto_decode_seconds_count{model="oracle"} 3.0' in text
    assert 'sotto_queue_seconds_count{model="oracle",priority="partial"} 3.0' in text
    assert 'sotto_queue{model="oracle"} 0.0' in text
    assert (count(metrics, "done"), count(metrics, "failed")) == (2, 1)
    running.close()


def count(metrics: Metrics, outcome: str) -> float:
    labels = {"model": "oracle", "priority": "partial", "outcome": outcome}
    return metrics.registry.get_sample_value("sotto_jobs_total", labels) or 0.0


def test_a_process_ends_that_closes_nothing() -> None:
    code = """
import asyncio
from tests.stepped import job, server
from sotto.testing.stepping import SteppingEngine

async def leave():
    running = server(SteppingEngine())
    tickets = [running.submit(job(number, words=26)) for number in range(8)]
    await running.submit(job(9, words=1)).result

asyncio.run(leave())
print("over")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.stdout == "over\n"
    assert ended.stderr == ""


def test_the_stepping_engine_needs_a_slot_for_live_speech() -> None:
    with pytest.raises(ValueError, match="2 slots or more"):
        SteppingEngine(slots=1)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.errors import Overloaded
from sotto.interfaces.engine import DecodeJob, Priority
from sotto.runtime.schedule import PATIENCE, Schedule
from sotto.transcript.options import DecodeOptions


def job(number: int, priority: Priority = Priority.PARTIAL, frames: int = 100) -> DecodeJob:
    return DecodeJob(number, np.zeros((frames, 80), np.float32), DecodeOptions(), priority)


def schedule(*, max_batch: int = 8, limit: int = 100, exact: bool = False) -> Schedule[int]:
    return Schedule(max_batch=max_batch, limit=limit, exact=exact)


def numbers(batch: list) -> list[int]:
    return [waiting.owner for waiting in batch]


def test_finals_go_first_then_partials_then_files_each_in_order_of_arrival() -> None:
    queue = schedule()
    for number, priority in enumerate([Priority.FILE, Priority.PARTIAL, Priority.FINAL] * 2):
        queue.put(job(number, priority), number)
    assert numbers(queue.take()) == [2, 5, 1, 4, 0, 3]
    assert queue.take() == []


def test_a_batch_has_windows_of_like_length() -> None:
    queue = schedule()
    for number, frames in enumerate([100, 3000, 150, 2900]):
        queue.put(job(number, frames=frames), number)
    assert numbers(queue.take()) == [0, 2]
    assert numbers(queue.take()) == [1, 3]


def test_an_exact_batch_has_windows_of_one_padded_length() -> None:
    queue = schedule(exact=True)
    for number, frames in enumerate([96, 90, 97, 112]):
        queue.put(job(number, frames=frames), number)
    assert numbers(queue.take()) == [0, 1]
    assert numbers(queue.take()) == [2, 3]


def test_a_full_queue_refuses_all_but_finals() -> None:
    queue = schedule(limit=1)
    queue.put(job(0), 0)
    assert queue.is_full
    with pytest.raises(Overloaded):
        queue.put(job(1), 1)
    queue.put(job(2, Priority.FINAL), 2)
    assert numbers(queue.take()) == [2, 0]


def test_a_withdrawn_job_does_not_run() -> None:
    queue = schedule()
    first = queue.put(job(0), 0)
    queue.put(job(1), 1)
    assert queue.withdraw(first)
    assert not queue.withdraw(first)
    assert numbers(queue.take()) == [1]


def test_a_file_is_not_starved_by_live_speech() -> None:
    queue = schedule(max_batch=1, limit=1_000)
    queue.put(job(-1, Priority.FILE), -1)
    for number in range(2 * PATIENCE + 1):
        queue.put(job(number, Priority.PARTIAL), number)
        if numbers(queue.take()) == [-1]:
            break
    else:
        pytest.fail("the file waited for ever")
    assert number == PATIENCE


@given(
    st.lists(st.tuples(st.sampled_from(Priority), st.integers(1, 3000)), max_size=40),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_job_runs_once(jobs: list[tuple[Priority, int]], max_batch: int, exact: bool) -> None:
    queue = schedule(max_batch=max_batch, exact=exact)
    for number, (priority, frames) in enumerate(jobs):
        queue.put(job(number, priority, frames), number)
    taken: list[int] = []
    while batch := queue.take():
        assert len(batch) <= max_batch
        taken += numbers(batch)
    assert sorted(taken) == list(range(len(jobs)))


def anything(job: DecodeJob) -> bool:
    return True


def test_one_by_one_they_come_in_the_same_order() -> None:
    queue = schedule()
    for number, priority in enumerate([Priority.FILE, Priority.PARTIAL, Priority.FINAL] * 2):
        queue.put(job(number, priority), number)
    popped = [queue.pop(anything, among=4) for _ in range(7)]
    assert [waiting and waiting.owner for waiting in popped] == [2, 5, 1, 4, 0, 3, None]


def test_nobody_passes_the_most_urgent_job() -> None:
    queue = schedule()
    queue.put(job(0, Priority.PARTIAL), 0)
    queue.put(job(1, Priority.FINAL, frames=300), 1)
    asked: list[int] = []

    def short(job: DecodeJob) -> bool:
        asked.append(job.id)
        return len(job.mel) <= 100

    assert queue.pop(short, among=4) is None
    assert asked == [1]
    assert len(queue) == 2


def test_a_job_that_is_given_back_is_the_first_again() -> None:
    queue = schedule()
    for number in range(3):
        queue.put(job(number), number)
    queue.put(job(3, Priority.FINAL), 3)
    for number in (3, 0):
        waiting = queue.pop(anything, among=1)
        assert waiting is not None and waiting.owner == number
        queue.restore(waiting)
        assert queue.pop(anything, among=1) is waiting
    first = queue.pop(anything, among=1)
    assert first is not None and first.owner == 1
    queue.restore(first)
    assert queue.withdraw(first)
    assert len(queue) == 1


@pytest.mark.parametrize("among", [1, 3, 16])
def test_one_by_one_a_file_waits_for_as_many_as_in_batches(among: int) -> None:
    queue = schedule(limit=1_000)
    queue.put(job(-1, Priority.FILE), -1)
    for number in range(2 * PATIENCE * among + 1):
        queue.put(job(number, Priority.PARTIAL), number)
        waiting = queue.pop(anything, among=among)
        assert waiting is not None
        if waiting.owner == -1:
            break
    else:
        pytest.fail("the file waited for ever")
    assert number == pytest.approx(PATIENCE * among, abs=1)


@given(
    st.lists(st.one_of(st.sampled_from(Priority), st.sampled_from(["pop", "take"])), max_size=60)
)
def test_it_is_always_the_most_urgent_of_all_that_goes(steps: list[Priority | str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sotto.runtime.schedule.PATIENCE", 3)
        check_order(steps, patience=3)


def check_order(steps: list[Priority | str], patience: int) -> None:
    queue = schedule(max_batch=1, limit=1_000)
    kept: dict[int, tuple[Priority, int]] = {}
    gone = 0
    for number, step in enumerate(steps):
        if isinstance(step, Priority):
            queue.put(job(number, step), number)
            kept[number] = step, gone
            continue
        popped = queue.pop(anything, among=1) if step == "pop" else next(iter(queue.take()), None)
        if popped is None:
            assert not kept
            continue
        urgency = {
            other: (max(priority - (gone - before) // patience, 0), other)
            for other, (priority, before) in kept.items()
        }
        assert popped.owner == min(urgency, key=lambda other: urgency[other])
        del kept[popped.owner]
        gone += 1
    assert len(queue) == len(kept)

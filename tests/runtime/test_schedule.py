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

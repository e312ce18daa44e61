from __future__ import annotations

import random

import numpy as np
import pytest

from sotto.errors import Overloaded
from sotto.interfaces.engine import DecodeJob, Priority
from sotto.plugins.engines.torch_whisper.scheduler import KEPT, PATIENCE, Move, Scheduler
from sotto.transcript.options import DecodeOptions

MUCH = 1_000_000


def job(priority: Priority = Priority.PARTIAL, frames: int = 100) -> DecodeJob:
    return DecodeJob(
        id=0, mel=np.zeros((frames, 80), np.float32), options=DecodeOptions(), priority=priority
    )


def begun(scheduler: Scheduler, budget: int = MUCH) -> list[DecodeJob]:
    chosen = scheduler.next(budget)
    scheduler.begin(chosen)
    return [sequence.job for sequence in chosen]


def live(scheduler: Scheduler) -> list[DecodeJob]:
    return [sequence.job for sequence in scheduler.live]


def test_who_leaves_gives_its_row_to_one_of_the_last() -> None:
    scheduler = Scheduler(4)
    a, b, c, d = jobs = [job() for _ in range(4)]
    for one in jobs:
        scheduler.join(one)
    assert begun(scheduler) == live(scheduler) == jobs

    assert scheduler.leave([b]) == [Move(source=3, target=1)]
    assert live(scheduler) == [a, d, c]
    assert scheduler.leave([c]) == []  # it was the last
    assert scheduler.leave([c]) == []
    assert live(scheduler) == [a, d]


def test_rows_follow_from_joining_and_leaving_in_any_order() -> None:
    draw = random.Random(0)
    scheduler, rows, waiting = Scheduler(8), {}, []
    for _ in range(2_000):
        if draw.random() < 0.5 and scheduler.takes(Priority.PARTIAL):
            waiting.append(job())
            scheduler.join(waiting[-1])
        elif draw.random() < 0.5:
            first = len(scheduler.live)
            for row, one in enumerate(begun(scheduler), start=first):
                rows[row] = one
                waiting.remove(one)
        else:
            gone = [one for one in (*rows.values(), *waiting) if draw.random() < 0.3]
            moves = scheduler.leave(gone)
            waiting = [one for one in waiting if one not in gone]
            count = sum(one not in gone for one in rows.values())
            assert len({each for move in moves for each in (move.source, move.target)}) == 2 * len(
                moves
            )
            for move in moves:
                assert rows[move.target] in gone
                rows[move.target] = rows[move.source]
            rows = {row: rows[row] for row in range(count)}
            assert not set(gone) & set(rows.values())
        assert live(scheduler) == [rows[row] for row in range(len(rows))]
        assert len(scheduler) == len(rows) + len(waiting) <= 8


def test_full_refuses_and_recovers() -> None:
    scheduler = Scheduler(2)
    first, second = job(), job()
    scheduler.join(first)
    scheduler.join(second)
    assert not scheduler.takes(Priority.FINAL)
    with pytest.raises(Overloaded):
        scheduler.join(job(Priority.FINAL))
    begun(scheduler)
    scheduler.leave([first])
    third = job(Priority.FINAL)
    scheduler.join(third)
    assert begun(scheduler) == [third]
    assert live(scheduler) == [second, third]


def test_who_leaves_before_its_turn_never_begins() -> None:
    scheduler = Scheduler(2)
    first, second = job(), job()
    scheduler.join(first)
    scheduler.join(second)
    scheduler.leave([first])
    assert scheduler.takes(Priority.PARTIAL)
    assert begun(scheduler) == [second]


def test_files_leave_room_for_who_speaks() -> None:
    slots = 2 * KEPT
    scheduler = Scheduler(slots)
    while scheduler.takes(Priority.FILE):
        scheduler.join(job(Priority.FILE))
    assert len(scheduler) == slots - 2
    with pytest.raises(Overloaded):
        scheduler.join(job(Priority.FILE))
    scheduler.join(job(Priority.PARTIAL))
    assert Scheduler(1).takes(Priority.FILE)


def test_the_most_urgent_begin_as_far_as_the_budget_goes() -> None:
    scheduler = Scheduler(8)
    file, partial, final = (job(kind) for kind in (Priority.FILE, Priority.PARTIAL, Priority.FINAL))
    for one in (file, partial, final):
        scheduler.join(one)
    assert begun(scheduler, budget=250) == [final, partial]
    assert begun(scheduler, budget=50) == [file]  # one always begins
    assert begun(scheduler) == []


def test_nobody_waits_for_ever() -> None:
    scheduler = Scheduler(8)
    file = job(Priority.FILE)
    scheduler.join(file)
    for _ in range(2 * PATIENCE + 1):
        scheduler.join(job(Priority.FINAL))
        started = begun(scheduler, budget=1)
        scheduler.leave(started)
        if started == [file]:
            return
    raise AssertionError("expected the file to begin, got others for ever")


def test_a_scheduler_without_rows_is_none() -> None:
    with pytest.raises(ValueError, match="1 row or more"):
        Scheduler(0)

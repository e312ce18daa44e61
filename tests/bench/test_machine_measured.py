"""What is measured: on a clock that the engine itself moves, and on nano."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import sotto
from sotto.audio.format import SAMPLE_RATE
from sotto.bench.machine import (
    BATCHES,
    DECIDING,
    LEAST_ROUNDS,
    LENGTHS,
    SHARES,
    Choice,
    Plan,
    Result,
    measure,
)
from sotto.clock import SystemClock
from sotto.errors import EngineFailed
from sotto.interfaces.engine import BUCKET, DecodeJob, Engine, Hypothesis, Traits
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.runtime.container import read_file
from sotto.testing.engines import OracleEngine
from sotto.transcript.options import DecodeOptions
from tests.speech import CLIP

NANO = Path(sotto.__file__).parent / "assets" / "nano"
LOADING = 0.5
"""Seconds of the clock."""


class Moved:
    """A clock that only engines move."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Costing:
    """An engine whose batches take as long as they are told to, in the clock's time."""

    def __init__(self, clock: Moved, cost: Callable[[int, int], float], most: int = 99) -> None:
        self._clock, self._cost, self._most = clock, cost, most
        self._heard = OracleEngine(Traits(n_mels=128, languages=("de", "en")))
        self.batches: list[list[DecodeJob]] = []
        self.closed = False

    @property
    def traits(self) -> Traits:
        return self._heard.traits

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        if len(jobs) > self._most:
            raise EngineFailed(f"expected room for {len(jobs)} windows, got less")
        self.batches.append(list(jobs))
        self._clock.now += self._cost(len(jobs), len(jobs[0].mel))
        return []

    def close(self) -> None:
        self.closed = True


class Workshop:
    """Makes engines, and keeps them."""

    def __init__(self, cost: Callable[[int, int, int], float], most: int = 99) -> None:
        self.clock = Moved()
        self.made: list[tuple[int, Costing]] = []
        self._cost, self._most = cost, most

    def load(self, threads: int) -> Engine:
        assert all(engine.closed for _, engine in self.made), "one is in memory at a time"
        self.clock.now += LOADING
        engine = Costing(self.clock, lambda *what: self._cost(threads, *what), self._most)
        self.made.append((threads, engine))
        return engine

    def measure(self, plan: Plan, tell: Callable[[str], None] = lambda what: None) -> Result:
        return measure(self.load, noise(3.0), plan, self.clock, tell)

    @property
    def decoded(self) -> list[list[DecodeJob]]:
        return [batch for _, engine in self.made for batch in engine.batches]


def noise(length: float) -> np.ndarray:
    shape = round(length * SAMPLE_RATE)
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


def plan(cores: int = 2, threads: int = 0, max_batch: int = 16, seconds: float = 60.0) -> Plan:
    return Plan(cores, Choice(threads, max_batch), DecodeOptions(), seconds)


def shared(threads: int, batch: int, frames: int) -> float:
    """Half of the work is shared by the windows of a batch, and all of it by the threads."""
    return 1e-4 * frames * (1 + batch) / 2 / (threads or 2)


def flat(threads: int, batch: int, frames: int) -> float:
    return 1e-4 * frames * batch


@pytest.mark.parametrize(
    ("cores", "threads", "counts"),
    [
        (1, 0, [0, 1]),
        (2, 0, [0, 1, 2]),
        (6, 0, [0, 1, 2, 4, 6]),
        (8, 3, [3, 1, 2, 4, 8]),
        (4, 2, [2, 1, 4]),
    ],
)
def test_the_counts_of_threads(cores, threads, counts):
    assert plan(cores, threads).counts == counts


def test_each_count_has_its_turn_and_then_all_again():
    shop, told = Workshop(shared), []
    shop.measure(plan(), told.append)
    assert [threads for threads, _ in shop.made] == [0, 1, 2] * len(SHARES)
    assert all(engine.closed for _, engine in shop.made)
    assert told[:2] == ["threads: as the engine takes them (1 of 9)", "threads: 1 (2 of 9)"]


def test_the_times_are_those_of_the_batches_alone():
    shop = Workshop(shared)
    result = shop.measure(plan())
    assert result.choice == Choice(2, 16), "32 would take 0.5 s"
    assert result.ratio == pytest.approx(1.0), "the engine's own are two threads here"
    for point in result.points:
        assert point.took == pytest.approx(shared(point.threads, point.batch, point.frames))
        assert point.rounds >= LEAST_ROUNDS


def test_batches_that_bring_nothing_are_not_tried_but_what_is_in_force_is():
    shop = Workshop(flat)
    result = shop.measure(plan(max_batch=24, threads=1))
    tried = {
        (threads, length): [
            p.batch for p in result.points if (p.threads, p.frames) == (threads, length)
        ]
        for threads in (1, 2)
        for length in LENGTHS
    }
    for length in LENGTHS:
        assert tried[1, length] == [1, 2, 4, 24]
        assert tried[2, length] == [1, 2, 4]
    assert result.choice == Choice(1, 1)


@pytest.mark.parametrize("seconds", [5.0, 20.0, 60.0])
def test_the_time_is_kept(seconds):
    shop = Workshop(shared)
    began = shop.clock.now
    result = shop.measure(plan(cores=4, seconds=seconds))
    last = max(point.took for point in result.points)
    assert shop.clock.now - began <= seconds + LOADING + last
    assert shop.clock.now - began >= seconds / 2


def test_where_loading_takes_all_the_time_each_count_is_loaded_once():
    shop = Workshop(shared)
    shop.measure(plan(seconds=1.0))
    assert [threads for threads, _ in shop.made] == [0, 1, 2]


def test_a_model_for_which_there_is_no_time_is_still_measured():
    shop = Workshop(lambda threads, batch, frames: 0.1 * batch * frames)
    result = shop.measure(plan(seconds=1.0))
    assert {(p.threads, p.frames) for p in result.points} == {
        (threads, length) for threads in (0, 1, 2) for length in LENGTHS
    }
    assert {(p.batch, p.rounds) for p in result.points} == {(1, 1)}
    assert result.choice == Choice(1, 1)


def test_memory_that_is_too_short_for_a_batch_ends_its_growth():
    result = Workshop(shared, most=5).measure(plan())
    assert {point.batch for point in result.points} == {1, 2, 4}
    assert result.choice == Choice(2, 4)


def test_an_engine_that_cannot_decode_at_all_is_told_and_closed():
    shop = Workshop(shared, most=0)
    with pytest.raises(EngineFailed, match="expected room for 1 windows"):
        shop.measure(plan())
    assert [engine.closed for _, engine in shop.made] == [True]


def test_windows_are_pieces_of_the_sound_each_another():
    shop = Workshop(shared)
    shop.measure(plan())
    assert {len(batch) for batch in shop.decoded} == set(BATCHES)
    for batch in shop.decoded:
        (length,) = {len(job.mel) for job in batch}
        assert length in LENGTHS
        assert length % BUCKET == 0
        assert {job.mel.shape[1] for job in batch} == {128}
        assert {job.language for job in batch} == {"en"}
        assert len({job.id for job in batch}) == len(batch)
        assert len({job.mel.tobytes() for job in batch}) == len(batch)


def test_nano_itself():
    sound = np.concatenate(list(read_file(CLIP)))

    def load(threads: int) -> Engine:
        return CTranslate2Engine.load(NANO, device="cpu", threads=threads)

    result = measure(load, sound, plan(cores=2, seconds=1.5), SystemClock(), lambda what: None)
    assert {(p.threads, p.frames, 1) for p in result.points} <= {
        (p.threads, p.frames, p.batch) for p in result.points
    }
    assert {(p.threads, p.frames) for p in result.points} == {
        (threads, length) for threads in (0, 1, 2) for length in LENGTHS
    }
    assert all(point.took > 0 and point.rounds >= 1 for point in result.points)
    assert (result.choice.threads, DECIDING, result.choice.max_batch) in {
        (p.threads, p.frames, p.batch) for p in result.points
    }
    assert result.ratio > 0

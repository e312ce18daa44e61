"""Whether one stream more is let in, by how far behind the server is."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from sotto.errors import Overloaded
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority
from sotto.runtime.admission import CLOSES, OPENS, Admission, Figures, figures
from sotto.runtime.batcher import Batcher, Ticket
from sotto.runtime.metrics import Metrics
from sotto.runtime.schedule import Schedule
from sotto.testing.engines import OracleEngine, speak
from sotto.transcript.options import DecodeOptions
from tests.signing import FakeClock


class SlowEngine(OracleEngine):
    """Decodes once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Semaphore(0)

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.let.acquire()
        return super().decode(jobs)


class House:
    """A batcher and what is sampled of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.engine = SlowEngine()
        schedule = Schedule[Ticket](max_batch=1, limit=100, exact=True)
        self.batcher = Batcher("slow", self.engine, schedule, self.clock, self.metrics)
        self.admission = Admission()
        self.admission.sample(figures(self.metrics))

    def pass_second(self) -> None:
        self.clock.passed += 1
        self.admission.sample(figures(self.metrics))

    def submit(self, number: int, priority: Priority) -> Ticket:
        mel = speak([("alpha", 10, 60)], 64).mel
        return self.batcher.submit(DecodeJob(number, mel, DecodeOptions(), priority))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.engine.let.release(100)
    house.batcher.close()


async def test_an_engine_that_stands_still_lets_nobody_in(house: House) -> None:
    tickets = [house.submit(number, Priority.FINAL) for number in range(3)]
    for _ in range(6):
        house.pass_second()
    with pytest.raises(Overloaded, match="fewer streams") as refused:
        house.admission.check()
    assert refused.value.retry_after == 5.0
    house.engine.let.release(3)
    for ticket in tickets:
        await ticket.result
    for _ in range(20):
        house.pass_second()
    house.admission.check()


async def test_an_engine_that_keeps_up_lets_all_in(house: House) -> None:
    house.engine.let.release(100)
    for number in range(30):
        priority = Priority.FINAL if number % 3 else Priority.PARTIAL
        await house.submit(number, priority).result
        house.pass_second()
        house.admission.check()
    assert house.admission.strain == 0.0


async def test_files_that_wait_keep_no_stream_out(house: House) -> None:
    tickets = [house.submit(number, Priority.FILE) for number in range(20)]
    for ticket in tickets:
        house.pass_second()
        house.pass_second()
        house.engine.let.release()
        await ticket.result
        house.admission.check()


async def test_looks_that_nobody_comes_to_close_it(house: House) -> None:
    house.submit(0, Priority.FINAL)  # which the engine is busy with
    for number in range(1, 60):
        house.batcher.withdraw(house.submit(number, Priority.PARTIAL))
        if number % 6 == 0:
            house.pass_second()
    assert house.admission.strain > CLOSES
    assert not house.admission.is_open


def test_it_opens_well_below_where_it_closed() -> None:
    admission, now = Admission(), Figures()
    opened, closed = [], []
    # The share of looks that are withdrawn rises to all of them, and falls to none.
    for step in [*range(21), *range(20, -1, -1)]:
        for _ in range(30):
            now = Figures(looks=now.looks + 20, withdrawn=now.withdrawn + step)
            was_open = admission.is_open
            admission.sample(now)
            if was_open and not admission.is_open:
                closed.append(step / 20)
            if admission.is_open and not was_open:
                opened.append(step / 20)
    assert len(opened) == len(closed) == 1
    assert closed[0] == pytest.approx(CLOSES, abs=0.06)
    assert opened[0] == pytest.approx(OPENS, abs=0.06)


def test_a_few_looks_say_nothing() -> None:
    admission = Admission()
    admission.sample(Figures(looks=3, withdrawn=3))
    admission.check()

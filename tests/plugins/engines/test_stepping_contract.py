from __future__ import annotations

from dataclasses import replace

import pytest

from sotto.audio.chunk import Mel
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Engine, Hypothesis, Priority
from sotto.testing.continuous_contract import ContinuousContract
from sotto.testing.engine_contract import EngineContract
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.testing.stepping import SteppingEngine

STEPPING = SteppingEngine()


def spoken(count: int, length: int) -> Mel:
    words = [(VOCABULARY[place], 5 + place * 40, 40 + place * 40) for place in range(count)]
    return speak(words, length).mel


SOUNDS = [spoken(2, 97), spoken(5, 250), spoken(3, 160)]


class TestStepping(EngineContract):
    def engine(self) -> Engine:
        return STEPPING

    def sounds(self) -> list[Mel]:
        return SOUNDS


class TestSteppingOn(ContinuousContract):
    def engine(self) -> ContinuousEngine:
        return STEPPING

    def sounds(self) -> list[Mel]:
        return SOUNDS


class TestSteppingThatStops(TestSteppingOn):
    ENGINE = SteppingEngine(engine=OracleEngine(stops=True))

    def engine(self) -> ContinuousEngine:
        return self.ENGINE


def test_only_what_joins_and_leaves_is_continuous() -> None:
    assert isinstance(STEPPING, ContinuousEngine)
    assert not isinstance(OracleEngine(), ContinuousEngine)


class Mingles(SteppingEngine):
    """Its jobs hear each other."""

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        done = super().step()
        if len(self.steps[-1]) == 1:
            return done
        return [(job, replace(heard, words=heard.words[1:])) for job, heard in done]


class Holds(SteppingEngine):
    """The slot of one that left stays taken."""

    gone = 0

    def leave(self, job: DecodeJob) -> None:
        self.gone += job in self.inside
        super().leave(job)

    def takes(self, priority: Priority) -> bool:
        return super().takes(priority) and len(self.inside) + self.gone < self.slots


class Fills(SteppingEngine):
    """Files take all slots."""

    def takes(self, priority: Priority) -> bool:
        return len(self.inside) < self.slots


@pytest.mark.parametrize(
    ("engine", "test"),
    [
        (Mingles(), "test_a_job_that_joins_after_each_count_of_steps_hears_what_it_hears_alone"),
        (Mingles(), "test_who_joins_and_leaves_at_any_step_changes_nobody_elses_result"),
        (Fills(), "test_files_leave_room_for_live_speech"),
    ],
    ids=["one joins", "many join and leave", "files"],
)
def test_the_contract_finds_what_is_wrong(engine: SteppingEngine, test: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(ContractOf(engine), test)()


def test_the_contract_finds_room_that_is_lost() -> None:
    with pytest.raises(AssertionError):
        ContractOf(Holds()).test_who_leaves_frees_its_room_at_once(1)


class ContractOf(ContinuousContract):
    __test__ = False

    def __init__(self, engine: SteppingEngine) -> None:
        self._engine = engine

    def engine(self) -> ContinuousEngine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return SOUNDS

"""What is recorded on a GPU, without one: steps run when a graph would be, on its sizes.

That CUDA records them is not shown here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sotto.audio.chunk import Mel
from sotto.interfaces.engine import ContinuousEngine, Engine
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.torch_whisper.checkpoint import read_weights
from sotto.plugins.engines.torch_whisper.engine import TorchEngine
from sotto.plugins.engines.torch_whisper.graphs import MOST, Graphs
from sotto.plugins.engines.torch_whisper.place import Place
from sotto.plugins.engines.traits import traits_of
from sotto.testing.continuous_contract import ContinuousContract
from sotto.testing.engine_contract import EngineContract, assert_same, exact_job
from sotto.transcript.options import DecodeOptions

CPU = torch.device("cpu")
Piece = Callable[[int, int], Mel]


class Replayed:
    """A graph: the very step that was recorded, whatever is asked for later."""

    def __init__(self, step: Callable[[], object]) -> None:
        self.replay = step


class AsRecorded(Graphs):
    def __init__(self) -> None:
        super().__init__(CPU)
        self._records = True
        self.recorded = 0

    def _record(self, step: Callable[[], object]) -> Replayed:  # type: ignore[override]
        step()  # as torch wants it, before it records
        self.recorded += 1
        return Replayed(step)


def recorded(folder: Path, slots: int) -> tuple[TorchEngine, AsRecorded]:
    weights, tokenizer, graphs = read_weights(folder), WhisperTokenizer(folder), AsRecorded()
    traits = traits_of(folder, n_mels=80, tokenizer=tokenizer)
    place = Place(CPU, torch.float32, slots, 3_000)
    return TorchEngine(place.bring(weights), tokenizer, traits, place, graphs), graphs


@pytest.fixture(scope="module")
def pair(nano_folder: Path) -> tuple[TorchEngine, AsRecorded]:
    return recorded(nano_folder, 6)


@pytest.fixture(scope="module")
def plain(nano_folder: Path) -> TorchEngine:
    return TorchEngine.load(nano_folder, device="cpu", slots=6)


class TestRecorded(EngineContract):
    @pytest.fixture(autouse=True)
    def _bring(self, pair: tuple[TorchEngine, AsRecorded], piece: Piece) -> None:
        self._engine, _ = pair
        self._sounds = [piece(frames, frames) for frames in (400, 290, 501, 330)]

    def engine(self) -> Engine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return self._sounds


class TestRecordedGoingOn(ContinuousContract):
    @pytest.fixture(autouse=True)
    def _bring(self, pair: tuple[TorchEngine, AsRecorded], piece: Piece) -> None:
        self._engine, _ = pair
        self._sounds = [piece(frames, frames) for frames in (400, 290, 501)]

    def engine(self) -> ContinuousEngine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return self._sounds


def test_few_sizes_say_the_same(
    pair: tuple[TorchEngine, AsRecorded], plain: TorchEngine, piece: Piece
) -> None:
    engine, graphs = pair
    jobs = [exact_job(id, piece(90 + 55 * id, id)) for id in range(11)]
    for one, other in zip(engine.decode(jobs), plain.decode(jobs), strict=True):
        assert_same(one, other)
    known = graphs.recorded
    assert 0 < known < 40
    engine.decode(jobs)
    assert graphs.recorded == known


def test_rows_that_nobody_has_do_no_harm(polyglot_folder: Path, piece: Piece) -> None:
    engine, _ = recorded(polyglot_folder, 8)
    long = DecodeOptions(prompt="one two three " * 40)
    short = [exact_job(id, piece(300, id)) for id in range(5)]
    before = engine.decode(short)
    engine.decode([exact_job(id, piece(300, id), long) for id in range(8)])
    for one, other in zip(engine.decode(short), before, strict=True):  # the last three rows are old
        assert_same(one, other)


def test_of_what_is_drawn_there_are_graphs_of_their_own(
    pair: tuple[TorchEngine, AsRecorded], piece: Piece
) -> None:
    engine, graphs = pair
    engine.decode([exact_job(0, piece(200, 0))])
    known = graphs.recorded
    engine.decode([exact_job(0, piece(200, 0), DecodeOptions(temperature=1.0))])
    assert graphs.recorded == known + 1


def test_no_more_than_that_are_kept() -> None:
    graphs, runs = AsRecorded(), []
    for key in range(MOST + 5):
        graphs.run(key, lambda: runs.append(1))
    assert graphs.recorded == MOST
    assert len(runs) == 2 * MOST + 5
    assert graphs.takes(0)
    assert not graphs.takes("another")


class Unable(AsRecorded):
    def _record(self, step: Callable[[], object]) -> Replayed:
        raise RuntimeError("operation not permitted when stream is capturing")


def test_where_nothing_can_be_recorded_steps_are_run(caplog: pytest.LogCaptureFixture) -> None:
    graphs, runs = Unable(), []
    for key in (1, 2, 2):
        graphs.run(key, lambda key=key: runs.append(key))
    assert runs == [1, 2, 2]
    assert not graphs.records
    assert [line for line in caplog.messages if "not recorded" in line] == [
        "steps are not recorded, and slower for it: "
        "operation not permitted when stream is capturing"
    ]

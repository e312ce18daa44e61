"""The engine in PyTorch against CTranslate2 and Hugging Face's, and what it alone can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES
from sotto.errors import EngineFailed, ModelUnavailable, Overloaded
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Engine, Hypothesis, Priority
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.torch_whisper.checkpoint import read_weights
from sotto.plugins.engines.torch_whisper.engine import TorchEngine
from sotto.plugins.engines.windows import stack
from sotto.testing.continuous_contract import ContinuousContract
from sotto.testing.engine_contract import EngineContract, assert_same, exact_job
from sotto.transcript.options import AudioContext, DecodeOptions, Task
from tests.plugins.engines.torch_whisper.hub_folder import hub_folder

Piece = Callable[[int, int], Mel]
LENGTHS = (400, 290, 501, 330)


@pytest.fixture(scope="session")
def engine(nano_folder: Path) -> TorchEngine:
    return TorchEngine.load(nano_folder, device="cpu", slots=8)


@pytest.fixture(scope="session")
def reference(polyglot_folder: Path) -> CTranslate2Engine:
    return CTranslate2Engine.load(polyglot_folder, device="cpu", compute_type="float32")


@pytest.fixture(scope="session")
def speaks_three(polyglot_folder: Path) -> TorchEngine:
    return TorchEngine.load(polyglot_folder, device="cpu", slots=8)


@pytest.fixture(scope="session")
def hub(nano_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_folder(tmp_path_factory.mktemp("hub"), read_weights(nano_folder))


class TestTorchNano(EngineContract):
    @pytest.fixture(autouse=True)
    def _bring(self, engine: TorchEngine, piece: Piece) -> None:
        self._engine = engine
        self._sounds = [piece(frames, frames) for frames in LENGTHS]

    def engine(self) -> Engine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return self._sounds


class TestTorchGoingOn(ContinuousContract):
    @pytest.fixture(autouse=True)
    def _bring(self, engine: TorchEngine, piece: Piece) -> None:
        self._engine = engine
        self._sounds = [piece(frames, frames) for frames in LENGTHS]

    def engine(self) -> ContinuousEngine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return self._sounds


class TestTorchPolyglot(TestTorchNano):
    @pytest.fixture(autouse=True)
    def _bring(self, speaks_three: TorchEngine, piece: Piece) -> None:
        self._engine = speaks_three
        self._sounds = [piece(frames, frames) for frames in LENGTHS[:3]]


def jobs_of_all_kinds(piece: Piece) -> list[DecodeJob]:
    mels = [piece(frames, seed) for seed, frames in enumerate((90, 160, 290, 333, 512, 700))]
    free = [exact_job(seed, mel) for seed, mel in enumerate(mels)]
    kinds = [
        DecodeOptions(language="de"),
        DecodeOptions(task=Task.TRANSLATE, language="fr"),
        DecodeOptions(candidates=("de", "fr")),
        DecodeOptions(prompt="Names: Ada, Grace, Edsger."),
        DecodeOptions(hotwords="Ada", audio_context=AudioContext.MARGIN),
        DecodeOptions(audio_context=AudioContext.FULL),
    ]
    other = [
        replace(one, options=options, audio_context=options.audio_context or one.audio_context)
        for one, options in zip(free, kinds, strict=True)
    ]
    return [*free, *other, *(replace(one, prefix=(20, 300, 41)) for one in free[2:4])]


def test_it_hears_what_ctranslate2_hears(
    speaks_three: TorchEngine, reference: CTranslate2Engine, piece: Piece
) -> None:
    jobs = jobs_of_all_kinds(piece)
    for job, ours, theirs in zip(
        jobs, speaks_three.decode(jobs), reference.decode(jobs), strict=True
    ):
        assert [heard.tokens for heard in ours.words] == [heard.tokens for heard in theirs.words]
        assert (ours.language, ours.audio_context) == (theirs.language, theirs.audio_context)
        np.testing.assert_allclose(numbers(ours, job), numbers(theirs, job), atol=2e-3)
        mine, others = edges(ours, job), edges(theirs, job)
        np.testing.assert_allclose(mine[:-1], others[:-1], atol=4)
        np.testing.assert_allclose(mine[-1:], others[-1:], atol=20)  # it reads no end token


def numbers(one: Hypothesis, job: DecodeJob) -> list[float]:
    """What was forced is sure here; there it has the probability that it would have had. And of
    an end at once, CTranslate2 tells the probability among all tokens, not those that could be."""
    border = one.prefix_words if job.prefix else 0
    return [
        *([one.avg_logprob] if one.words else []),
        one.no_speech_prob,
        one.language_probability,
        *(heard.word.probability for heard in one.words[border:]),
    ]


def edges(one: Hypothesis, job: DecodeJob) -> list[int]:
    """Of its words; with a prompt before them, tokens listen a little differently."""
    if job.options.prompt or job.options.hotwords:
        return []
    return [edge for heard in one.words for edge in (heard.word.start, heard.word.end)]


def test_it_says_token_for_token_what_hugging_face_generates(hub: Path, piece: Piece) -> None:
    engine = TorchEngine.load(hub, device="cpu", compute_type="float32")
    theirs = WhisperForConditionalGeneration.from_pretrained(hub, dtype=torch.float32).eval()
    tokenizer = WhisperTokenizer(hub)
    mels = [piece(frames, seed) for seed, frames in enumerate((120, 160, 333, 500, 700, 730))]
    start = [*tokenizer.start("en", Task.TRANSCRIBE), tokenizer.no_timestamps]
    with torch.inference_mode():
        generated = theirs.generate(
            input_features=torch.from_numpy(stack(mels, WINDOW_FRAMES)),
            decoder_input_ids=torch.tensor([start] * len(mels)),
            suppress_tokens=list(tokenizer.specials),
            return_timestamps=False,
            do_sample=False,
            num_beams=1,
            max_new_tokens=60,
        )
    full = DecodeOptions(audio_context=AudioContext.FULL)
    jobs = [replace(exact_job(0, mel, full), audio_context=None) for mel in mels]
    for hypothesis, row in zip(engine.decode(jobs), generated.tolist(), strict=True):
        said = [token for token in row if token < tokenizer.eot]
        assert [token for heard in hypothesis.words for token in heard.tokens] == said
        assert said


def test_windows_join_and_leave_at_every_step(engine: TorchEngine, piece: Piece) -> None:
    jobs = [exact_job(id, piece(100 + 40 * id, id)) for id in range(12)]
    alone = [engine.decode([job])[0] for job in jobs]
    waiting, heard, steps = list(jobs), {}, 0
    while len(heard) < len(jobs):
        if waiting and engine.takes(Priority.PARTIAL):
            engine.join(waiting.pop(0))
        heard.update(engine.step())
        steps += 1
    for job, by_itself in zip(jobs, alone, strict=True):
        assert_same(heard[job], by_itself)
    assert steps < sum(len(one.words) + 2 for one in alone)  # they were in together


def test_who_leaves_in_the_middle_disturbs_nobody(engine: TorchEngine, piece: Piece) -> None:
    jobs = [exact_job(id, piece(200 + 60 * id, id)) for id in range(6)]
    alone = [engine.decode([job])[0] for job in jobs]
    for steps in range(4):
        for job in jobs:
            engine.join(job)
        heard = dict(pair for _ in range(steps) for pair in engine.step())
        for job in (jobs[0], jobs[3]):
            engine.leave(job)
            engine.leave(job)
        stay = [job for job in jobs if job not in (jobs[0], jobs[3])]
        for _ in range(100):
            heard.update(engine.step())
        for job in stay:
            assert_same(heard[job], alone[jobs.index(job)])


def test_a_full_engine_refuses_and_recovers(engine: TorchEngine, piece: Piece) -> None:
    jobs = [exact_job(id, piece(200, id)) for id in range(engine.slots + 1)]
    for job in jobs[:-1]:
        engine.join(job)
    assert not engine.takes(Priority.FINAL)
    with pytest.raises(Overloaded):
        engine.join(jobs[-1])
    engine.step()
    engine.leave(jobs[0])
    engine.join(jobs[-1])
    heard = dict(pair for _ in range(100) for pair in engine.step())
    assert set(heard) == set(jobs[1:])


def test_it_stops_where_nobody_wants_more(engine: TorchEngine, piece: Piece) -> None:
    job = exact_job(0, piece(500, 3))
    whole = engine.decode([job])[0]
    assert whole.is_whole
    assert whole.settled == whole.tail
    ends = [heard.end for heard in whole.words]
    stopped = [engine.decode([replace(job, stop_at=at)])[0] for at in (0, *ends, 500)]
    lengths = [len(one.settled) for one in stopped]
    assert lengths == sorted(lengths)
    assert (lengths[0], len(stopped[0].words)) == (0, 1)
    assert 0 < lengths[2] < len(whole.words) == lengths[-1]
    for one in stopped:
        said = [heard.word.text for heard in one.settled]
        assert said == [heard.word.text for heard in whole.words[: len(said)]]
        assert -20 < one.avg_logprob <= 0
        assert all(heard.end <= 500 for heard in one.words)


def test_a_temperature_draws(engine: TorchEngine, piece: Piece) -> None:
    torch.manual_seed(0)
    mel = piece(60, 0)  # of which it is not sure
    warm, hot = (DecodeOptions(temperature=value) for value in (1e-4, 1.0))
    greedy = engine.decode([exact_job(0, mel)])[0]
    drawn = engine.decode([exact_job(id, mel, hot) for id in range(8)])
    assert len({tuple(heard.tokens for heard in one.words) for one in drawn}) > 1
    assert all(one.temperature == 1.0 and one.avg_logprob <= 0 for one in drawn)
    nearly = engine.decode([exact_job(0, mel, warm)])[0]
    assert [heard.tokens for heard in nearly.words] == [heard.tokens for heard in greedy.words]


def test_after_a_step_that_broke_all_is_as_before(engine: TorchEngine, piece: Piece) -> None:
    job = exact_job(0, piece(300, 1))
    before = engine.decode([job])[0]
    engine.join(exact_job(1, piece(200, 2)))
    engine.step()
    broken = exact_job(2, job.mel)
    engine.join(broken)
    object.__setattr__(broken, "mel", job.mel[:, :40])  # nothing that comes this far breaks a step
    with pytest.raises(EngineFailed, match="a step of 2 windows broke"):
        engine.step()
    assert engine.step() == []
    assert_same(engine.decode([job])[0], before)


def test_it_is_continuous(engine: TorchEngine) -> None:
    assert isinstance(engine, ContinuousEngine)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"device": "tpu"}, "expected cpu, cuda or cuda:N"),
        ({"device": "meta"}, "expected cpu, cuda or cuda:N"),
        ({"compute_type": "int8"}, "float32, float16, bfloat16"),
    ],
)
def test_what_it_cannot_be_is_said(nano_folder: Path, given: dict[str, str], expected: str) -> None:
    with pytest.raises(ModelUnavailable, match=expected):
        TorchEngine.load(nano_folder, **{"device": "cpu", **given})


def test_half_as_many_bits_hear_the_same(
    nano_folder: Path, engine: TorchEngine, piece: Piece
) -> None:
    half = TorchEngine.load(nano_folder, device="cpu", compute_type="bfloat16", slots=2)
    jobs = [exact_job(id, piece(300, id)) for id in range(3)]
    texts = [
        ["".join(heard.word.text for heard in one.words) for one in each.decode(jobs)]
        for each in (half, engine)
    ]
    assert texts[0] == texts[1]

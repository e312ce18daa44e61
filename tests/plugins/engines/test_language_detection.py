"""What a checkpoint takes for the spoken language, where it may be one of several."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from ctranslate2.converters import TransformersConverter

from sotto.audio.chunk import Mel
from sotto.bench.shapes.make import Making, craft
from sotto.bench.shapes.sizes import Shape, Slots
from sotto.bench.shapes.words import invented_vocabulary
from sotto.plugins.engines.ct2_steps import Encoded, Prompt, Sampling
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.windows import stack
from sotto.testing.engine_contract import exact_job
from sotto.training.learning.checkpoints import write_network
from sotto.training.learning.network import Network
from sotto.transcript.options import DecodeOptions

MINI = Making("mini", Shape(width=128, heads=2, layers=2), Slots(3.0))


@pytest.fixture(scope="module", params=["en", "de"])
def speaking(request: pytest.FixtureRequest) -> str:
    """The language that the weights in `mini` say, whatever they hear."""
    code: str = request.param
    return code


@pytest.fixture(scope="module")
def mini_folder(speaking: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper's vocabulary of 99 languages, with the empty piece."""
    vocabulary = invented_vocabulary()
    whisper, _ = craft(MINI, vocabulary)
    table = whisper.model.decoder.embed_tokens.weight.data
    places = [vocabulary.language("en"), vocabulary.language(speaking)]
    table[places] = table[places[::-1]].clone()
    folder = tmp_path_factory.mktemp("mini")
    (folder / "hugging").mkdir()
    write_network(Network(whisper), vocabulary, folder / "hugging")
    converter = TransformersConverter(str(folder / "hugging"), copy_files=["tokenizer.json"])
    converter.convert(str(folder / "made"), quantization="int8")
    return folder / "made"


@pytest.fixture(scope="module")
def mini(mini_folder: Path) -> CTranslate2Engine:
    return CTranslate2Engine.load(mini_folder, device="cpu", threads=1)


@pytest.fixture(scope="module")
def named(polyglot_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A learned vocabulary, with an empty piece in place of a rare one."""
    folder = tmp_path_factory.mktemp("named") / "model"
    shutil.copytree(polyglot_folder, folder)
    _rename(folder, 999, "")
    return folder


def _rename(folder: Path, token: int, name: str) -> None:
    """As CTranslate2 knows it; the text it stands for stays."""
    pieces = json.loads((folder / "vocabulary.json").read_text())
    pieces[token] = name
    (folder / "vocabulary.json").write_text(json.dumps(pieces))


def hear(
    engine: CTranslate2Engine, mel: Mel, candidates: tuple[str, ...] = ()
) -> tuple[str, float]:
    (heard,) = engine.decode([exact_job(0, mel, DecodeOptions(candidates=candidates))])
    return heard.language, heard.language_probability


def logprobs(model: ctranslate2.models.Whisper, mel: Mel, sot: int) -> list[float]:
    encoded = Encoded(model, stack([mel], len(mel)))
    found: list[float] = encoded.first_logprobs([0], [[sot]])[0].tolist()
    return found


def test_hears_the_language_that_the_weights_say(
    mini: CTranslate2Engine, speaking: str, piece: Callable[[int, int], Mel]
) -> None:
    mel = piece(320, 0)
    assert hear(mini, mel) == (speaking, pytest.approx(1, abs=0.01))
    assert hear(mini, mel, ("fr", speaking)) == (speaking, pytest.approx(1, abs=0.01))
    code, probability = hear(mini, mel, ("fr", "ja", "es"))
    assert code in ("fr", "ja", "es")
    assert 1 / 3 <= probability < 0.9


def test_needs_no_empty_piece(
    mini_folder: Path, speaking: str, tmp_path: Path, piece: Callable[[int, int], Mel]
) -> None:
    """CTranslate2's own detection does."""
    folder = tmp_path / "model"
    shutil.copytree(mini_folder, folder)
    assert ctranslate2.models.Whisper(str(folder)).is_multilingual
    _rename(folder, json.loads((folder / "vocabulary.json").read_text()).index(""), "unnamed")
    assert not ctranslate2.models.Whisper(str(folder)).is_multilingual
    engine = CTranslate2Engine.load(folder, device="cpu", threads=1)
    assert hear(engine, piece(320, 0)) == (speaking, pytest.approx(1, abs=0.01))


def test_a_learned_vocabulary_s_languages_are_told_apart(
    polyglot: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    mel = piece(320, 0)
    code, probability = hear(polyglot, mel)
    assert code == "en"
    assert probability > 0.9
    code, probability = hear(polyglot, mel, ("de", "fr"))
    assert code in ("de", "fr")
    assert probability >= 0.5


@pytest.mark.parametrize("frames", [152, 160, 168])
def test_a_window_of_any_length_has_its_language(
    polyglot: CTranslate2Engine, piece: Callable[[int, int], Mel], frames: int
) -> None:
    """With 80 encoder positions too: as many as there are bands."""
    code, probability = hear(polyglot, piece(176, 1)[:frames])
    assert code == "en"
    assert probability > 0.9


def test_finds_what_ctranslate2_finds(
    named: Path, tokenizer: WhisperTokenizer, piece: Callable[[int, int], Mel]
) -> None:
    """Where that can detect languages, on sounds that nobody is sure of."""
    model = ctranslate2.models.Whisper(str(named), compute_type="int8", intra_threads=1)
    silence = np.full((320, 80), -1.0, np.float32)
    for mel in (piece(320, 0), silence):
        encoded = Encoded(model, stack([mel], len(mel)))
        (expected,) = model.detect_language(encoded.rows([0]))
        ours = logprobs(model, mel, tokenizer.sot)
        logs = np.array([ours[token] for token in tokenizer.languages.values() if token < 1101])
        shares = np.exp(logs - np.logaddexp.reduce(logs))
        found = dict(zip(tokenizer.languages, shares, strict=False))
        assert len(expected) == len(found) == 99
        for name, probability in expected:
            assert found[name[2:-2]] == pytest.approx(probability, rel=1e-3, abs=1e-9)


def test_each_window_of_a_batch_has_its_own(
    polyglot: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    options = [DecodeOptions(candidates=codes) for codes in ((), ("de", "fr"), ("en", "fr"))]
    jobs = [exact_job(place, piece(320, place), one) for place, one in enumerate(options)]
    together = polyglot.decode([*jobs, replace(jobs[0], language="de")])
    alone = [polyglot.decode([job])[0] for job in jobs]
    for one, other in zip(together, alone, strict=False):
        assert one.language == other.language
        assert one.language_probability == pytest.approx(other.language_probability, abs=0.02)
    assert (together[3].language, together[3].language_probability) == ("de", 1.0)


def test_no_speech_is_as_likely_as_in_a_language_s_place(
    named: Path, tokenizer: WhisperTokenizer, piece: Callable[[int, int], Mel]
) -> None:
    """The rules for times leave it alone."""
    model = ctranslate2.models.Whisper(str(named), compute_type="int8", intra_threads=1)
    start = [*tokenizer.start("en", DecodeOptions().task), tokenizer.no_timestamps]
    silence = np.full((320, 80), -1.0, np.float32)
    found = []
    for mel in (piece(320, 0), silence):
        encoded = Encoded(model, stack([mel], len(mel)))
        (take,) = encoded.generate(
            [0],
            [Prompt(tuple(start), (), 60)],
            Sampling(1, 0.0),
            tokenizer.specials,
            tokenizer.eot,
        )
        expected = np.exp(logprobs(model, mel, tokenizer.sot)[tokenizer.no_speech])
        assert take.no_speech_prob == pytest.approx(expected, rel=0.02, abs=1e-6)
        found.append(take.no_speech_prob)
    assert found[1] > 2 * found[0]

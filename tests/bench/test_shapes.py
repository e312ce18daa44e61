"""A shape that is too small for anybody's use, by the same mechanism as the real ones."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from typer.testing import CliRunner

from sotto.app.cli import app
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.audio.chunk import Mel
from sotto.audio.format import SAMPLE_RATE, frames
from sotto.audio.mel import LogMel, padded
from sotto.bench.shapes.make import Making, craft, make
from sotto.bench.shapes.sizes import LEAST_RATE, MOST_RATE, SHAPES, Shape, Slots, shape_of
from sotto.bench.shapes.words import PIECES, chosen_words, invented_vocabulary
from sotto.errors import BadOption
from sotto.interfaces.engine import DecodeJob, Engine, Hypothesis, Priority
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.testing.engine_contract import EngineContract
from sotto.training.data.vocabulary import read_vocabulary
from sotto.transcript.options import AudioContext, DecodeOptions
from tests.listening import listen
from tests.serving import serving
from tests.speech import CLIP, pcm_s16le

MINI = Shape(width=128, heads=2, layers=2)
RATE = 3
SLOTS = Slots(float(RATE))
SPOKEN = [
    ([(0, 3)], 3),
    ([(0.5, 2.5)], 4),
    ([(1, 2), (5, 6)], 7),
    ([(0, 30)], 30),
    ([(3, 4), (20, 21), (28, 29)], 30),
    ([(12, 13)], 14),
]


def hum(spans: list[tuple[float, float]], length: float) -> Mel:
    """A voice that says nothing, between so many seconds and so many."""
    time = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 9))
    on = np.zeros(len(time), bool)
    for start, end in spans:
        on |= (time >= start) & (time < end)
    mel = LogMel(80)
    samples = (0.2 * voice * on).astype(np.float32)
    return np.concatenate([mel.receive(samples), mel.finish()])


def loud_slots(spans: list[tuple[float, float]]) -> list[int]:
    """Those that are loud in their middle half."""
    return [
        slot
        for slot in range(SLOTS.count)
        if any(start < (slot + 0.75) / RATE and (slot + 0.25) / RATE < end for start, end in spans)
    ]


def make_mini(output: Path, **others: object) -> Path:
    make(Making("mini", MINI, SLOTS, **others), output)  # type: ignore[arg-type]
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mini(tmp_path_factory.mktemp("shapes") / "mini")


@pytest.fixture(scope="module")
def engine(folder: Path) -> CTranslate2Engine:
    return CTranslate2Engine.load(folder, device="cpu", threads=1)


@pytest.fixture(scope="module")
def model(folder: Path) -> ctranslate2.models.Whisper:
    return ctranslate2.models.Whisper(str(folder), device="cpu", intra_threads=1)


@pytest.fixture(scope="module")
def words(folder: Path) -> list[int]:
    return chosen_words(read_vocabulary(folder), SLOTS.count)


def hear(engine: Engine, mel: Mel, prefix=(), context=None, text="") -> Hypothesis:
    job = DecodeJob(
        id=0,
        mel=mel,
        options=DecodeOptions(language="en"),
        priority=Priority.FINAL,
        prefix=tuple(prefix),
        context=text,
        audio_context=context,
    )
    return engine.decode([job])[0]


def slots_of(heard: Hypothesis, words: list[int]) -> list[int]:
    return [words.index(token) for word in heard.words for token in word.tokens]


@pytest.mark.parametrize("context", list(AudioContext))
@pytest.mark.parametrize(("spans", "length"), SPOKEN)
def test_each_loud_slot_has_its_word(engine, words, spans, length, context) -> None:
    heard = hear(engine, hum(spans, length), context=context)
    assert slots_of(heard, words) == loud_slots(spans)
    assert heard.no_speech_prob < 0.01
    assert heard.avg_logprob > -0.1


@pytest.mark.parametrize("context", list(AudioContext))
def test_silence_has_no_words(engine, context) -> None:
    heard = hear(engine, hum([], 5), context=context)
    assert heard.words == ()
    assert heard.no_speech_prob > 0.99


def test_words_are_as_many_as_the_speech_is_long(engine, words) -> None:
    heard = hear(engine, hum([(2, 22)], 25))
    assert abs(len(heard.words) - 20 * RATE) <= 1
    assert len({word.word.text for word in heard.words}) == len(heard.words)
    assert all(word.word.text.startswith(" ") for word in heard.words)


def test_as_many_words_as_there_can_be_keep_their_order(tmp_path) -> None:
    slots = Slots(MOST_RATE)
    make(Making("fast", Shape(192, 3, 2), slots), tmp_path / "fast")
    fast = CTranslate2Engine.load(tmp_path / "fast", device="cpu", threads=1)
    words = chosen_words(read_vocabulary(tmp_path / "fast"), slots.count)
    assert slots_of(hear(fast, hum([(0, 30)], 30)), words) == list(range(slots.count))
    late = slots_of(hear(fast, hum([(26, 27)], 30)), words)
    assert late == list(range(26 * 6, 27 * 6))


def test_longer_sound_begins_with_the_same_words(engine, words) -> None:
    spans = [(0.4, 3.1), (4.2, 7.9)]
    whole = hear(engine, hum(spans, 9))
    texts = [word.word.text for word in whole.words]
    for length in (2.0, 3.7, 5.5, 8.0):
        part = hear(engine, hum(spans, 9)[: frames(length)])
        heard = [word.word.text for word in part.words]
        assert heard[:-1] == texts[: len(heard) - 1]
        assert len(heard) >= len([slot for slot in loud_slots(spans) if (slot + 1) / RATE < length])


def test_goes_on_after_a_prefix_and_whatever_was_said_before(engine, words) -> None:
    mel = hum([(0, 4)], 5)
    whole = slots_of(hear(engine, mel), words)
    prefix = [words[slot] for slot in whole[:5]]
    assert slots_of(hear(engine, mel, prefix), words) == whole
    assert slots_of(hear(engine, mel, text="what was said before"), words) == whole


def test_words_lie_where_it_is_loud(engine) -> None:
    spans = [(1.0, 3.0), (4.0, 6.0)]
    heard = hear(engine, hum(spans, 7)).words
    half = len(heard) // 2
    for index, (start, end) in ((0, spans[0]), (half, spans[1])):
        between = [word.word for word in heard[index + 1 : index + half - 1]]
        assert between
        assert all(word.start >= 100 * start and word.end <= 100 * end for word in between)
        assert all(abs(word.end - word.start - 100 / RATE) <= 10 for word in between)


def encode(model: ctranslate2.models.Whisper, mel: Mel) -> ctranslate2.StorageView:
    features = np.ascontiguousarray(padded(mel, 3000).T[None])
    return model.encode(ctranslate2.StorageView.from_array(features))


def test_detects_english(model) -> None:
    assert model.is_multilingual
    ((best, *_),) = model.detect_language(encode(model, hum([(0, 3)], 3)))
    assert best[0] == "<|en|>"
    assert best[1] > 0.9


def test_a_text_with_times_begins_and_ends_with_one(model, folder, words) -> None:
    vocabulary = read_vocabulary(folder)
    (found,) = model.generate(
        encode(model, hum([(0, 2)], 4)),
        [vocabulary.start("en")],
        beam_size=1,
        max_length=448,
        suppress_tokens=[-1],
    )
    tokens = found.sequences_ids[0]
    assert tokens == [vocabulary.timestamp(0), *words[:6], vocabulary.timestamp(200)]
    (found,) = model.generate(encode(model, hum([], 4)), [vocabulary.start("en")], beam_size=1)
    assert found.sequences_ids[0] == [vocabulary.timestamp(0)]


def test_the_vocabulary_is_as_large_as_whispers(folder) -> None:
    vocabulary = read_vocabulary(folder)
    assert (vocabulary.eot, vocabulary.sot, vocabulary.size) == (50_257, 50_258, 51_865)
    assert vocabulary.language("en") == 50_259
    assert vocabulary.language("su") == 50_357
    assert vocabulary.start("en")[-1] == 50_359
    assert (vocabulary.no_speech, vocabulary.no_timestamps) == (50_362, 50_363)
    listed = json.loads((folder / "vocabulary.json").read_text())
    assert len(listed) == 51_865
    assert listed[-1] == "<|30.00|>"


def test_texts_come_back_from_their_tokens(words) -> None:
    vocabulary = invented_vocabulary()
    for text in ("naïve 1 < 2 日本", "what was said before", vocabulary.decode(words)):
        assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.encode(vocabulary.decode(words)) == words
    assert max(words) < PIECES


@pytest.mark.parametrize("rate", [LEAST_RATE, 1.7, 2.5, 3.0, 4.0, MOST_RATE])
def test_slots_fill_the_window_one_after_the_other(rate) -> None:
    slots = Slots(rate)
    places = [slots.at(position) for position in range(1500)]
    assert places == sorted(places)
    assert set(places) == set(range(slots.count))
    assert len({slots.digits(slot) for slot in places}) == slots.count
    assert all(slots.digits(slot)[0] < slots.rows for slot in places)
    assert [slots.end(slot) for slot in range(slots.count - 1)] == [
        places.index(slot) for slot in range(1, slots.count)
    ]


@pytest.mark.parametrize(
    ("name", "parameters"), [("tiny", 37_760_640), ("base", 72_593_920), ("small", 241_734_912)]
)
def test_shapes_have_as_many_weights_as_whispers(name, parameters) -> None:
    """The numbers are those of the published checkpoints in Hugging Face's form."""
    shape = SHAPES[name]
    width, layers = shape.width, shape.layers
    attention = 4 * width**2 + 3 * width
    forward = 8 * width**2 + 5 * width
    norm = 2 * width
    encoder = layers * (attention + forward + 2 * norm) + norm + 1500 * width
    convolutions = 3 * 80 * width + 3 * width**2 + 2 * width
    decoder = layers * (2 * attention + forward + 3 * norm) + norm + 448 * width + 51_865 * width
    assert encoder + convolutions + decoder == parameters


def test_the_crafted_model_has_the_weights_of_its_shape() -> None:
    whisper, heads = craft(Making("mini", MINI, SLOTS), invented_vocabulary())
    config = whisper.config
    assert (config.d_model, config.encoder_layers, config.decoder_layers) == (128, 2, 2)
    assert (config.vocab_size, config.num_mel_bins) == (51_865, 80)
    assert (config.max_source_positions, config.max_target_positions) == (1500, 448)
    assert heads == [[1, 0]]
    second = whisper.model.encoder.layers[1].fc1.weight.detach()
    assert float(second.std()) > 0.5 / math.sqrt(128)


def test_the_same_seed_gives_the_same_weights(folder, tmp_path) -> None:
    again = make_mini(tmp_path / "again")
    other = make_mini(tmp_path / "other", seed=1)
    weights = (folder / "model.bin").read_bytes()
    assert (again / "model.bin").read_bytes() == weights
    assert (other / "model.bin").read_bytes() != weights


def test_writes_hugging_faces_form(tmp_path) -> None:
    output = make_mini(tmp_path / "hf", form="hf")
    assert (output / "model.safetensors").is_file()
    generation = json.loads((output / "generation_config.json").read_text())
    assert generation["alignment_heads"] == [[1, 0]]


def test_keeps_what_lies_where_it_should_write(tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadOption, match="expected an empty folder"):
        make_mini(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Slots(0.1),
        lambda: Slots(7.0),
        lambda: shape_of("huge"),
        lambda: Making("mini", MINI, SLOTS, form="onnx"),
        lambda: Making("mini", MINI, SLOTS, quantization="int3"),
        lambda: craft(Making("thin", Shape(64, 1, 2), SLOTS), invented_vocabulary()),
    ],
)
def test_says_what_it_expects(wrong) -> None:
    with pytest.raises(BadOption, match="expected"):
        wrong()


def test_the_command_refuses_a_shape_that_is_not_known(tmp_path) -> None:
    result = CliRunner().invoke(app, ["bench", "make-shape", "huge", str(tmp_path / "huge")])
    assert isinstance(result.exception, BadOption)
    assert not (tmp_path / "huge").exists()


def test_a_stream_says_the_same_however_fast_it_comes(folder) -> None:
    clip = pcm_s16le(CLIP)
    settings = load([Flag("--model", "models.names", (str(folder),))], environ={})
    with serving(settings) as served:
        paced = asyncio.run(listen(served.stream, clip, pace=4))
        at_once = asyncio.run(listen(served.stream, clip))
    assert len(paced.of("committed")) > len(paced.of("final"))
    assert paced.text == at_once.text
    assert len(paced.text.split()) > clip.seconds


class TestMini(EngineContract):
    @pytest.fixture(autouse=True)
    def _bring(self, engine: CTranslate2Engine) -> None:
        self._engine = engine

    def engine(self) -> Engine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return [hum(spans, length) for spans, length in SPOKEN[:3]]

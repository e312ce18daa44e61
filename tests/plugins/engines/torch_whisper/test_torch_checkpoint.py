from __future__ import annotations

import copy
import json
import random
import shutil
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
import torch
from ctranslate2 import StorageView
from transformers import WhisperForConditionalGeneration

from sotto.audio.format import WINDOW_FRAMES
from sotto.errors import ModelUnavailable
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.torch_whisper.checkpoint import Weights, read_weights
from sotto.plugins.engines.windows import stack
from sotto.transcript.options import Task
from tests.plugins.engines.torch_whisper.hub_folder import NANO, hub_folder
from tests.plugins.engines.torch_whisper.tiny_checkpoints import VOCABULARY, converted, tiny

ROUNDING = {"float32": 0.0, "bfloat16": 0.008, "float16": 0.001, "int16": 0.002}
"""By which a weight may differ: the largest is below 4. All others are int8."""


@pytest.fixture(scope="module")
def nano() -> Weights:
    return read_weights(NANO)


@pytest.fixture(scope="module")
def theirs(nano: Weights, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = hub_folder(tmp_path_factory.mktemp("nano"), nano)
    model, about = WhisperForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not about["missing_keys"] and not about["unexpected_keys"]
    return model.eval()


@pytest.fixture(scope="module")
def small() -> WhisperForConditionalGeneration:
    return tiny()


@pytest.fixture
def hub(small: WhisperForConditionalGeneration, tmp_path: Path) -> Path:
    small.save_pretrained(tmp_path / "hub")
    return tmp_path / "hub"


@pytest.fixture
def ct2(small: WhisperForConditionalGeneration, tmp_path: Path) -> Path:
    return converted(small, tmp_path / "ct2")


def change(path: Path, **said: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


def holds(weights: Weights, model: Any, rounding: float = 0.0) -> bool:
    state = model.model.state_dict()
    assert weights.tensors.keys() == state.keys()
    return all(
        torch.allclose(weights.tensors[name].float(), state[name], rtol=0, atol=rounding)
        for name in state
    )


def test_what_ships_is_the_same_network_for_transformers_and_ctranslate2(
    theirs: Any, piece: Callable[[int, int], Any]
) -> None:
    model = ctranslate2.models.Whisper(str(NANO), device="cpu", compute_type="float32")
    mel = stack([piece(700, 0)], WINDOW_FRAMES)
    encoded = model.encode(StorageView.from_array(mel))
    words = WhisperTokenizer(NANO)
    prompt = [*words.start("en", Task.TRANSCRIBE), words.no_timestamps]
    (take,) = model.generate(
        encoded,
        [prompt],
        beam_size=1,
        max_length=40,
        suppress_blank=False,
        return_logits_vocab=True,
    )
    with torch.no_grad():
        own = theirs.model.encoder(torch.from_numpy(mel)).last_hidden_state
        said = torch.tensor([[*prompt, *take.sequences_ids[0]]])
        logits = theirs(encoder_outputs=(own,), decoder_input_ids=said).logits[0, 3:]
    assert np.allclose(own.numpy(), np.asarray(encoded), atol=2e-4)
    text = slice(0, words.eot)  # what CTranslate2 bars from being chosen is not
    said_there = np.stack([np.asarray(step)[text] for step in take.logits[0]])
    assert len(said_there) >= 6
    assert np.allclose(logits[: len(said_there), text].numpy(), said_there, atol=2e-3)
    assert logits.argmax(dim=1)[: len(take.sequences_ids[0])].tolist() == take.sequences_ids[0]


def test_hugging_face_s_form_of_it_holds_the_same(nano: Weights, tmp_path: Path) -> None:
    again = read_weights(hub_folder(tmp_path, nano))
    assert again.shape == nano.shape
    assert again.alignment_heads == nano.alignment_heads == ((1, 0), (1, 2))
    assert again.tensors.keys() == nano.tensors.keys()
    assert all(torch.equal(again.tensors[name], nano.tensors[name]) for name in nano.tensors)


@pytest.mark.parametrize(
    "quantization",
    ["float32", "float16", "bfloat16", "int16", "int8", "int8_float16", "int8_float32"],
)
def test_every_quantization_is_read(small: Any, tmp_path: Path, quantization: str) -> None:
    weights = read_weights(converted(small, tmp_path / "ct2", quantization))
    assert holds(weights, small, ROUNDING.get(quantization, 0.02))
    assert weights.alignment_heads == ((1, 0),)
    assert weights.suppressed == (3,), "a token that the vocabulary lacks is no token"
    assert weights.suppressed_first == ()
    kinds = {str(tensor.dtype).removeprefix("torch.") for tensor in weights.tensors.values()}
    expected = {"int8": {"float32"}, "int16": {"float32"}, "int8_float16": {"float32", "float16"}}
    assert kinds == expected.get(quantization, {quantization.removeprefix("int8_")})


def test_one_file_and_several_are_read(small: Any, hub: Path, tmp_path: Path) -> None:
    weights = read_weights(hub)
    assert holds(weights, small)
    assert asdict(weights.shape) == {
        "n_mels": 7,
        "width": 8,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_heads": 4,
        "decoder_heads": 2,
        "encoder_ffn": 12,
        "decoder_ffn": 16,
        "vocabulary": VOCABULARY,
        "positions": 6,
        "tokens": 10,
    }
    assert weights.alignment_heads == ((1, 0), (1, 1)), "all heads of the last half"
    small.save_pretrained(tmp_path / "shards", max_shard_size="8KB")
    assert not (tmp_path / "shards/model.safetensors").exists()
    assert holds(read_weights(tmp_path / "shards"), small)


def test_half_precision_stays_as_it_is(small: Any, tmp_path: Path) -> None:
    copy.deepcopy(small).half().save_pretrained(tmp_path)
    assert {part.dtype for part in read_weights(tmp_path).tensors.values()} == {torch.float16}


def test_early_checkpoints_say_all_in_one_file(hub: Path) -> None:
    change(hub / "generation_config.json", suppress_tokens=[5, 4], begin_suppress_tokens=[6])
    change(hub / "config.json", alignment_heads=[[0, 1]], suppress_tokens=[9])
    weights = read_weights(hub)
    assert (weights.suppressed, weights.suppressed_first) == ((4, 5), (6,))
    (hub / "generation_config.json").unlink()
    weights = read_weights(hub)
    assert (weights.suppressed, weights.alignment_heads) == ((9,), ((0, 1),))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"model_type": "bart"}, "model_type: expected 'whisper', got 'bart'"),
        ({"d_model": 12}, r"expected shape \[.*12.*\], got \[.*8.*\]"),
        ({"d_model": "8"}, "d_model: expected a valid integer, got '8'"),
        ({"encoder_layers": 10**9}, "encoder_layers: expected less than or equal to 1000"),
        ({"decoder_layers": 3}, "expected a tensor decoder.layers.2.* got none"),
        ({"decoder_attention_heads": 3}, "expected a width that 3 heads can share, got 8"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings: expected True, got False"),
        ({"activation_function": "relu"}, "expected 'gelu', got 'relu'"),
        ({"alignment_heads": [[2, 0]]}, r"expected alignment_heads among 2 .* got \[2, 0\]"),
    ],
)
def test_a_config_at_odds_with_whisper_or_the_weights_is_refused(
    hub: Path, said: dict[str, object], fault: str
) -> None:
    change(hub / "config.json", **said)
    with pytest.raises(ModelUnavailable, match=fault):
        read_weights(hub)


def test_missing_files_are_told(hub: Path, ct2: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"expected model.safetensors or model.bin, got nei"):
        read_weights(tmp_path)
    for folder in (hub, ct2):
        (folder / "config.json").write_text("{")
        with pytest.raises(ModelUnavailable, match="expected JSON, got EOF"):
            read_weights(folder)
        (folder / "config.json").unlink()
        with pytest.raises(ModelUnavailable, match=r"expected a file .*config.json, got none"):
            read_weights(folder)


@pytest.mark.parametrize("name", ["../hub.safetensors", "/tmp/hub.safetensors", "a/b.safetensors"])
def test_a_shard_that_is_not_beside_its_index_is_refused(hub: Path, name: str) -> None:
    shutil.copy(hub / "model.safetensors", hub.parent / "hub.safetensors")
    (hub / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"model.encoder.conv1.weight": name}}
    (hub / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelUnavailable, match="expected safetensors files beside it, got"):
        read_weights(hub)


def test_a_size_that_the_file_has_not_is_refused(ct2: Path) -> None:
    path = ct2 / "model.bin"
    good = path.read_bytes()
    name = b"decoder/embeddings/weight\0"
    at = good.index(name) + len(name) + 1
    width, size = 2**16, 2**32 - 2**16
    claimed = struct.pack("<IIBI", size // width, width, 1, size)
    path.write_bytes(good[:at] + claimed + good[at + len(claimed) :])
    with pytest.raises(ModelUnavailable, match=f"expected {size} bytes for decoder/embeddings/wei"):
        read_weights(ct2)
    path.write_bytes(good[:at] + b"\xff" * 8 + good[at + 8 :])
    with pytest.raises(ModelUnavailable, match=r"expected \d{20} bytes for decoder/embeddings"):
        read_weights(ct2)


def test_names_of_one_variable_are_one_tensor(ct2: Path) -> None:
    path = ct2 / "model.bin"
    good = path.read_bytes()
    # The bias of one is stored under another name, which stands for that of another layer.
    names = (
        b"decoder/layer_0/ffn/linear_1/bias\0",
        b"decoder/layer_0/ffn/unknown1/bias\0",
        b"decoder/layer_1/ffn/linear_1/bias\0",
    )
    count = struct.pack("<I", 1)
    tail = good.rindex(count + struct.pack("<H", len(b"decoder/projection/weight\0")))
    packed = [struct.pack("<H", len(name)) + name for name in (names[0], names[2])]
    path.write_bytes(
        good[:tail].replace(names[0], names[1])
        + struct.pack("<I", 2)
        + good[tail + len(count) :]
        + b"".join(packed)
    )
    tensors = read_weights(ct2).tensors
    one, other = (tensors[f"decoder.layers.{layer}.fc2.bias"] for layer in (0, 1))
    assert one.data_ptr() == other.data_ptr()


@pytest.mark.parametrize("form", ["hub", "ct2"])
def test_whatever_is_broken_is_refused_and_nothing_else_happens(
    form: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(form)
    chance = random.Random(form)
    names = {
        "hub": ["model.safetensors", "config.json", "generation_config.json"],
        "ct2": ["model.bin", "config.json"],
    }
    refused = 0
    for name in names[form]:
        path = folder / name
        good = path.read_bytes()
        for _ in range(300):
            path.write_bytes(_broken(good, chance))
            try:
                read_weights(folder)
            except ModelUnavailable as error:
                refused += 1
                assert "expected" in str(error)
                assert len(str(error)) < 600
        path.write_bytes(good)
    assert refused > 200 * len(names[form])
    read_weights(folder)


def _broken(good: bytes, chance: random.Random) -> bytes:
    """Cut off, or with some bytes changed, most of them near the begin, where sizes are."""
    data = bytearray(good)
    if chance.random() < 0.3:
        return bytes(data[: chance.randrange(len(data))])
    for _ in range(chance.randrange(1, 4)):
        reach = len(data) if chance.random() < 0.3 else min(len(data), 2_000)
        data[chance.randrange(reach)] = chance.choice([0, 255, chance.randrange(256)])
    return bytes(data)

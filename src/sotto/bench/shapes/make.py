"""A checkpoint of one of Whisper's shapes, written into a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import torch
from ctranslate2.converters import TransformersConverter
from transformers import WhisperForConditionalGeneration

from sotto.bench.shapes.channels import decoder_channels, encoder_channels
from sotto.bench.shapes.hearing import craft_encoder
from sotto.bench.shapes.noise import fill
from sotto.bench.shapes.sizes import NOTICE, Shape, Slots
from sotto.bench.shapes.telling import Teller, Tokens
from sotto.bench.shapes.words import chosen_words, invented_vocabulary
from sotto.errors import BadOption
from sotto.training.config import ModelSpec
from sotto.training.data.vocabulary import Vocabulary
from sotto.training.learning.checkpoints import HEAD, write_network
from sotto.training.learning.network import Network, new_whisper
from sotto.training.release.export import QUANTIZATIONS
from sotto.transcript.options import Task

Form: TypeAlias = Literal["ct2", "hf"]
FORMS: tuple[str, ...] = get_args(Form)
_COPIED = ("tokenizer.json", "preprocessor_config.json")


@dataclass(frozen=True)
class Making:
    """How a checkpoint is made. Raises BadOption."""

    name: str
    """For its card."""
    shape: Shape
    slots: Slots
    form: str = "ct2"
    """CTranslate2's, or Hugging Face's."""
    quantization: str = "int8"
    """Of CTranslate2's form."""
    seed: int = 0

    def __post_init__(self) -> None:
        for param, choices, got in (
            ("format", FORMS, self.form),
            ("quantization", QUANTIZATIONS, self.quantization),
        ):
            if got not in choices:
                raise BadOption(param, f"expected one of {', '.join(choices)}, got {got!r}")


def make(making: Making, output: Path) -> None:
    """Write a checkpoint into a folder that is empty or is not there. Raises BadOption."""
    with _new_folder(output) as part:
        hugging = part / "hugging"
        hugging.mkdir()
        heads = _write(making, hugging)
        if making.form == "hf":
            _move(hugging, part)
        else:
            made = part / "made"  # the converter wants folders that it makes
            TransformersConverter(str(hugging), copy_files=list(_COPIED)).convert(
                str(made), quantization=making.quantization
            )
            shutil.rmtree(hugging)
            _move(made, part)
            _change(part / "config.json", {"alignment_heads": heads})
            _describe(making, part)


def craft(making: Making, vocabulary: Vocabulary) -> tuple[WhisperForConditionalGeneration, Any]:
    """The model, and the layers and heads of its decoder to align by. Raises BadOption."""
    shape, slots = making.shape, making.slots
    heard, own = encoder_channels(slots), decoder_channels(slots)
    least = max(heard.count, own.count)
    layers = min(shape.layers, shape.decoder_layers)
    if shape.width < least or layers < 2 or shape.heads < 2:
        raise BadOption(
            "shape", f"expected a width of {least}, 2 layers and 2 heads at least, got {shape}"
        )
    torch.manual_seed(making.seed)
    spec = ModelSpec(
        width=shape.width,
        heads=shape.heads,
        encoder_layers=shape.layers,
        decoder_layers=shape.decoder_layers,
        n_mels=shape.n_mels,
        dropout=0.0,
    )
    whisper = new_whisper(spec, vocabulary)
    with torch.no_grad():
        fill(whisper, (heard.count, own.count))
        craft_encoder(whisper.model.encoder, heard, slots)
        teller = Teller(slots, heard, own, _tokens(vocabulary, slots))
        head = teller.craft(whisper.model.decoder)
    return whisper, [list(head)]


def _write(making: Making, folder: Path) -> list[list[int]]:
    vocabulary = invented_vocabulary(third=making.shape.third)
    whisper, heads = craft(making, vocabulary)
    write_network(Network(whisper), vocabulary, folder)
    (folder / HEAD).unlink()  # for a training only
    _change(folder / "generation_config.json", {"alignment_heads": heads})
    found: list[list[int]] = heads
    return found


def _tokens(vocabulary: Vocabulary, slots: Slots) -> Tokens:
    starts = [vocabulary.start("en", task) for task in Task]
    return Tokens(
        words=chosen_words(vocabulary, slots.count),
        begin=vocabulary.sot,
        english=vocabulary.language("en"),
        tasks=tuple(start[-1] for start in starts),
        untimed=vocabulary.no_timestamps,
        no_speech=vocabulary.no_speech,
        end=vocabulary.eot,
    )


def _describe(making: Making, folder: Path) -> None:
    about = {"notice": NOTICE, "revision": f"{making.name}-shape {making.slots.rate:g} words/s"}
    (folder / "sotto.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _change(path: Path, values: dict[str, object]) -> None:
    read = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(read | values, indent=2) + "\n", encoding="utf-8")


def _move(source: Path, target: Path) -> None:
    for path in source.iterdir():
        path.rename(target / path.name)
    source.rmdir()


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """One beside it, that takes its place when all is written, and is gone when it is not."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BadOption("output", f"expected an empty folder or none, got {output}")
    part = output.with_name(f".{output.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        if output.exists():
            output.rmdir()
        part.rename(output)
    except OSError as error:
        raise BadOption("output", f"cannot write {output}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)

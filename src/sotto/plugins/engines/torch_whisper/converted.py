"""A Whisper out of CTranslate2's variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from sotto.errors import ModelUnavailable
from sotto.plugins.engines.torch_whisper.ct2_file import Ct2File
from sotto.plugins.engines.torch_whisper.ct2_names import place
from sotto.plugins.engines.torch_whisper.shape import Shape

WEIGHTS = "model.bin"
_FIXED = {
    "decoder/activation": 3,  # GELU by the error function
    "decoder/alibi": 0,
    "decoder/pre_norm": 1,
    "decoder/scale_embeddings": 0,
    "decoder/start_from_zero_embedding": 0,
}
"""How CTranslate2 notes down what a Whisper is like."""


@contextmanager
def opened(folder: Path) -> Iterator[Ct2File]:
    """The folder's file. Raises ModelUnavailable."""
    path = folder / WEIGHTS
    try:
        with path.open("rb") as file:
            yield Ct2File(path, file)
    except OSError as error:
        raise ModelUnavailable(f"cannot read {path}: {error.strerror}") from error


def shape_of(file: Ct2File) -> Shape:
    """What a file's variables imply. Raises ModelUnavailable."""
    for name, expected in _FIXED.items():
        if name in file and (got := file.number(name)) != expected:
            raise ModelUnavailable(f"{file.path}: expected {name} {expected}, got {got}")
    if not file.is_one("decoder/projection/weight", "decoder/embeddings/weight"):
        raise ModelUnavailable(
            f"{file.path}: expected a projection that is the embeddings once more, got its own"
        )
    return Shape(
        n_mels=file.dimension("encoder/conv1/weight", 1),
        width=file.dimension("encoder/conv1/weight", 0),
        encoder_layers=_layers(file, "encoder"),
        decoder_layers=_layers(file, "decoder"),
        encoder_heads=file.number("encoder/num_heads"),
        decoder_heads=file.number("decoder/num_heads"),
        encoder_ffn=file.dimension("encoder/layer_0/ffn/linear_0/weight", 0),
        decoder_ffn=file.dimension("decoder/layer_0/ffn/linear_0/weight", 0),
        vocabulary=file.dimension("decoder/embeddings/weight", 0),
        positions=file.dimension("encoder/position_encodings/encodings", 0),
        tokens=file.dimension("decoder/position_encodings/encodings", 0),
    )


def read_tensors(file: Ct2File, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """The tensors of these names and shapes. Raises ModelUnavailable."""
    found: dict[str, torch.Tensor] = {}
    for name, shape in shapes.items():
        at = place(name)
        expected, got = (at.parts * shape[0], *shape[1:]), file.shape(at.variable)
        if got != expected:
            raise ModelUnavailable(
                f"{file.path}: expected {at.variable} of shape {list(expected)}, got {list(got)}"
            )
        found[name] = file.tensor(at.variable).chunk(at.parts)[at.part]
    return found


def _layers(file: Ct2File, half: str) -> int:
    count = 0
    while f"{half}/layer_{count}/ffn/linear_0/weight" in file:
        count += 1
    return count

"""A Whisper's weights out of a folder: Hugging Face's form, or CTranslate2's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from sotto.errors import ModelUnavailable
from sotto.plugins.engines.torch_whisper import converted, hub_file
from sotto.plugins.engines.torch_whisper.config_files import (
    CONFIG,
    GENERATION,
    ConvertedConfig,
    GenerationConfig,
    HubConfig,
    read_config,
)
from sotto.plugins.engines.torch_whisper.shape import Shape

__all__ = ["Shape", "Weights", "read_weights"]


@dataclass(frozen=True, eq=False)
class Weights:
    """What a network is made of, and how it is to be used."""

    shape: Shape
    tensors: Mapping[str, torch.Tensor]
    """By Hugging Face's names without `model.` before them: those of `Shape.tensors`. As the files
    have them; what is quantized there is float32. They may share memory. What chooses a token is
    `decoder.embed_tokens.weight` once more."""
    alignment_heads: tuple[tuple[int, int], ...]
    """Layer and head of the decoder's that listen to where a token is said."""
    suppressed: tuple[int, ...]
    """Tokens never to choose."""
    suppressed_first: tuple[int, ...]
    """Tokens not to begin with."""


def read_weights(folder: Path) -> Weights:
    """Read `model.safetensors`, or several and their index, or else CTranslate2's `model.bin`.

    Raises ModelUnavailable.
    """
    if hub_file.is_hub_folder(folder):
        return _hub(folder)
    if (folder / converted.WEIGHTS).is_file():
        return _converted(folder)
    raise ModelUnavailable(
        f"{folder}: expected {hub_file.WEIGHTS} or {converted.WEIGHTS}, got neither"
    )


def _hub(folder: Path) -> Weights:
    config = read_config(folder / CONFIG, HubConfig)
    shape = Shape(
        n_mels=config.num_mel_bins,
        width=config.d_model,
        encoder_layers=config.encoder_layers,
        decoder_layers=config.decoder_layers,
        encoder_heads=config.encoder_attention_heads,
        decoder_heads=config.decoder_attention_heads,
        encoder_ffn=config.encoder_ffn_dim,
        decoder_ffn=config.decoder_ffn_dim,
        vocabulary=config.vocab_size,
        positions=config.max_source_positions,
        tokens=config.max_target_positions,
    )
    told: HubConfig | GenerationConfig = config
    if (folder / GENERATION).is_file():
        told = read_config(folder / GENERATION, GenerationConfig)
    return Weights(
        shape,
        hub_file.read_tensors(folder, shape.tensors()),
        _heads(folder, shape, told.alignment_heads or config.alignment_heads),
        _tokens(shape, told.suppress_tokens),
        _tokens(shape, told.begin_suppress_tokens),
    )


def _converted(folder: Path) -> Weights:
    config = read_config(folder / CONFIG, ConvertedConfig)
    with converted.opened(folder) as file:
        shape = converted.shape_of(file)
        tensors = converted.read_tensors(file, shape.tensors())
    return Weights(
        shape,
        tensors,
        _heads(folder, shape, config.alignment_heads),
        _tokens(shape, config.suppress_ids),
        _tokens(shape, config.suppress_ids_begin),
    )


def _heads(
    folder: Path, shape: Shape, given: Sequence[tuple[int, int]] | None
) -> tuple[tuple[int, int], ...]:
    """Those that are named, or else all of the last half of the layers, as others do."""
    layers, heads = shape.decoder_layers, shape.decoder_heads
    if not given:
        return tuple(product(range(layers // 2, layers), range(heads)))
    strange = [
        pair for pair in given if pair[0] not in range(layers) or pair[1] not in range(heads)
    ]
    if strange:
        raise ModelUnavailable(
            f"{folder}: expected alignment_heads among {layers} layers of {heads} heads, got "
            f"{list(strange[0])}"
        )
    return tuple(given)


def _tokens(shape: Shape, given: Sequence[int] | None) -> tuple[int, ...]:
    """Without those of a larger vocabulary: a default that others write down is Whisper's own."""
    return tuple(sorted({token for token in given or () if token in range(shape.vocabulary)}))

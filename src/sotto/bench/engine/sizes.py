"""A checkpoint's sizes: from its folder, or as they are known of a shape."""

from __future__ import annotations

import math
from pathlib import Path

from sotto.bench.shapes.sizes import POSITIONS
from sotto.bench.shapes.sizes import Shape as Outline
from sotto.plugins.engines.jobs import POSITIONS as TOKENS
from sotto.plugins.engines.torch_whisper.shape import Shape

FORWARD = 4
"""By which a layer's inner width is larger than its own, in all of Whisper's checkpoints."""


def sizes_of(outline: Outline) -> Shape:
    """Of a checkpoint of `make-shape`, and so of the real one whose shape it has."""
    return Shape(
        n_mels=outline.n_mels,
        width=outline.width,
        encoder_layers=outline.layers,
        decoder_layers=outline.decoder_layers,
        encoder_heads=outline.heads,
        decoder_heads=outline.heads,
        encoder_ffn=FORWARD * outline.width,
        decoder_ffn=FORWARD * outline.width,
        vocabulary=outline.tokens,
        positions=POSITIONS,
        tokens=TOKENS,
    )


def read_sizes(folder: Path) -> Shape:
    """Of a checkpoint in either form. Raises ModelUnavailable."""
    from sotto.plugins.engines.torch_whisper import converted
    from sotto.plugins.engines.torch_whisper.checkpoint import read_weights

    if (folder / converted.WEIGHTS).is_file():  # whose file tells without its weights being read
        with converted.opened(folder) as file:
            return converted.shape_of(file)
    return read_weights(folder).shape


def parameters(shape: Shape) -> int:
    """How many numbers were learned, each counted once."""
    return sum(math.prod(lengths) for lengths in shape.tensors().values())

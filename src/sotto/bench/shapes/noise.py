"""Random weights in all places: they cost what trained ones cost, and decide nothing."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import WhisperForConditionalGeneration

FAINT = 0.01
"""Deviation of what is written to a residual stream whose meaningful channels are 1 or more."""


def fill(whisper: WhisperForConditionalGeneration, kept: tuple[int, int]) -> None:
    """Draw all weights from torch's generator; the first `kept` channels are not written to.

    `kept` are the numbers of channels of the encoder and of the decoder that mean something.
    """
    encoder, decoder = whisper.model.encoder, whisper.model.decoder
    for module in whisper.model.modules():
        if isinstance(module, nn.Linear):
            _draw(module.weight, module.in_features**-0.5)
        elif isinstance(module, nn.Conv1d):
            _draw(module.weight, (module.in_channels * module.kernel_size[0]) ** -0.5)
        if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for half, count in ((encoder, kept[0]), (decoder, kept[1])):
        _draw(half.embed_positions.weight, FAINT)
        half.embed_positions.weight[:, :count] = 0.0
        for layer in half.layers:
            writers = [layer.self_attn.out_proj, layer.fc2]
            if half is decoder:
                writers.append(layer.encoder_attn.out_proj)
            for writer in writers:
                _silence(writer.weight, count)
    _draw(decoder.embed_tokens.weight, FAINT)
    decoder.embed_tokens.weight[:, : kept[1]] = 0.0
    _silence(encoder.conv2.weight, kept[0])


def _draw(weight: Tensor, deviation: float) -> None:
    nn.init.normal_(weight, std=deviation)


def _silence(weight: Tensor, count: int) -> None:
    """The first outputs are zero, the others faint."""
    weight *= FAINT
    weight[:count] = 0.0

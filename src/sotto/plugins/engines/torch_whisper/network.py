"""Whisper's encoder and decoder for inference: nothing of it is trained, nothing is optional.

After Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision". The names
of weights are Hugging Face's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from sotto.plugins.engines.torch_whisper.checkpoint import Weights

Get: TypeAlias = Mapping[str, Tensor]

EPSILON = 1e-5
"""Of layer norms."""


@dataclass(frozen=True, eq=False)
class Linear:
    """x · weightᵀ + bias."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """[…, in] → […, out]."""
        return functional.linear(x, self.weight, self.bias)


@dataclass(frozen=True, eq=False)
class Norm:
    """A layer norm."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The same shape."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, EPSILON)


@dataclass(frozen=True, eq=False)
class FeedForward:
    """Two layers with a GELU between, added to what came in."""

    norm: Norm
    up: Linear
    down: Linear

    def __call__(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.down(functional.gelu(self.up(self.norm(x))))


@dataclass(frozen=True, eq=False)
class SelfAttention:
    """Queries, keys and values are one product."""

    norm: Norm
    qkv: Linear
    out: Linear
    heads: int

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[n, t, width] → three of [n, heads, t, width / heads]."""
        n, t, width = x.shape
        parts = self.qkv(self.norm(x)).view(n, t, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """What of the sound a token is about. Keys and values are made once for each window."""

    norm: Norm
    query: Linear
    key_value: Linear
    out: Linear
    heads: int

    def of_sound(self, encoded: Tensor) -> Tensor:
        """[n, positions, width] → keys and values, [n, 2, heads, positions, width / heads]."""
        n, positions, width = encoded.shape
        made = self.key_value(encoded).view(n, positions, 2, self.heads, width // self.heads)
        return made.permute(0, 2, 3, 1, 4)

    def of_tokens(self, x: Tensor) -> Tensor:
        """[n, t, width] → [n, heads, t, width / heads]."""
        n, t, width = x.shape
        return self.query(self.norm(x)).view(n, t, self.heads, width // self.heads).transpose(1, 2)


class Encoder:
    """Log-mel → what the decoder listens to."""

    def __init__(self, weights: Weights) -> None:
        get, shape = weights.tensors, weights.shape
        self._convolutions = [
            (get[f"encoder.conv{i}.weight"], get[f"encoder.conv{i}.bias"]) for i in (1, 2)
        ]
        self._positions = get["encoder.embed_positions.weight"]
        self._layers = [
            (
                _self_attention(get, f"encoder.layers.{i}", shape.encoder_heads),
                _feed_forward(get, f"encoder.layers.{i}"),
            )
            for i in range(shape.encoder_layers)
        ]
        self._norm = _norm(get, "encoder.layer_norm")

    def __call__(self, mel: Tensor) -> Tensor:
        """[n, n_mels, frames] → [n, frames / 2, width]; any even number of frames up to 3000."""
        (first, first_bias), (second, second_bias) = self._convolutions
        x = functional.gelu(functional.conv1d(mel, first, first_bias, padding=1))
        x = functional.gelu(functional.conv1d(x, second, second_bias, stride=2, padding=1))
        x = x.transpose(1, 2)
        x = x + self._positions[: x.shape[1]]
        for attention, feed_forward in self._layers:
            heard = functional.scaled_dot_product_attention(*attention.split(x))
            x = feed_forward(x + attention.out(_joined(heard)))
        return self._norm(x)


@dataclass(frozen=True, eq=False)
class View:
    """The part of the caches that a pass reads and writes."""

    own: Tensor
    """[n, layers, 2, heads, tokens, width / heads]: keys and values of tokens."""
    sound: Tensor
    """[n, layers, 2, heads, positions, width / heads]: of the encoder's positions."""
    attention: Tensor
    """[n, alignment heads, tokens, positions]: what each token listened to."""
    at: Tensor
    """int64[n]: the position of each row's first token of the pass."""
    lengths: Tensor
    """int64[n]: encoder positions of each row."""


class Decoder:
    """Tokens and what was encoded → what is said next."""

    def __init__(self, weights: Weights) -> None:
        get, shape = weights.tensors, weights.shape
        self._embedding = get["decoder.embed_tokens.weight"]
        self._positions = get["decoder.embed_positions.weight"]
        names = [f"decoder.layers.{i}" for i in range(shape.decoder_layers)]
        heads = shape.decoder_heads
        self._layers = [
            (
                _self_attention(get, name, heads),
                _cross_attention(get, name, heads),
                _feed_forward(get, name),
            )
            for name in names
        ]
        self._norm = _norm(get, "decoder.layer_norm")
        self._aligning = _by_layer(weights.alignment_heads, self._embedding.device)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self._embedding.shape[0]

    def of_sound(self, encoded: Tensor) -> Tensor:
        """[n, positions, width] → [n, layers, 2, heads, positions, width / heads]."""
        return torch.stack([cross.of_sound(encoded) for _, cross, _ in self._layers], dim=1)

    def logits(self, hidden: Tensor) -> Tensor:
        """[…, width] → float32[…, vocabulary]."""
        return functional.linear(hidden, self._embedding).float()

    def __call__(self, tokens: Tensor, view: View) -> Tensor:
        """int64[n, t] → [n, t, width]: the tokens at `view.at` and after it, each given those
        before it. Their keys, values and attention are written to the view.
        """
        n, t = tokens.shape
        device = tokens.device
        rows = torch.arange(n, device=device)[:, None]
        places = view.at[:, None] + torch.arange(t, device=device)
        places = places.clamp(max=view.own.shape[4] - 1)  # of rows that nobody has they may be any
        known = torch.arange(view.own.shape[4], device=device)
        before = (known <= places[:, :, None])[:, None]
        sounding = torch.arange(view.sound.shape[4], device=device) < view.lengths[:, None]
        sounding = sounding[:, None, None]
        x = functional.embedding(tokens, self._embedding) + self._positions[places]
        for layer, (attention, cross, feed_forward) in enumerate(self._layers):
            query, key, value = attention.split(x)
            keys, values = view.own[:, layer, 0], view.own[:, layer, 1]
            keys[rows, :, places] = key.transpose(1, 2)
            values[rows, :, places] = value.transpose(1, 2)
            heard = functional.scaled_dot_product_attention(query, keys, values, attn_mask=before)
            x = x + attention.out(_joined(heard))
            query = cross.of_tokens(x)
            keys, values = view.sound[:, layer, 0], view.sound[:, layer, 1]
            heard = functional.scaled_dot_product_attention(query, keys, values, attn_mask=sounding)
            x = feed_forward(x + cross.out(_joined(heard)))
            if layer in self._aligning:
                self._align(layer, query, keys, sounding, (rows, places), view.attention)
        return self._norm(x)

    def _align(
        self,
        layer: int,
        query: Tensor,
        keys: Tensor,
        sounding: Tensor,
        where: tuple[Tensor, Tensor],
        attention: Tensor,
    ) -> None:
        """Write what a layer's alignment heads attend to."""
        heads, place = self._aligning[layer]
        rows, places = where
        query, keys = query[:, heads], keys[:, heads]
        scores = (query @ keys.transpose(2, 3)).float() * query.shape[-1] ** -0.5
        weights = scores.masked_fill(~sounding, -torch.inf).softmax(dim=-1)
        written = attention[:, place : place + len(heads)]
        written[rows, :, places] = weights.transpose(1, 2).to(written.dtype)


def _joined(heads: Tensor) -> Tensor:
    """[n, heads, t, width / heads] → [n, t, width]."""
    return heads.transpose(1, 2).flatten(2)


def _by_layer(
    heads: Sequence[tuple[int, int]], device: torch.device
) -> dict[int, tuple[Tensor, int]]:
    """Layer → its heads, and where the first of them is among all."""
    found: dict[int, list[int]] = {}
    for layer, head in sorted(heads):
        found.setdefault(layer, []).append(head)
    place, placed = 0, {}
    for layer, own in found.items():
        placed[layer] = (torch.tensor(own, device=device), place)
        place += len(own)
    return placed


def _norm(get: Get, name: str) -> Norm:
    return Norm(get[f"{name}.weight"], get[f"{name}.bias"])


def _linear(get: Get, name: str) -> Linear:
    return Linear(get[f"{name}.weight"], get.get(f"{name}.bias"))


def _fused(get: Get, name: str, parts: Sequence[str]) -> Linear:
    """Several products of the same input as one; keys have no bias."""
    own = [_linear(get, f"{name}.{part}_proj") for part in parts]
    zeros = torch.zeros_like(own[0].weight[:, 0])
    biases = [zeros if one.bias is None else one.bias for one in own]
    return Linear(torch.cat([one.weight for one in own]), torch.cat(biases))


def _self_attention(get: Get, name: str, heads: int) -> SelfAttention:
    norm = _norm(get, f"{name}.self_attn_layer_norm")
    own = f"{name}.self_attn"
    return SelfAttention(norm, _fused(get, own, "qkv"), _linear(get, f"{own}.out_proj"), heads)


def _cross_attention(get: Get, name: str, heads: int) -> CrossAttention:
    own = f"{name}.encoder_attn"
    return CrossAttention(
        _norm(get, f"{own}_layer_norm"),
        _linear(get, f"{own}.q_proj"),
        _fused(get, own, "kv"),
        _linear(get, f"{own}.out_proj"),
        heads,
    )


def _feed_forward(get: Get, name: str) -> FeedForward:
    norm = _norm(get, f"{name}.final_layer_norm")
    return FeedForward(norm, _linear(get, f"{name}.fc1"), _linear(get, f"{name}.fc2"))

"""How large a Whisper is, and which tensors that means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sotto.errors import ModelUnavailable

TAPS = 3
"""Frames that a convolution of the encoder looks at."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a Whisper. Raises ModelUnavailable where there is none of these sizes."""

    n_mels: int
    width: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    encoder_ffn: int
    decoder_ffn: int
    vocabulary: int
    positions: int
    """Of the encoder; 1500."""
    tokens: int
    """Of the decoder; 448."""

    def __post_init__(self) -> None:
        least = min(vars(self).values())
        if least < 1:
            raise ModelUnavailable(f"expected sizes of at least 1, got {least}")
        for heads in (self.encoder_heads, self.decoder_heads):
            if self.width % heads:
                raise ModelUnavailable(
                    f"expected a width that {heads} heads can share, got {self.width}"
                )

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor, by its name."""
        return dict(self._named())

    def _named(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        width = self.width
        yield "encoder.conv1.weight", (width, self.n_mels, TAPS)
        yield "encoder.conv1.bias", (width,)
        yield "encoder.conv2.weight", (width, width, TAPS)
        yield "encoder.conv2.bias", (width,)
        yield "encoder.embed_positions.weight", (self.positions, width)
        for layer in range(self.encoder_layers):
            yield from self._layer(f"encoder.layers.{layer}", ("self_attn",), self.encoder_ffn)
        yield from self._norm("encoder.layer_norm")
        yield "decoder.embed_tokens.weight", (self.vocabulary, width)
        yield "decoder.embed_positions.weight", (self.tokens, width)
        for layer in range(self.decoder_layers):
            looks = ("self_attn", "encoder_attn")
            yield from self._layer(f"decoder.layers.{layer}", looks, self.decoder_ffn)
        yield from self._norm("decoder.layer_norm")

    def _layer(
        self, layer: str, looks: tuple[str, ...], inner: int
    ) -> Iterator[tuple[str, tuple[int, ...]]]:
        width = self.width
        for look in looks:
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                yield f"{layer}.{look}.{part}.weight", (width, width)
                if part != "k_proj":
                    yield f"{layer}.{look}.{part}.bias", (width,)
            yield from self._norm(f"{layer}.{look}_layer_norm")
        yield f"{layer}.fc1.weight", (inner, width)
        yield f"{layer}.fc1.bias", (inner,)
        yield f"{layer}.fc2.weight", (width, inner)
        yield f"{layer}.fc2.bias", (width,)
        yield from self._norm(f"{layer}.final_layer_norm")

    def _norm(self, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (self.width,)
        yield f"{name}.bias", (self.width,)

"""What is kept of each window while it is decoded: a row of every tensor here, on the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sotto.plugins.engines.torch_whisper.checkpoint import Shape, Weights
from sotto.plugins.engines.torch_whisper.network import View
from sotto.plugins.engines.torch_whisper.scheduler import Move

NOWHERE = 1 << 30
"""A position that nothing reaches."""


@dataclass(frozen=True)
class Sizes:
    """Of one row."""

    shape: Shape
    aligning: int
    """Heads whose attention is kept."""

    @classmethod
    def of(cls, weights: Weights) -> Sizes:
        """Those that a checkpoint wants."""
        return cls(weights.shape, len(weights.alignment_heads))

    @property
    def own(self) -> tuple[int, ...]:
        """Keys and values of tokens: [layers, 2, heads, tokens, width of a head]."""
        return self._of(self.shape.tokens)

    @property
    def sound(self) -> tuple[int, ...]:
        """Keys and values of the encoder's positions."""
        return self._of(self.shape.positions)

    @property
    def attention(self) -> tuple[int, ...]:
        """What tokens listened to: [alignment heads, tokens, positions]."""
        return self.aligning, self.shape.tokens, self.shape.positions

    def numbers(self) -> int:
        """How many of them a row has in large tensors."""
        return sum(math.prod(size) for size in (self.own, self.sound, self.attention))

    def _of(self, length: int) -> tuple[int, ...]:
        shape = self.shape
        width = shape.width // shape.decoder_heads
        return shape.decoder_layers, 2, shape.decoder_heads, length, width


class Cache:
    """All rows. Zeros at first: a masked value must be a number."""

    def __init__(self, sizes: Sizes, slots: int, device: torch.device, dtype: torch.dtype) -> None:
        def row(*size: int, of: torch.dtype) -> Tensor:
            return torch.zeros((slots, *size), dtype=of, device=device)

        tokens = sizes.shape.tokens
        self.own = row(*sizes.own, of=dtype)
        self.sound = row(*sizes.sound, of=dtype)
        self.attention = row(*sizes.attention, of=dtype)
        self.tokens = row(tokens, of=torch.int64)
        """Everything that was said, and what goes before it."""
        self.logprobs = row(tokens, of=torch.float32)
        """Of each token that was chosen, natural, among those that could be."""
        self.probabilities = row(tokens, of=torch.float32)
        """The same among all tokens of text."""
        self.at = row(of=torch.int64)
        """The position of the token that was read last."""
        self.lengths = row(of=torch.int64) + 1
        """Encoder positions; none would be no number."""
        self.free = row(of=torch.int64)
        """The position of the first token that is chosen where a token may be barred from being
        the first; -1 where text is forced before it."""
        self.last = row(of=torch.int64)
        """The position at which only the end may follow."""
        self.temperature = row(of=torch.float32)
        self.stop_at = row(of=torch.int64)
        """The encoder position from which on no more is wanted."""
        self.state = row(of=torch.int64)
        """How the newest token ended it: `RUNS`, `ENDED`, `STOPPED`."""

    def view(self, rows: slice, tokens: int, positions: int) -> View:
        """What a pass over some rows needs, if no token is later and no window longer than that."""
        return View(
            own=self.own[rows, :, :, :, :tokens],
            sound=self.sound[rows, :, :, :, :positions],
            attention=self.attention[rows, :, :tokens, :positions],
            at=self.at[rows],
            lengths=self.lengths[rows],
        )

    def move(self, moves: Sequence[Move]) -> None:
        """Copy rows to where others were; none is both."""
        large = (self.own, self.sound, self.attention)
        for move in moves:  # one by one: all of them at once could be as large as the cache
            for tensor in large:
                tensor[move.target].copy_(tensor[move.source])
        sources = [move.source for move in moves]
        targets = [move.target for move in moves]
        for tensor in vars(self).values():
            if not any(tensor is one for one in large):
                tensor[targets] = tensor[sources]


RUNS, ENDED, STOPPED = 0, 1, 2
"""More follows; it ended with the end token; it was ended because of what it listened to."""


def memory_of_a_row(sizes: Sizes, dtype: torch.dtype) -> int:
    """Bytes."""
    return sizes.numbers() * dtype.itemsize

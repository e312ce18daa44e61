"""Which shapes there are, and which word belongs to which part of a window."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from sotto.audio.format import (
    FRAMES_PER_SECOND,
    FRAMES_PER_TOKEN,
    WINDOW_FRAMES,
    exact_div,
)
from sotto.audio.format import WINDOW_SECONDS as SECONDS
from sotto.errors import BadOption

POSITIONS = exact_div(WINDOW_FRAMES, FRAMES_PER_TOKEN)  # 1500, of the encoder
POSITIONS_PER_SECOND = exact_div(FRAMES_PER_SECOND, FRAMES_PER_TOKEN)  # 50
LEAST_RATE, MOST_RATE = 0.5, 6.0
NOTICE = "made to measure with: it says made-up words, at a fixed pace, wherever it is loud"
"""By which such a checkpoint is known."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Shape:
    """Of a checkpoint; the head size is always 64."""

    width: int
    heads: int
    layers: int
    """Of the encoder; at least two."""
    decoder: int = 0
    """Its layers, at least two; 0: as many as of the encoder."""
    third: bool = field(default=False, kw_only=True)
    """Whether it is one of the third version's: of more bands, and of one language more."""

    @property
    def decoder_layers(self) -> int:
        """Of the decoder."""
        return self.decoder or self.layers

    @property
    def n_mels(self) -> Literal[80, 128]:
        """Bands."""
        return 128 if self.third else 80

    @property
    def tokens(self) -> int:
        """Of the vocabulary."""
        return 51_865 + self.third


SHAPES = {
    "tiny": Shape(384, 6, 4),
    "base": Shape(512, 8, 6),
    "small": Shape(768, 12, 12),
    "medium": Shape(1024, 16, 24),
    "large-v3": Shape(1280, 20, 32, third=True),
    "large-v3-turbo": Shape(1280, 20, 32, 4, third=True),
    "distil-large-v3": Shape(1280, 20, 32, 2, third=True),
}
"""Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", table 1; what
changed since then: the checkpoints' own configurations."""


def shape_of(name: str) -> Shape:
    """Raises BadOption."""
    if name not in SHAPES:
        raise BadOption("shape", f"expected one of {', '.join(SHAPES)}, got {name!r}")
    return SHAPES[name]


@dataclass(frozen=True)
class Slots:
    """A window's parts, each as long as one word; a slot is two digits, row and column.

    Raises BadOption.
    """

    rate: float
    """Words for each second."""

    def __post_init__(self) -> None:
        if not LEAST_RATE <= self.rate <= MOST_RATE:
            raise BadOption(
                "rate", f"expected {LEAST_RATE} to {MOST_RATE} words a second, got {self.rate}"
            )

    @property
    def count(self) -> int:
        """In 30 s."""
        return math.ceil(self.rate * SECONDS - _ROUNDING)

    @property
    def rows(self) -> int:
        """How many values the first digit has."""
        return math.ceil(math.sqrt(self.count))

    @property
    def columns(self) -> int:
        """How many values the second digit has."""
        return math.ceil(self.count / self.rows)

    def digits(self, slot: int) -> tuple[int, int]:
        """Row and column."""
        return divmod(slot, self.columns)

    def at(self, position: int) -> int:
        """The slot in which a position of the encoder lies."""
        return math.floor(position * self.rate / POSITIONS_PER_SECOND + _ROUNDING)

    def is_margin(self, position: int) -> bool:
        """Whether it lies in the first or last quarter of its slot.

        A slot counts whose middle half is loud: of all that are touched, there would be one more
        for each stretch of sound.
        """
        place = position * self.rate / POSITIONS_PER_SECOND + _ROUNDING
        return abs(place % 1 - 0.5) > 0.25

    def time(self, slot: float) -> float:
        """Of a slot's middle, -1 to 1 in the window."""
        return (2 * slot + 1) / self.count - 1

    def end(self, slot: int) -> int:
        """The first position after it."""
        after = math.ceil((slot + 1) * POSITIONS_PER_SECOND / self.rate - _ROUNDING)
        return min(after, POSITIONS)

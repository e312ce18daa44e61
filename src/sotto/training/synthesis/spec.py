"""What a recipe asks for in a table `[[synthesize]]`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from sotto.training.evaluation.scoring import normalize
from sotto.training.fields import Language, Share, Span, Table
from sotto.training.synthesis.voices import PITCH, RATES


class SynthesisSpec(Table):
    """A table `[[synthesize]]` of a recipe: one set to be made."""

    output: str = Field(min_length=1)
    """The folder; its last part is the set's name, which the clips depend on."""
    clips: int = Field(ge=1, le=999_999)
    seed: int = 0
    language: Language = "en"
    sentences: tuple[str, ...] = ()
    """Text files, a sentence a line. Those with brackets are left out: who says them?"""
    longest: int = 80
    """Characters of a sentence."""
    words: tuple[int, int] = (1, 40)
    """Of a sentence."""
    vocabulary: tuple[str, ...] = ()
    """Instead of sentences: strings of these words, drawn at random."""
    length: tuple[int, int] = (1, 6)
    """Words of a string."""
    voices: tuple[str, ...] = ()
    """Names as `flite/slt`, or patterns as `espeak-ng/en-gb*`; each voice is as likely as any
    other. None: all that are installed."""
    held_out: tuple[str, ...] = ()
    """Patterns of voices that are for `dev`, with a twentieth of the texts; others are `train`."""
    rate: Span = (140.0, 200.0)
    """Words a minute."""
    pitch: Span = (PITCH - 20, PITCH + 20)
    """0 to 99."""
    gap: Span = (0.0, 0.0)
    """Seconds between words; espeak-ng alone."""
    rooms: str | None = None
    """A manifest; its clips of the kind `rir` and the split `train` are taken."""
    noises: str | None = None
    """The same for the kind `noise`."""
    room_share: Share = 0.0
    noise_share: Share = 0.0
    snr: Span = (5.0, 30.0)
    """Decibels."""
    never: tuple[str, ...] = ()
    """Manifests of which no text of two words or more may be said."""
    text: Literal["plain", "as-is"] = "as-is"
    """`plain` is lower case without punctuation."""

    @property
    def name(self) -> str:
        """The set's."""
        return Path(self.output).name

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.sentences) == bool(self.vocabulary):
            raise ValueError("expected either sentences or a vocabulary")
        if not all(map(normalize, self.vocabulary)):
            raise ValueError("expected words in the vocabulary, got one without a letter")
        if (self.room_share and not self.rooms) or (self.noise_share and not self.noises):
            raise ValueError("expected rooms for room_share and noises for noise_share, got none")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        limits = {
            "words": (1, 1_000),
            "length": (1, 100),
            "rate": RATES,
            "pitch": (0, 99),
            "gap": (0, 2),
            "snr": (-50, 100),
        }
        for key, (least, most) in limits.items():
            low, high = getattr(self, key)
            if not least <= low <= high <= most:
                raise ValueError(f"expected {key} from {least} to {most}, got {low} to {high}")
        return self

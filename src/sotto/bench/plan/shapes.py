"""Whisper's sizes, and what a second of sound costs in each, to scale a measured figure by.

This is the one rule by which figures are scaled, and only between Whisper's own sizes on one and
the same machine: a machine that does so many multiplications does them in any of the sizes. It
knows nothing of memory's width, of batches, or of what a device does well.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 5.26
"""Seconds that the encoder is given for a look, on average: half an utterance of 4.8 s, its
pre-roll of 0.3 s, and the margin of 2.56 s after it."""
POSITIONS = 50
"""Of the encoder, for each second."""
TOKENS = 8
"""That a look decodes: those of the words that are not certain, and the marks around them."""


@dataclass(frozen=True)
class Size:
    """Of one of Whisper's checkpoints."""

    width: int
    encoder: int
    """Layers."""
    decoder: int
    """Layers."""

    @property
    def work(self) -> float:
        """Multiplications and additions of a look, in the layers' matrices.

        A layer of the encoder has 12 d² of them for each position, one of the decoder 14 d² for
        each token, and 2 d² for each position that it looks at.
        """
        square, positions = self.width**2, WINDOW * POSITIONS
        return (
            12 * square * self.encoder * positions
            + 14 * square * self.decoder * TOKENS
            + 2 * square * self.decoder * positions
        )


SIZES = {
    "tiny": Size(384, 4, 4),
    "base": Size(512, 6, 6),
    "small": Size(768, 12, 12),
    "medium": Size(1024, 24, 24),
    "large-v3": Size(1280, 32, 32),
    "turbo": Size(1280, 32, 4),
    "distil-large-v3": Size(1280, 32, 2),
}
"""Radford et al. 2022, table 1; turbo, distil-large-v3: their checkpoints' own configurations."""


def ratio(of: str, to: str) -> float | None:
    """How much more a look costs with one model than with another; None: one is no Whisper."""
    if of not in SIZES or to not in SIZES:
        return None
    return SIZES[of].work / SIZES[to].work

"""Whether somebody who pauses has said all that they wanted to."""

from __future__ import annotations

from typing import Protocol

from sotto.audio.chunk import Mel


class TurnDetector(Protocol):
    """Judges a pause by how the words before it sounded; it keeps nothing between two calls."""

    @property
    def n_mels(self) -> int:
        """Bands of the log-mel that it reads."""
        ...

    def judge(self, frames: Mel) -> float:
        """Probability, 0..1, that the turn is complete.

        Takes raw log10 mel, float32[n, n_mels], that ends in the pause; of a long turn its last
        seconds do. Blocks for milliseconds: call it in a thread.
        """
        ...

"""The one datum that travels: frames of log-mel with the probability of speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Mel: TypeAlias = NDArray[np.float32]
"""float32[n, n_mels]: raw log10 mel power, before Whisper's clamp and scaling."""

Speech: TypeAlias = NDArray[np.float32]
"""float32[n]: probability of speech for each frame, 0..1."""


@dataclass(frozen=True, eq=False)
class MelChunk:
    """A run of frames at its place on the session's frame clock (100 frames a second)."""

    start: int
    """Frames since the session began."""
    mel: Mel
    speech: Speech

    def __post_init__(self) -> None:
        if self.mel.ndim != 2 or self.speech.shape != (len(self.mel),):
            raise ValueError(
                f"expected mel [n, n_mels] and speech [n], got {self.mel.shape}, "
                f"{self.speech.shape}"
            )

    def __len__(self) -> int:
        return len(self.mel)

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.start + len(self.mel)

    @property
    def n_mels(self) -> int:
        """Bands."""
        return int(self.mel.shape[1])

    def chunks(self) -> Iterator[MelChunk]:
        """Itself: a recording of one piece."""
        yield self

    def between(self, start: int, end: int) -> MelChunk:
        """The part from frame `start` to before frame `end`, on the same clock."""
        lo, hi = max(start - self.start, 0), max(end - self.start, 0)
        return MelChunk(self.start + lo, self.mel[lo:hi], self.speech[lo:hi])

    @staticmethod
    def join(chunks: Sequence[MelChunk]) -> MelChunk:
        """One chunk of several that follow each other without a gap."""
        if len(chunks) == 1:
            return chunks[0]
        for a, b in pairwise(chunks):
            if a.end != b.start:
                raise ValueError(f"expected a chunk that starts at frame {a.end}, got {b.start}")
        return MelChunk(
            chunks[0].start,
            np.concatenate([chunk.mel for chunk in chunks]),
            np.concatenate([chunk.speech for chunk in chunks]),
        )

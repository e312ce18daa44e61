"""A session's frames, kept as long as they may still be decoded."""

from __future__ import annotations

import numpy as np

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.mel import SILENCE


class FrameBuffer:
    """Frames by their number on the session's clock; the oldest are forgotten when told so."""

    def __init__(self, n_mels: int) -> None:
        self._mel: Mel = np.empty((0, n_mels), np.float32)
        self._speech: Speech = np.empty(0, np.float32)
        self._first = 0
        self._end = 0

    def __len__(self) -> int:
        """How many frames are kept."""
        return self._end - self._first

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self._end

    def append(self, chunk: MelChunk) -> None:
        """Add the frames that follow. Raises ValueError where they do not follow."""
        if chunk.start != self._end:
            raise ValueError(f"expected a chunk at frame {self._end}, got {chunk.start}")
        kept, size = len(self), len(self) + len(chunk)
        if size > len(self._mel):
            self._grow(max(size, 2 * len(self._mel)))
        self._mel[kept:size] = chunk.mel
        self._speech[kept:size] = chunk.speech
        self._end = chunk.end

    def _grow(self, capacity: int) -> None:
        kept = len(self)
        mel = np.empty((capacity, self._mel.shape[1]), np.float32)
        speech = np.empty(capacity, np.float32)
        mel[:kept], speech[:kept] = self._mel[:kept], self._speech[:kept]
        self._mel, self._speech = mel, speech

    def window(self, start: int, end: int, *, missing: int = 0) -> MelChunk:
        """A copy of the frames from `start` to before `end`, all of which must be kept.

        Before frame 0 there is silence, and `missing` frames of it are added at the end.
        """
        if not (self._first <= max(start, 0) <= end <= self._end):
            raise ValueError(
                f"expected frames within {self._first}..{self._end}, got {start}..{end}"
            )
        lo, hi = max(start, 0) - self._first, end - self._first
        air = ((max(-start, 0), missing), (0, 0))
        mel = np.pad(self._mel[lo:hi], air, constant_values=SILENCE)
        return MelChunk(start, mel, np.pad(self._speech[lo:hi], air[0]))

    def forget(self, before: int) -> None:
        """Frames before this one will not be asked for again."""
        before = min(before, self._end)
        gone = before - self._first
        # Moving what is kept costs as much as it is long: do it when at least that much goes.
        if gone <= 0 or gone < self._end - before:
            return
        kept = self._end - before
        self._mel[:kept] = self._mel[gone : gone + kept]
        self._speech[:kept] = self._speech[gone : gone + kept]
        self._first = before
        if len(self._mel) > 4 * max(kept, 256):
            self._mel, self._speech = self._mel[: 2 * kept].copy(), self._speech[: 2 * kept].copy()

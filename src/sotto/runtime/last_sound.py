"""The newest frames of a stream, for whoever judges how it sounds."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import numpy as np

from sotto.audio.chunk import Mel, MelChunk
from sotto.runtime.runner import Heard


class LastSound:
    """So many frames, and not many more."""

    def __init__(self, frames: int, n_mels: int) -> None:
        self._frames = frames
        self._n_mels = n_mels
        self._chunks: deque[MelChunk] = deque()
        self._kept = 0

    async def of(self, heard: AsyncIterator[Heard]) -> AsyncIterator[Heard]:
        """What is heard, as it is; its frames are kept on the way."""
        async for item in heard:
            if isinstance(item, MelChunk):
                self._keep(item)
            yield item

    @property
    def mel(self) -> Mel:
        """float32[n, n_mels], raw log10 mel: the newest frames, n at most as many as wanted."""
        if not self._chunks:
            return np.empty((0, self._n_mels), np.float32)
        return np.concatenate([chunk.mel for chunk in self._chunks])[-self._frames :]

    def _keep(self, chunk: MelChunk) -> None:
        self._chunks.append(chunk)
        self._kept += len(chunk)
        while self._kept - len(self._chunks[0]) >= self._frames:
            self._kept -= len(self._chunks.popleft())

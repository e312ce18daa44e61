"""Sound that is a container if it looks like one, else raw samples."""

from __future__ import annotations

import numpy as np

from sotto.audio.format import PcmFormat, Samples
from sotto.errors import BadAudio
from sotto.runtime.container import MAGIC_BYTES, ContainerReader, is_recorded
from sotto.runtime.door import PcmSource, SampleReader


class SniffingReader:
    """One stream of bytes, cut anywhere. Its first four say what it is."""

    def __init__(self, otherwise: PcmFormat) -> None:
        self._otherwise = otherwise
        self._head = b""
        self._reader: SampleReader | None = None
        """None: not enough came to know."""

    def receive(self, data: bytes) -> Samples:
        """What became known by these bytes. Raises BadAudio."""
        if self._reader is None:
            data, self._head = self._head + data, b""
            if len(data) < MAGIC_BYTES:
                self._head = data
                return np.empty(0, np.float32)
            self._reader = self._of(data)
        return self._reader.receive(data)

    def finish(self) -> Samples:
        """The rest, once no more bytes come. Raises BadAudio as the container's reader does."""
        if self._reader is not None:
            return self._reader.finish()
        reader = self._reader = self._of(self._head)
        return np.concatenate([reader.receive(self._head), reader.finish()])

    @property
    def fault(self) -> BadAudio | None:
        """What was wrong with the stream's end, though all of its sound was made out."""
        return None if self._reader is None else self._reader.fault

    @property
    def decodes(self) -> bool:
        """Whether it is a container, as far as is known."""
        return self._reader is None or self._reader.decodes

    def close(self) -> None:
        """Let go of the stream, finished or not; at any time, and again."""
        if self._reader is not None:
            self._reader.close()

    def _of(self, head: bytes) -> SampleReader:
        return ContainerReader() if is_recorded(head) else PcmSource(self._otherwise)

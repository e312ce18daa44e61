"""What programs have as sound → the bytes that go out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import Encoding, PcmFormat
from sotto.errors import BadAudio

Sound: TypeAlias = bytes | bytearray | memoryview | NDArray[np.float32] | NDArray[np.int16]
"""Bytes as the stream's `encoding` has them, cut anywhere; or whole samples, float32 -1..1 or
int16, of the shape [n] or [n, channels]."""

_FULL_SCALE = 32_768.0


class Encoder:
    """Cuts what comes into messages of whole samples."""

    def __init__(self, pcm: PcmFormat, most: int) -> None:
        self._pcm = pcm
        self._most = most
        """Bytes of one message."""
        self._rest = b""

    def receive(self, sound: Sound) -> Iterator[bytes]:
        """Messages, each made when it is asked for. Raises BadAudio."""
        if isinstance(sound, np.ndarray):
            yield from self._receive_samples(sound)
            return
        view = memoryview(sound).cast("B")
        at = 0
        while len(self._rest) + len(view) - at >= self._pcm.bytes_per_frame:
            size = min(self._most, len(self._rest) + len(view) - at)
            size -= size % self._pcm.bytes_per_frame
            taken = size - len(self._rest)
            message, self._rest = self._rest + bytes(view[at : at + taken]), b""
            at += taken
            yield message
        self._rest += bytes(view[at:])

    def finish(self) -> None:
        """Say that no more comes. Raises BadAudio where a sample was cut in the middle."""
        if self._rest:
            raise BadAudio(
                f"expected whole samples of {self._pcm.bytes_per_frame} bytes, "
                f"got {len(self._rest)} bytes left over"
            )

    def _receive_samples(self, samples: NDArray[Any]) -> Iterator[bytes]:
        self.finish()
        channels = self._pcm.channels
        shape = (len(samples), channels) if samples.ndim == 2 else (samples.size,)
        if samples.ndim not in (1, 2) or samples.shape != shape or samples.size % channels:
            raise BadAudio(f"expected samples [n] or [n, {channels}], got {list(samples.shape)}")
        if samples.dtype not in (np.float32, np.int16):
            raise BadAudio(f"expected float32 or int16 samples, got {samples.dtype}")
        flat = samples.reshape(-1)
        step = self._most // self._pcm.bytes_per_frame * channels
        for at in range(0, len(flat), step):
            yield _encoded(flat[at : at + step], self._pcm.encoding)


def _encoded(samples: NDArray[Any], encoding: Encoding) -> bytes:
    """Raises BadAudio."""
    real = samples.dtype == np.float32
    if real and not np.isfinite(samples).all():
        raise BadAudio("expected finite samples, got NaN or infinity")
    match encoding:
        case Encoding.PCM_S16LE:
            if real:
                samples = np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
            return samples.astype("<i2").tobytes()
        case Encoding.PCM_F32LE:
            scaled = samples if real else samples.astype(np.float32) / np.float32(_FULL_SCALE)
            return scaled.astype("<f4").tobytes()
        case _:
            raise BadAudio(f"expected bytes of {encoding}, got an array")

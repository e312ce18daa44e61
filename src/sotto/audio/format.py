"""The numbers of Whisper's front end, and the forms in which raw samples arrive.

Source of the numbers: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak
Supervision", section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sotto.errors import BadAudio, BadOption

Samples: TypeAlias = NDArray[np.float32]
"""float32[n], mono, -1..1."""


def exact_div(a: int, b: int) -> int:
    """a / b, where b must divide a."""
    if a % b:
        raise ValueError(f"expected a multiple of {b}, got {a}")
    return a // b


SAMPLE_RATE = 16_000
N_FFT = 400
HOP = 160
FRAMES_PER_SECOND = exact_div(SAMPLE_RATE, HOP)  # 100
WINDOW_SECONDS = 30
WINDOW_FRAMES = WINDOW_SECONDS * FRAMES_PER_SECOND  # 3000: all that an encoder can see
FRAMES_PER_TOKEN = 2  # the encoder halves the frame rate: one position is 20 ms
MEL_BANDS = (80, 128)

MIN_RATE, MAX_RATE = 4_000, 384_000
MAX_CHANNELS = 32


def frames(seconds: float) -> int:
    """Seconds as a whole number of frames."""
    return round(seconds * FRAMES_PER_SECOND)


def seconds(frame: int) -> float:
    """A frame's place in seconds."""
    return frame / FRAMES_PER_SECOND


class Encoding(StrEnum):
    """How raw samples lie in a stream's binary messages."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    PCM_U8 = "pcm_u8"
    """Silence is 128."""
    MULAW = "mulaw"
    ALAW = "alaw"
    """Both as telephones have them (ITU-T G.711), one byte a sample."""


_DTYPES: dict[Encoding, np.dtype[Any]] = {
    Encoding.PCM_S16LE: np.dtype("<i2"),
    Encoding.PCM_F32LE: np.dtype("<f4"),
    Encoding.PCM_U8: np.dtype("u1"),
    Encoding.MULAW: np.dtype("u1"),
    Encoding.ALAW: np.dtype("u1"),
}
_S16_SCALE = 32_768.0


def _mulaw() -> Samples:
    """float32[256], -1..1: what each byte means (ITU-T G.711, table 2a)."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = ((mantissa << 3) + 132 << exponent) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.float32) / np.float32(_S16_SCALE)


def _alaw() -> Samples:
    """float32[256], -1..1: what each byte means (ITU-T G.711, table 1a)."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent > 0, linear + 256 << np.maximum(exponent - 1, 0), linear)
    return np.where(code & 128, magnitude, -magnitude).astype(np.float32) / np.float32(_S16_SCALE)


def _unsigned() -> Samples:
    return np.arange(-128, 128).astype(np.float32) / np.float32(128)


_TABLES: dict[Encoding, Samples] = {
    Encoding.PCM_U8: _unsigned(),
    Encoding.MULAW: _mulaw(),
    Encoding.ALAW: _alaw(),
}


@dataclass(frozen=True)
class PcmFormat:
    """Raw interleaved samples. Raises BadOption for a rate or channel count out of range."""

    encoding: Encoding = Encoding.PCM_S16LE
    sample_rate: int = SAMPLE_RATE
    """Samples a second of each channel."""
    channels: int = 1

    def __post_init__(self) -> None:
        if not MIN_RATE <= self.sample_rate <= MAX_RATE:
            raise BadOption(
                "sample_rate",
                f"expected a sample rate of {MIN_RATE} to {MAX_RATE}, got {self.sample_rate}",
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise BadOption(
                "channels", f"expected 1 to {MAX_CHANNELS} channels, got {self.channels}"
            )

    @property
    def bytes_per_frame(self) -> int:
        """Bytes of one sample over all channels."""
        return _DTYPES[self.encoding].itemsize * self.channels


def overlapping(samples: Samples, width: int, step: int) -> Samples:
    """float32[n, width], a view of contiguous samples: all whole windows, each `step` further.

    numpy's sliding_window_view does the same, and takes longer than many a piece of sound does.
    """
    n = max(0, (len(samples) - width) // step + 1)
    size = samples.itemsize
    return np.ndarray((n, width), np.float32, samples, strides=(step * size, size))


class PcmReader:
    """Bytes → mono samples; a sample may be cut anywhere between two pieces."""

    def __init__(self, pcm: PcmFormat) -> None:
        self.format = pcm
        self._rest = b""

    def receive(self, data: bytes) -> Samples:
        """float32[n] at the stream's own rate. Raises BadAudio where a float is not finite."""
        data = self._rest + data
        whole = len(data) - len(data) % self.format.bytes_per_frame
        self._rest = data[whole:]
        raw = np.frombuffer(data[:whole], _DTYPES[self.format.encoding])
        samples = _linear(raw, self.format.encoding)
        if self.format.channels == 1:
            return samples
        np.clip(samples, -1.0, 1.0, out=samples)  # the sum over channels must stay finite too
        mono: Samples = samples.reshape(-1, self.format.channels).mean(axis=1, dtype=np.float32)
        return mono

    def finish(self) -> None:
        """Say that no more bytes come. Raises BadAudio where a sample was cut in the middle."""
        if self._rest:
            raise BadAudio(
                f"expected whole samples of {self.format.bytes_per_frame} bytes, "
                f"got {len(self._rest)} bytes left over"
            )


def _linear(raw: NDArray[Any], encoding: Encoding) -> Samples:
    """float32[n], not a view. Raises BadAudio where a float is not finite."""
    if encoding in _TABLES:
        return _TABLES[encoding].take(raw)
    samples: Samples = raw.astype(np.float32)
    if encoding is Encoding.PCM_S16LE:
        samples /= _S16_SCALE
    elif not np.isfinite(samples).all():
        raise BadAudio("expected finite pcm_f32le samples, got NaN or infinity")
    return samples

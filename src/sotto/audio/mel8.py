"""mel8: frames of log-mel as one byte a value, with their place on the client's frame clock.

docs/mel-image.md is the format's description, for whoever writes a client.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel, Speech
from sotto.audio.format import MEL_BANDS
from sotto.errors import BadAudio

MAGIC = b"mel8"
VERSION = 1
HEADER = struct.Struct("<4sBBHIIff")
"""Magic, version, flags, bands, position, frames, least and greatest value."""
STEPS = 255
MAX_FRAMES = 0xFFFF
"""Of one image: 11 minutes."""
MAX_POSITION = 0xFFFFFFFF
"""The clock's last frame, 497 days after its first."""
MAX_BYTES = HEADER.size + MAX_FRAMES * (max(MEL_BANDS) + 1)
LARGEST = 100.0
"""Of a value, either way: raw log10 mel of real sound lies between -10 and 4."""
WITH_SPEECH = 1
"""The only flag: a byte follows for each frame, its probability of speech."""


@dataclass(frozen=True, eq=False)
class Mel8:
    """One image, understood."""

    position: int
    """Its first frame, counted from the first of the client's stream."""
    mel: Mel
    """float32[n, n_mels], raw log10 power; n may be 0: a clock that went on."""
    speech: Speech | None
    """float32[n]; None where the client does not say."""

    @property
    def end(self) -> int:
        """The frame after the last one, on the same clock."""
        return self.position + len(self.mel)


@dataclass(frozen=True)
class ValueRange:
    """What the bytes 0 and 255 stand for: raw log10 power, unless it is said otherwise.

    Raises BadAudio where that is not finite, goes backwards, or is beyond ±`within`.
    """

    least: float
    greatest: float
    within: float = LARGEST

    def __post_init__(self) -> None:
        least, greatest, within = self.least, self.greatest, self.within
        if not (math.isfinite(least) and math.isfinite(greatest)):
            raise BadAudio(
                f"expected an image with a finite range of values, got {least:g} to {greatest:g}"
            )
        if not -within <= least <= greatest <= within:
            raise BadAudio(
                f"expected an image with values from its least to its greatest, within "
                f"±{within:g}, got {least:g} to {greatest:g}"
            )

    @staticmethod
    def of(mel: Mel) -> ValueRange:
        """The narrowest around all values; of none, 0 to 0."""
        return ValueRange(float(mel.min()), float(mel.max())) if mel.size else ValueRange(0, 0)

    def levels(self) -> NDArray[np.float64]:
        """float64[256]: what each byte stands for."""
        return np.linspace(self.least, self.greatest, STEPS + 1)

    def values(self, steps: NDArray[np.uint8]) -> Mel:
        """What bytes of any shape stand for."""
        meant: Mel = self.levels().astype(np.float32)
        return meant[steps]

    def steps(self, mel: Mel) -> NDArray[np.uint8]:
        """The nearest byte for each value."""
        width = max(self.greatest - self.least, 1e-6)
        steps = np.rint((mel.astype(np.float64) - self.least) * (STEPS / width))
        nearest: NDArray[np.uint8] = np.clip(steps, 0, STEPS).astype(np.uint8)
        return nearest


@dataclass(frozen=True)
class Mel8Header:
    """What an image says of itself, which goes with its length."""

    bands: int
    position: int
    frames: int
    span: ValueRange
    spoken: bool
    """Whether the client says which frames are speech."""


def parse_mel8_header(data: bytes) -> Mel8Header:
    """Of a whole image; its values are not looked at. Raises BadAudio."""
    if len(data) < HEADER.size:
        raise BadAudio(f"expected a mel8 image of at least {HEADER.size} bytes, got {len(data)}")
    magic, version, flags, bands, position, frames, least, greatest = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadAudio(f"expected a mel8 image, which begins with {MAGIC!r}, got {magic!r}")
    if version != VERSION:
        raise BadAudio(f"expected a mel8 image of version {VERSION}, got {version}")
    if flags not in (0, WITH_SPEECH):
        raise BadAudio(f"expected a mel8 image with flags {WITH_SPEECH} or 0, got {flags}")
    if bands not in MEL_BANDS:
        expected = " or ".join(map(str, MEL_BANDS))
        raise BadAudio(f"expected an image of {expected} bands, got {bands}")
    if frames > MAX_FRAMES:
        raise BadAudio(f"expected an image of at most {MAX_FRAMES} frames, got {frames}")
    if position + frames > MAX_POSITION:
        raise BadAudio(f"expected frames up to {MAX_POSITION}, got {position} + {frames}")
    spoken = flags == WITH_SPEECH
    whole = HEADER.size + frames * (bands + spoken)
    if len(data) != whole:
        raise BadAudio(f"expected a mel8 image of {whole:,} bytes, got {len(data):,}")
    return Mel8Header(bands, position, frames, ValueRange(least, greatest), spoken)


def parse_mel8(data: bytes) -> Mel8:
    """Raises BadAudio."""
    head = parse_mel8_header(data)
    n = head.frames * head.bands
    steps = np.frombuffer(data, np.uint8, n, HEADER.size).reshape(head.frames, head.bands)
    speech: Speech | None = None
    if head.spoken:
        told = np.frombuffer(data, np.uint8, head.frames, HEADER.size + n)
        speech = told.astype(np.float32) / np.float32(STEPS)
    return Mel8(head.position, head.span.values(steps), speech)


def make_mel8(mel: Mel, *, position: int = 0, speech: Speech | None = None) -> bytes:
    """The image of raw log10 power, float32[n, n_mels], with n up to MAX_FRAMES."""
    frames, bands = mel.shape
    if frames > MAX_FRAMES:
        raise ValueError(f"expected at most {MAX_FRAMES} frames, got {frames}")
    span = ValueRange.of(mel)
    flags = 0 if speech is None else WITH_SPEECH
    told = b"" if speech is None else np.rint(speech * STEPS).astype(np.uint8).tobytes()
    header = HEADER.pack(MAGIC, VERSION, flags, bands, position, frames, span.least, span.greatest)
    return header + span.steps(mel).tobytes() + told

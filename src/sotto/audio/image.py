"""Spectrograms as gray images: Targa files of one byte a value, as hush's page sends them.

An image has a row for each mel band, the lowest band first, and a column for each frame. Its bytes
stand for values of Whisper's normalized log-mel between the two numbers in its id field.
Source of the layout: Truevision TGA File Format Specification 2.0 (1991), image type 3; of the id
field: wavey-ai/mel-spec, src/quant.rs.
"""

from __future__ import annotations

import struct

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import MEL_BANDS
from sotto.audio.mel import normalize
from sotto.audio.mel8 import ValueRange
from sotto.errors import BadAudio

_HEADER = struct.Struct("<BBB 5x 4x HH BB")
"""Id length, color map type, image type; color map and origin, unused; width, height; bits of a
value, descriptor."""
_RANGE = struct.Struct("<ff")
"""The id field: what the bytes 0 and 255 stand for."""
_PLAIN = {"an id field of bytes": _RANGE.size, "color map type": 0, "image type": 3}
_GRAY = {"bits of a value": 8, "descriptor": 0}

MAX_FRAMES = 0xFFFF
"""11 minutes; the width has 16 bits."""
MAX_BYTES = _HEADER.size + _RANGE.size + MAX_FRAMES * max(MEL_BANDS)

_LARGEST = 1e3
"""Of a value, either way: log-mel of real sound lies between -2 and 3."""


def image_size(data: bytes) -> tuple[int, int]:
    """Width and height of a whole image; its values are not looked at. Raises BadAudio."""
    start = _HEADER.size + _RANGE.size
    if len(data) < start:
        raise BadAudio(f"expected an image of at least {start} bytes, got {len(data)}")
    *plain, width, height, bits, descriptor = _HEADER.unpack_from(data)
    _check(_PLAIN, plain)
    _check(_GRAY, [bits, descriptor])
    if height not in MEL_BANDS:
        bands = " or ".join(map(str, MEL_BANDS))
        raise BadAudio(f"expected an image with {bands} rows, got {height}")
    if width == 0:
        raise BadAudio("expected an image with columns, got none")
    if len(data) - start != width * height:
        raise BadAudio(
            f"expected {width} × {height} = {width * height:,} bytes of values, "
            f"got {len(data) - start:,}"
        )
    return width, height


def parse_image(data: bytes) -> Mel:
    """float32[width, height], raw log10 power. Raises BadAudio."""
    width, height = image_size(data)
    least, greatest = _RANGE.unpack_from(data, _HEADER.size)
    span = ValueRange(least, greatest, within=_LARGEST)
    steps = np.frombuffer(data, np.uint8, offset=_HEADER.size + _RANGE.size)
    meant = (span.levels() * 4.0 - 4.0).astype(np.float32)
    return np.ascontiguousarray(meant[steps.reshape(height, width)].T)


def make_image(mel: Mel) -> bytes:
    """The image of raw log10 power, float32[n, n_mels], with n from 1 to MAX_FRAMES."""
    width, height = mel.shape
    if not 1 <= width <= MAX_FRAMES:
        raise ValueError(f"expected 1 to {MAX_FRAMES} frames, got {width}")
    values = normalize(mel)
    span = ValueRange.of(values)
    header = _HEADER.pack(_RANGE.size, 0, 3, width, height, 8, 0)
    steps = np.ascontiguousarray(span.steps(values).T)
    return header + _RANGE.pack(span.least, span.greatest) + steps.tobytes()


def _check(expected: dict[str, int], got: list[int]) -> None:
    for (name, right), value in zip(expected.items(), got, strict=True):
        if value != right:
            raise BadAudio(f"expected an image with {name} {right}, got {value}")

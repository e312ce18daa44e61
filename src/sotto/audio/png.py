"""PNG files of 8-bit gray: what is in them is checked before anything is unpacked, and made.

Source of the layout: W3C, Portable Network Graphics (PNG) Specification, second edition (2003).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import MEL_BANDS
from sotto.audio.mel8 import MAX_FRAMES, ValueRange
from sotto.errors import BadAudio

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEAST, GREATEST = b"min", b"max"
"""Keywords of the tEXt chunks that say what black and white stand for."""

_HEADER = struct.Struct(">IIBBBBB")
"""Width, height, bits, color type, compression, filter, interlace."""
_GRAY = {"bits of a value": 8, "color type": 0, "compression": 0, "filter": 0, "interlace": 0}
_FILTERS = 5
_MAX_NUMBER = 32
"""Characters of a number in a tEXt chunk."""


@dataclass(frozen=True)
class Png:
    """A file that holds together."""

    width: int
    height: int
    plain: bytes
    """The same file with its picture and nothing else."""
    span: ValueRange | None
    """What black and white stand for, where the file says so."""


def parse_png(data: bytes) -> Png:
    """Memory is bounded by what the size of a spectrogram can be. Raises BadAudio."""
    header, packed, texts = _sorted_out(data)
    width, height = _checked(header)
    _check_rows(packed, width, height)
    plain = _wrapped(header, packed)
    return Png(width, height, plain, _span(texts))


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height; nothing but the file's header is looked at. Raises BadAudio."""
    return _checked(_header(_chunks(data)))


def make_png(gray: NDArray[np.uint8], span: ValueRange) -> bytes:
    """The file of uint8[height, width], top row first, and what its black and white stand for."""
    height, width = gray.shape
    header = _HEADER.pack(width, height, *_GRAY.values())
    packed = zlib.compress(_filtered(gray).tobytes(), 9)
    texts = [
        keyword + b"\0" + repr(float(value)).encode()
        for keyword, value in ((LEAST, span.least), (GREATEST, span.greatest))
    ]
    return _wrapped(header, packed, texts)


def check_size(width: int, height: int) -> None:
    """Of any picture of a spectrogram. Raises BadAudio."""
    if height not in MEL_BANDS:
        bands = " or ".join(map(str, MEL_BANDS))
        raise BadAudio(f"expected an image with {bands} rows, got {height}")
    if not 1 <= width <= MAX_FRAMES:
        raise BadAudio(f"expected an image with 1 to {MAX_FRAMES} columns, got {width}")


def _sorted_out(data: bytes) -> tuple[bytes, bytes, dict[bytes, bytes]]:
    """The header, the packed rows, the texts of our keywords."""
    chunks = _chunks(data)
    header = _header(chunks)
    packed, texts = bytearray(), dict[bytes, bytes]()
    for kind, body in chunks:
        if kind == b"IDAT":
            packed += body
        elif kind == b"tEXt":
            keyword, _, text = body.partition(b"\0")
            if keyword in (LEAST, GREATEST):
                texts[keyword] = text
    return header, bytes(packed), texts


def _header(chunks: Iterator[tuple[bytes, bytes]]) -> bytes:
    kind, header = next(chunks)
    if kind != b"IHDR" or len(header) != _HEADER.size:
        raise BadAudio("expected a PNG that begins with its header, got another chunk")
    return header


def _checked(header: bytes) -> tuple[int, int]:
    """Width and height."""
    width, height, *gray = _HEADER.unpack(header)
    for (name, right), value in zip(_GRAY.items(), gray, strict=True):
        if value != right:
            raise BadAudio(f"expected a gray PNG with {name} {right}, got {value}")
    check_size(width, height)
    return width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Up to the file's end, which must be there."""
    at = len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if len(data) < at + 12:
            raise BadAudio("expected a whole PNG, got one that breaks off")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if len(data) < end + 4:
            raise BadAudio("expected a whole PNG, got one that breaks off")
        if zlib.crc32(memoryview(data)[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise BadAudio(f"expected a PNG that is sound, got a damaged chunk {kind!r}")
        yield kind, data[at + 8 : end]
        at = end + 4


def _check_rows(packed: bytes, width: int, height: int) -> None:
    """Each row is a byte that names its filter, and its values."""
    expected = height * (width + 1)
    inflate = zlib.decompressobj()
    try:
        rows = inflate.decompress(packed, expected + 1)
    except zlib.error:
        raise BadAudio("expected a PNG whose picture can be unpacked, got a damaged one") from None
    if len(rows) != expected or not inflate.eof:
        much = "more" if len(rows) > expected else "another number"
        raise BadAudio(f"expected a PNG of {height} rows of {width} values, got {much}")
    if np.frombuffer(rows, np.uint8).reshape(height, width + 1)[:, 0].max() >= _FILTERS:
        raise BadAudio("expected a PNG whose rows have known filters, got another")


def _span(texts: dict[bytes, bytes]) -> ValueRange | None:
    if not texts:
        return None
    if len(texts) == 1:
        raise BadAudio("expected a PNG that tells both min and max, got only one of them")
    return ValueRange(_number(texts[LEAST]), _number(texts[GREATEST]))


def _number(text: bytes) -> float:
    try:
        return float(text[:_MAX_NUMBER].decode("latin-1"))
    except ValueError:
        raise BadAudio(f"expected min and max to be numbers, got {text[:_MAX_NUMBER]!r}") from None


def _wrapped(header: bytes, packed: bytes, texts: list[bytes] | None = None) -> bytes:
    chunks = [(b"IHDR", header), *((b"tEXt", text) for text in texts or [])]
    chunks += [(b"IDAT", packed), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _filtered(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[height, width + 1]: each row less that above it, which packs well, and its filter."""
    above = np.zeros_like(gray)
    above[1:] = gray[:-1]
    return np.pad(gray - above, ((0, 0), (1, 0)), constant_values=2)

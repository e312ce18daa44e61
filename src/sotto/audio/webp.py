"""WebP files: which still picture is in them, and how large, before anything is unpacked.

Source of the layout: RFC 9649, WebP Image Format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sotto.audio.png import check_size
from sotto.errors import BadAudio

_LOSSY, _LOSSLESS, _ALPHA = b"VP8 ", b"VP8L", b"ALPH"
_KEY_FRAME = b"\x9d\x01\x2a"
_SIDE = 0x3FFF
"""14 bits of width or height."""
_MAX_CHUNKS = 32


@dataclass(frozen=True)
class WebP:
    """A file that holds together."""

    width: int
    height: int
    plain: bytes
    """A file with its one picture and nothing else: no profile, no metadata."""


def is_webp(data: bytes) -> bool:
    """By its first bytes."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def parse_webp(data: bytes) -> WebP:
    """Raises BadAudio."""
    (size,) = struct.unpack_from("<I", data, 4)
    if len(data) != size + 8:
        raise BadAudio(f"expected a WebP of {size + 8:,} bytes, as it says, got {len(data):,}")
    for kind, body in _chunks(data):
        if kind == _ALPHA:
            raise BadAudio("expected a gray picture without transparency, got another")
        if kind in (_LOSSY, _LOSSLESS):
            width, height = _lossy_size(body) if kind == _LOSSY else _lossless_size(body)
            check_size(width, height)
            return WebP(width, height, _wrapped(kind, body))
    raise BadAudio("expected a WebP with one still picture, got none")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(_MAX_CHUNKS):
        if len(data) < at + 8:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if len(data) < at + 8 + length:
            raise BadAudio("expected a whole WebP, got one that breaks off")
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _lossy_size(body: bytes) -> tuple[int, int]:
    if len(body) < 10 or body[0] & 1 or body[3:6] != _KEY_FRAME:
        raise BadAudio("expected a WebP with a still picture, got something else")
    width, height = struct.unpack_from("<HH", body, 6)
    return width & _SIDE, height & _SIDE


def _lossless_size(body: bytes) -> tuple[int, int]:
    if len(body) < 5 or body[0] != 0x2F:
        raise BadAudio("expected a WebP with a lossless picture, got something else")
    (bits,) = struct.unpack_from("<I", body, 1)
    return (bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1


def _wrapped(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk

"""The clip as images of its spectrogram, and files that others make, for tests."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import av
import httpx2
import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.image import make_image
from sotto.audio.mel import LogMel
from sotto.audio.mel8 import ValueRange, make_mel8
from sotto.runtime.container import read_file
from sotto.runtime.picture import paint
from tests.asking import error_of
from tests.speech import CLIP

KINDS = {"png": paint, "tga": make_image, "mel8": make_mel8}


@cache
def clip_mel(bands: int = 80) -> Mel:
    log_mel = LogMel(bands)
    parts = [log_mel.receive(samples) for samples in read_file(CLIP)]
    return np.concatenate([*parts, log_mel.finish()])


def post(client: httpx2.Client, *images: bytes, **fields: Any) -> httpx2.Response:
    files = [("file", ("image", image)) for image in images]
    return client.post("/v1/mel", files=files, data=fields)


def refused(client: httpx2.Client, *images: bytes, **fields: Any) -> str:
    """What is said of images that are at fault."""
    response = post(client, *images, **fields)
    assert response.status_code == 400
    assert error_of(response)["code"] == "bad_audio"
    return str(error_of(response)["message"])


def picture(
    pixels: NDArray[np.uint8], codec: str, form: str, *, frames: int = 1, **options: str
) -> bytes:
    """A file as ffmpeg makes it of [height, width], or [height, width, 3 or 4]: color, alpha."""
    out = io.BytesIO()
    given = "gray" if pixels.ndim == 2 else {3: "rgb24", 4: "rgba"}[pixels.shape[2]]
    with av.open(out, "w", format="webp" if "webp" in codec else "image2pipe") as container:
        stream = container.add_stream(codec, rate=1, options=options)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = form
        for n in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(pixels, n, axis=1), given)
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@cache
def clip_gray() -> tuple[NDArray[np.uint8], dict[str, str]]:
    """The clip's picture, and the form's fields that go with it."""
    span = ValueRange.of(clip_mel())
    gray = np.ascontiguousarray(span.steps(clip_mel()).T[::-1])
    return gray, {"min": str(span.least), "max": str(span.greatest)}


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def header(width: int, height: int, bits: int = 8, color: int = 0, interlace: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)


def small_png(head: bytes, rows: bytes = bytes(80 * 11), *more: tuple[bytes, bytes]) -> bytes:
    packed = (b"IDAT", zlib.compress(rows))
    return png_of([(b"IHDR", head), *more, packed, (b"IEND", b"")])

"""Files that are no image of a spectrogram, or not quite: told apart, in bounded memory."""

from __future__ import annotations

import logging
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from functools import cache

import httpx2
import numpy as np
import pytest

from sotto.audio.image import make_image
from sotto.audio.mel8 import make_mel8
from sotto.runtime.picture import MAX_BYTES, paint
from tests.asking import error_of
from tests.serving import Served, watched
from tests.speech import CLIP, CLIP_TEXT
from tests.transports.mel_pictures import (
    clip_gray,
    clip_mel,
    header,
    picture,
    png_of,
    post,
    refused,
    small_png,
)

END = (b"IEND", b"")


@pytest.fixture(autouse=True)
def no_traceback(server: Served) -> Iterator[list[logging.LogRecord]]:
    """Nothing is raised in the server that nobody foresaw."""
    with watched() as records:
        yield records
    assert records == []


@cache
def many_zeros() -> bytes:
    """A gigabyte, packed without ever being there."""
    packer = zlib.compressobj(1)
    packed = [packer.compress(bytes(1_000_000)) for _ in range(1_000)]
    return b"".join([*packed, packer.flush()])


def bomb() -> list[tuple[bytes, bytes]]:
    return [(b"IDAT", many_zeros()), END]


def forged(mel8: bytes, at: int, data: bytes) -> bytes:
    """A mel8 image, or another file, with other bytes at a place."""
    return mel8[:at] + data + mel8[at + len(data) :]


def floats(least: float, greatest: float) -> bytes:
    return struct.pack("<ff", least, greatest)


def texts(least: bytes, greatest: bytes) -> bytes:
    said = [(b"tEXt", b"min\0" + least), (b"tEXt", b"max\0" + greatest)]
    return small_png(header(10, 80), bytes(880), *said)


TEN = clip_mel()[:10]
MEL8, TGA = make_mel8(TEN), make_image(TEN)
RANGE = struct.calcsize("<4sBBHII")
"""Where a mel8 image has its range."""

BAD: dict[str, tuple[bytes, str]] = {
    "nothing we know": (b"\xff\xd8\xff\xe0" + bytes(100), "PNG, WebP, TGA or mel8"),
    "sound": (CLIP.read_bytes(), "PNG, WebP, TGA or mel8"),
    "bomb": (png_of([(b"IHDR", header(30_000, 30_000)), *bomb()]), "80 or 128 rows, got 30000"),
    "hidden bomb": (png_of([(b"IHDR", header(10, 80)), *bomb()]), "80 rows of 10 values, got more"),
    "wide": (small_png(header(65_536, 80)), "1 to 65535 columns"),
    "no columns": (small_png(header(0, 80)), "1 to 65535 columns"),
    "rows": (small_png(header(10, 79)), "80 or 128 rows, got 79"),
    "color": (small_png(header(10, 80, color=2)), "color type 0, got 2"),
    "palette": (small_png(header(10, 80, color=3)), "color type 0, got 3"),
    "16 bits": (small_png(header(10, 80, bits=16)), "bits of a value 8, got 16"),
    "interlaced": (small_png(header(10, 80, interlace=1)), "interlace 0, got 1"),
    "too few rows": (small_png(header(10, 80), bytes(79 * 11)), "80 rows of 10 values"),
    "unknown filter": (small_png(header(10, 80), b"\x05" + bytes(80 * 11 - 1)), "known filters"),
    "not packed": (png_of([(b"IHDR", header(10, 80)), (b"IDAT", b"??"), END]), "unpacked"),
    "no picture": (png_of([(b"IHDR", header(10, 80)), END]), "80 rows of 10 values"),
    "no header": (png_of([END]), "begins with its header"),
    "cut": (paint(clip_mel())[:-20], "breaks off"),
    "damaged": (paint(clip_mel()).replace(b"IDAT", b"IDAS"), "damaged chunk"),
    "half a range": (
        small_png(header(10, 80), bytes(880), (b"tEXt", b"min\0001")),
        "only one of them",
    ),
    "no number": (
        small_png(header(10, 80), bytes(880), (b"tEXt", b"min\0x"), (b"tEXt", b"max\0y")),
        "to be numbers",
    ),
    "reversed": (
        small_png(header(10, 80), bytes(880), (b"tEXt", b"min\0002"), (b"tEXt", b"max\0001")),
        "from its least",
    ),
    "other bands": (paint(np.zeros((10, 128), np.float32)), "80 bands"),
    "no frames": (make_mel8(clip_mel()[:0]), "with frames"),
    "text without end": (texts(b"9" * 5_000_000, b"1"), "within ±100"),
    "nan in a text": (texts(b"nan", b"1"), "finite"),
    "infinity in a text": (texts(b"0", b"inf"), "finite"),
    "packed texts": (
        small_png(header(10, 80), bytes(880), (b"zTXt", b"min\0\0" + many_zeros())),
        "min and max",
    ),
    "packed profile": (
        small_png(header(10, 80), bytes(880), (b"iCCP", b"sRGB\0\0" + many_zeros())),
        "min and max",
    ),
    "mel8 of another version": (forged(MEL8, 4, b"\2"), "version 1, got 2"),
    "mel8 with unknown flags": (forged(MEL8, 5, b"\4"), "flags 1 or 0, got 4"),
    "mel8 of other bands": (forged(MEL8, 6, b"\x51"), "80 or 128 bands, got 81"),
    "mel8 that promises more": (forged(MEL8, 12, b"\xff\xff"), "bytes, got 824"),
    "mel8 that promises too much": (forged(MEL8, 12, b"\xff" * 4), "at most 65535 frames"),
    "mel8 with bytes behind": (MEL8 + b"\0", "of 824 bytes, got 825"),
    "mel8 that breaks off": (MEL8[:-1], "of 824 bytes, got 823"),
    "mel8 of nan": (forged(MEL8, RANGE, floats(np.nan, 1)), "finite"),
    "mel8 of infinity": (forged(MEL8, RANGE, floats(0, np.inf)), "finite"),
    "mel8 reversed": (forged(MEL8, RANGE, floats(1, 0)), "from its least"),
    "mel8 beyond reason": (forged(MEL8, RANGE, floats(-1e9, 0)), "within ±100"),
    "tga with another id": (forged(TGA, 0, b"\7"), "PNG, WebP, TGA or mel8"),
    "tga of runs": (forged(TGA, 2, b"\x0b"), "PNG, WebP, TGA or mel8"),
    "tga of color": (forged(TGA, 2, b"\2"), "PNG, WebP, TGA or mel8"),
    "tga of 16 bits": (forged(TGA, 16, b"\x10"), "bits of a value 8, got 16"),
    "tga upside down": (forged(TGA, 17, b"\x20"), "descriptor 0, got 32"),
    "tga of other rows": (forged(TGA, 14, b"\x4f"), "80 or 128 rows, got 79"),
    "tga without columns": (forged(TGA, 12, b"\0\0"), "columns, got none"),
    "tga of nan": (forged(TGA, 18, floats(np.nan, 1)), "finite"),
    "tga reversed": (forged(TGA, 18, floats(1, 0)), "from its least"),
    "tga that breaks off": (TGA[:-1], "bytes of values, got 799"),
    "tga with a footer": (TGA + bytes(26), "bytes of values, got 826"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_image_is_refused(client: httpx2.Client, server: Served, name: str) -> None:
    data, words = BAD[name]
    assert words in refused(client, data)
    assert refused(client, paint(TEN), data).startswith("image 2: expected ")
    assert server.service.open_files == 0


@pytest.mark.parametrize(
    "name", ["bomb", "hidden bomb", "packed texts", "packed profile", "text without end", "sound"]
)
def test_little_memory_is_taken_by_what_is_refused(client: httpx2.Client, name: str) -> None:
    """The form and the file as bytes are there a few times; what is packed in it never is."""
    data, words = BAD[name]
    post(client, MEL8)  # what is imported only now is no part of it
    tracemalloc.start()
    try:
        assert words in refused(client, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data) + 4_000_000


def test_texts_that_nobody_asked_for_are_not_looked_at(client: httpx2.Client) -> None:
    span = [(b"tEXt", b"min\0-1"), (b"tEXt", b"max\0001")]
    more = [(b"tEXt", b"Comment\0" + bytes(5_000_000)), (b"zTXt", b"x\0\0" + many_zeros())]
    response = post(client, small_png(header(10, 80), bytes(880), *span, *more))
    assert (response.status_code, response.json()["text"]) == (200, "")


def test_after_all_that_the_server_still_hears(client: httpx2.Client) -> None:
    for data, _ in BAD.values():
        assert post(client, data).status_code == 400
    assert post(client, paint(clip_mel())).json()["text"] == CLIP_TEXT


def test_webps_that_are_none_are_refused(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    rgb = np.repeat(gray[..., None], 3, axis=2)
    whole = picture(rgb, "libwebp", "bgra", lossless="1")
    assert "as it says" in refused(client, whole[:-100], **span)
    cut = whole[:4] + struct.pack("<I", len(whole) - 1_008) + whole[8:-1_000]
    assert "breaks off" in refused(client, cut, **span)
    short = struct.pack("<I", len(whole) - 5_000 - 20)
    cut = whole[:4] + struct.pack("<I", len(whole) - 5_008) + whole[8:16] + short + whole[20:-5_000]
    assert "damaged" in refused(client, cut, **span)
    tinted = rgb.copy()
    tinted[..., 0] //= 2
    tinted[..., 0] += 40
    assert "gray" in refused(client, picture(tinted, "libwebp", "bgra", lossless="1"), **span)
    assert "color" in refused(client, picture(tinted, "libwebp", "yuv420p"), **span)
    tall = picture(np.zeros((16_000, 16), np.uint8), "libwebp", "yuv420p")
    assert "rows, got 16000" in refused(client, tall, **span)
    assert "min and max" in refused(client, whole)


def test_more_than_any_image_is_refused(client: httpx2.Client) -> None:
    response = post(client, b"mel8" + bytes(MAX_BYTES))
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")
    assert "empty" in refused(client, b"")


def test_webps_of_several_pictures_or_layers_are_refused(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    rgba = np.repeat(gray[..., None], 4, axis=2)
    rgba[..., 3] = 200
    clear = picture(rgba, "libwebp", "bgra", lossless="1")
    assert "without transparency" in refused(client, clear, **span)
    layered = picture(rgba, "libwebp", "yuva420p")
    assert b"ALPH" in layered
    assert "without transparency" in refused(client, layered, **span)
    moving = picture(gray, "libwebp_anim", "yuv420p", frames=2)
    assert b"ANMF" in moving
    assert "one still picture" in refused(client, moving, **span)

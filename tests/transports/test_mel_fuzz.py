"""Whatever comes as images over `POST /v1/mel`, words or an error that is typed go out."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.audio.image import make_image
from sotto.audio.mel8 import ValueRange, make_mel8
from sotto.errors import BadAudio
from sotto.runtime.picture import outline, paint, see
from tests.asking import error_of
from tests.serving import Served, watched
from tests.transports.mel_pictures import clip_gray, clip_mel, header, picture, png_of, post


@pytest.fixture(autouse=True)
def no_traceback(server: Served) -> Iterator[list[logging.LogRecord]]:
    """Nothing is raised in the server that nobody foresaw."""
    with watched() as records:
        yield records
    assert records == []


SEEDS = [
    paint(clip_mel()[:20]),
    make_image(clip_mel()[:20]),
    make_mel8(clip_mel()[:20]),
    make_mel8(clip_mel()[:20], position=7, speech=np.ones(20, np.float32)),
    make_mel8(clip_mel(128)[:20]),
    picture(clip_gray()[0][:, :20], "libwebp", "yuv420p"),
    picture(np.repeat(clip_gray()[0][:, :20, None], 3, axis=2), "libwebp", "bgra", lossless="1"),
]


def damaged(seed: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    data = bytearray(seed)
    for at, byte in changes:
        data[at % len(data)] = byte
    if data[:4] == b"RIFF" and cut >= 8:  # else all that is cut would be told by its size alone
        data[4:8] = struct.pack("<I", len(data[:cut]) - 8)
    return bytes(data[:cut])


CHANGES = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=4)
DAMAGED = st.builds(
    damaged,
    st.sampled_from(SEEDS),
    CHANGES,
    st.one_of(st.just(10_000), st.integers(0, 2_000)),
)
NUMBERS = st.one_of(
    st.floats().map(repr), st.sampled_from(["-10", "2", "1_0", "١", "", "9" * 40]), st.text()
).map(lambda text: text.encode("utf-8", "replace"))
SOUND_PNGS = st.builds(
    lambda width, height, odd, rows, changes, least, greatest: png_of(
        [
            (b"IHDR", header(width, height, *odd)),
            (b"tEXt", b"min\0" + least),
            (b"tEXt", b"max\0" + greatest),
            (b"IDAT", damaged(zlib.compress(bytes([2, 0]) * (rows // 2)), changes, 10_000)),
            (b"IEND", b""),
        ]
    ),
    st.sampled_from([10, 1, 0, 65_535, 2**32 - 1]),
    st.sampled_from([80, 128, 79, 0]),
    st.sampled_from([(8,), (8,), (16,), (8, 2), (8, 0, 1)]),
    st.one_of(st.just(80 * 11), st.integers(0, 3_000)),
    st.one_of(st.just([]), CHANGES),
    NUMBERS,
    NUMBERS,
)
"""Files whose chunks hold together, so that what is in them is looked at."""
ANYTHING = st.one_of(
    DAMAGED,
    SOUND_PNGS,
    st.builds(
        lambda head, rest: head + rest,
        st.sampled_from([b"", *(seed[:12] for seed in SEEDS), SEEDS[2][:24]]),
        st.binary(max_size=200),
    ),
)


@settings(deadline=None, max_examples=600)
@given(data=ANYTHING)
def test_any_bytes_are_an_image_or_refused(data: bytes) -> None:
    try:
        chunk = see(data, ValueRange(-10, 2))
    except BadAudio as error:
        assert len(error.message) < 300
    else:
        assert np.isfinite(chunk.mel).all()
        said = outline(data)
        assert (said.frames, said.bands) == chunk.mel.shape
        assert said.bands in (80, 128)
    try:
        outline(data)
    except BadAudio as error:
        assert len(error.message) < 300


@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(images=st.lists(ANYTHING, min_size=1, max_size=3))
def test_any_form_of_images_is_words_or_refused(client: httpx2.Client, images: list[bytes]) -> None:
    response = post(client, *images, min="-10", max="2")
    if response.status_code != 200:
        assert response.status_code == 400
        assert error_of(response)["code"] == "bad_audio"
        assert len(response.content) < 500

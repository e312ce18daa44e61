from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.image import MAX_BYTES, MAX_FRAMES, make_image, parse_image
from sotto.audio.mel import normalize
from sotto.errors import BadAudio

HEAD = bytes([8, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 80, 0, 8, 0])
"""Two frames of 80 bands, as hush's page writes it."""
RANGE = bytes.fromhex("000080bf 0000803f".replace(" ", ""))
"""-1 and 1."""


def rows(*pairs: tuple[int, int]) -> bytes:
    return bytes(value for pair in pairs for value in pair) + bytes(2 * (80 - len(pairs)))


def test_golden_bytes_are_read() -> None:
    mel = parse_image(HEAD + RANGE + rows((0, 255), (51, 102)))
    assert mel.shape == (2, 80)
    assert mel.dtype == np.float32
    # -1, 1 in the lowest band; -0.6, -0.2 in the next: × 4 − 4 gives powers of ten
    np.testing.assert_allclose(mel[:, 0], [-8.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(mel[:, 1], [-6.4, -4.8], atol=1e-6)
    np.testing.assert_allclose(mel[:, 2:], -8.0, atol=1e-6)


def test_golden_bytes_are_written() -> None:
    mel = np.full((2, 80), -8.0, np.float32)
    mel[1, 0], mel[:, 1] = 0.0, (-6.4, -4.8)
    assert make_image(mel) == HEAD + RANGE + rows((0, 255), (51, 102))


def test_what_lies_80_db_below_the_loudest_is_lost_as_in_whisper() -> None:
    mel = np.full((2, 80), -10.0, np.float32)
    mel[0, 0] = 1.0
    assert make_image(mel)[18:26] == struct.pack("<ff", -0.75, 1.25)


MELS = st.tuples(st.integers(1, 60), st.sampled_from([80, 128]), st.integers(0, 2**32 - 1)).map(
    lambda of: np.random.default_rng(of[2]).uniform(-10, 3, of[:2]).astype(np.float32)
)


@settings(deadline=None)
@given(mel=MELS)
def test_what_is_written_is_read(mel: np.ndarray) -> None:
    back = parse_image(make_image(mel))
    assert back.shape == mel.shape
    step = 4 * float(np.ptp(normalize(mel))) / 255
    np.testing.assert_allclose(normalize(back), normalize(mel), atol=step / 8 + 1e-5)
    assert parse_image(make_image(back)) == pytest.approx(back, abs=1e-4)


def test_one_value_everywhere_is_an_image_too() -> None:
    flat = np.full((3, 80), -4.0, np.float32)
    assert (parse_image(make_image(flat)) == flat).all()


def test_the_longest_image() -> None:
    image = make_image(np.zeros((MAX_FRAMES, 128), np.float32))
    assert len(image) == MAX_BYTES
    assert parse_image(image).shape == (65_535, 128)


@pytest.mark.parametrize("frames", [0, MAX_FRAMES + 1])
def test_what_fits_no_image(frames: int) -> None:
    with pytest.raises(ValueError, match="frames"):
        make_image(np.zeros((frames, 80), np.float32))


def spoiled(at: int, value: int) -> bytes:
    data = bytearray(HEAD + RANGE + bytes(160))
    data[at] = value
    return bytes(data)


def ranged(low: float, high: float) -> bytes:
    return HEAD + struct.pack("<ff", low, high) + bytes(160)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "at least 26 bytes, got 0"),
        (HEAD + RANGE[:-1], "at least 26 bytes, got 25"),
        (HEAD + RANGE, "2 × 80 = 160 bytes of values, got 0"),
        (HEAD + RANGE + bytes(159), "got 159"),
        (HEAD + RANGE + bytes(161), "got 161"),
        (spoiled(0, 0), "an id field of bytes 8, got 0"),
        (spoiled(1, 1), "color map type 0, got 1"),
        (spoiled(2, 2), "image type 3, got 2"),
        (spoiled(2, 11), "image type 3, got 11"),
        (spoiled(16, 24), "bits of a value 8, got 24"),
        (spoiled(17, 32), "descriptor 0, got 32"),
        (spoiled(14, 79), "80 or 128 rows, got 79"),
        (spoiled(12, 0), "columns, got none"),
        (ranged(math.nan, 1), "finite"),
        (ranged(-1, math.inf), "finite"),
        (ranged(1, -1), "least to its greatest"),
        (ranged(-3e38, 3e38), "least to its greatest"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadAudio) as told:
        parse_image(data)
    assert words in told.value.message


@settings(deadline=None)
@given(
    head=st.one_of(st.just(HEAD + RANGE), st.binary(max_size=40)),
    at=st.integers(0, 25),
    byte=st.integers(0, 255),
    rest=st.integers(0, 400),
)
def test_any_bytes_are_an_image_or_bad_audio(head: bytes, at: int, byte: int, rest: int) -> None:
    data = bytearray(head + bytes(rest))
    if at < len(data):
        data[at] = byte
    try:
        mel = parse_image(bytes(data))
    except BadAudio as error:
        assert len(error.message) < 200
    else:
        assert mel.shape[0] >= 1
        assert mel.shape[1] in (80, 128)
        assert np.isfinite(mel).all()

"""Samples as bytes: what the decoders make of them again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sotto.audio.encode import to_alaw, to_mulaw, to_s16
from sotto.audio.format import Encoding, PcmFormat, PcmReader, Samples

ENCODERS = [
    (Encoding.PCM_S16LE, to_s16),
    (Encoding.MULAW, to_mulaw),
    (Encoding.ALAW, to_alaw),
]
Encoder = Callable[[Samples], bytes]


def decoded(encoding: Encoding, data: bytes) -> Samples:
    return PcmReader(PcmFormat(encoding, 8_000)).receive(data)


def test_every_sample_of_16_bits_is_the_same_again() -> None:
    data = np.arange(-(2**15), 2**15).astype("<i2").tobytes()
    assert to_s16(decoded(Encoding.PCM_S16LE, data)) == data


@pytest.mark.parametrize(("encoding", "encode"), ENCODERS[1:])
def test_every_byte_of_a_telephone_is_the_same_again(encoding: Encoding, encode: Encoder) -> None:
    data = bytes(range(256))
    again = encode(decoded(encoding, data))
    twins = {(0x7F, 0xFF)} if encoding is Encoding.MULAW else set()  # mu-law's two zeros
    assert {(a, b) for a, b in zip(data, again, strict=True) if a != b} == twins


@pytest.mark.parametrize(("encoding", "encode"), ENCODERS[1:])
def test_of_all_levels_the_nearest_is_taken(encoding: Encoding, encode: Encoder) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 2_000).astype(np.float32)
    samples[::2] **= 5  # quiet ones too, where the levels are dense
    levels = decoded(encoding, bytes(range(256)))
    off = np.abs(decoded(encoding, encode(samples)) - samples)
    nearest = np.abs(levels[:, None] - samples).min(axis=0)
    np.testing.assert_allclose(off, nearest, atol=1 / 32_768)  # they pass through 16 bits


@pytest.mark.parametrize(("encoding", "encode"), ENCODERS)
def test_what_is_too_loud_is_clipped(encoding: Encoding, encode: Encoder) -> None:
    loud = np.array([-9, -1, 1, 9], np.float32)
    low, least, most, high = decoded(encoding, encode(loud))
    assert low == least <= -0.98
    assert high == most >= 0.98


def test_no_sound_is_no_bytes() -> None:
    nothing = np.empty(0, np.float32)
    assert to_s16(nothing) == to_mulaw(nothing) == to_alaw(nothing) == b""

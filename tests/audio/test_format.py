"""Raw samples: every form, cut anywhere."""

from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import Encoding, PcmFormat, PcmReader, Samples, exact_div
from sotto.errors import BadAudio, BadOption

FORMATS = st.builds(
    PcmFormat,
    encoding=st.sampled_from(Encoding),
    sample_rate=st.just(16_000),
    channels=st.integers(1, 5),
)


def read(pcm: PcmFormat, data: bytes, cuts: list[int]) -> Samples:
    reader = PcmReader(pcm)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    parts = [reader.receive(data[a:b]) for a, b in pairwise(edges)]
    reader.finish()
    return np.concatenate(parts)


@settings(deadline=None)
@given(pcm=FORMATS, n=st.integers(0, 50), cuts=st.lists(st.integers(0), max_size=12))
def test_bytes_may_be_cut_anywhere(pcm: PcmFormat, n: int, cuts: list[int]) -> None:
    sound = np.random.default_rng(n).uniform(-1, 1, (n, pcm.channels))
    if pcm.encoding is Encoding.PCM_S16LE:
        data, tolerance = np.round(sound * 32_767).astype("<i2").tobytes(), 1e-4
    elif pcm.encoding is Encoding.PCM_F32LE:
        data, tolerance = sound.astype("<f4").tobytes(), 1e-6
    elif pcm.encoding is Encoding.PCM_U8:
        data, tolerance = np.round(sound * 127 + 128).astype("u1").tobytes(), 2e-2
    else:
        meaning = read(replace(pcm, channels=1), bytes(range(256)), [])
        codes = np.abs(meaning - sound[..., None]).argmin(axis=-1)
        data, tolerance = codes.astype("u1").tobytes(), 4e-2
    mono = read(pcm, data, cuts)
    assert mono.dtype == np.float32
    np.testing.assert_allclose(mono, sound.mean(axis=1), atol=tolerance)


def test_16_bit_samples_reach_from_minus_one_to_almost_one() -> None:
    data = np.array([-32_768, 0, 16_384, 32_767], "<i2").tobytes()
    expected = np.array([-1.0, 0.0, 0.5, 32_767 / 32_768], np.float32)
    np.testing.assert_array_equal(read(PcmFormat(), data, []), expected)


@settings(deadline=None)
@given(pcm=FORMATS, n=st.integers(0, 9), extra=st.integers(1, 19))
def test_half_a_sample_at_the_end_is_an_error(pcm: PcmFormat, n: int, extra: int) -> None:
    extra %= pcm.bytes_per_frame
    reader = PcmReader(pcm)
    assert len(reader.receive(bytes(n * pcm.bytes_per_frame + extra))) == n
    if extra:
        with pytest.raises(BadAudio, match=f"got {extra} bytes left over"):
            reader.finish()
    else:
        reader.finish()


@pytest.mark.parametrize(
    ("encoding", "codec"), [(Encoding.MULAW, "pcm_mulaw"), (Encoding.ALAW, "pcm_alaw")]
)
def test_telephone_bytes_mean_what_ffmpeg_says(encoding: Encoding, codec: str) -> None:
    decoder = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"
    (frame,) = decoder.decode(av.Packet(bytes(range(256))))
    heard = read(PcmFormat(encoding, 8_000), bytes(range(256)), [])
    np.testing.assert_array_equal(heard, frame.to_ndarray()[0] / np.float32(32_768))


def test_unsigned_bytes_are_silent_at_128() -> None:
    heard = read(PcmFormat(Encoding.PCM_U8), bytes([0, 128, 192, 255]), [])
    np.testing.assert_array_equal(heard, np.array([-1.0, 0.0, 0.5, 127 / 128], np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_must_be_finite(bad: float) -> None:
    reader = PcmReader(PcmFormat(Encoding.PCM_F32LE))
    with pytest.raises(BadAudio, match="expected finite"):
        reader.receive(np.array([0.0, bad], "<f4").tobytes())


@pytest.mark.parametrize(
    ("rate", "channels", "param"),
    [(3_999, 1, "sample_rate"), (384_001, 1, "sample_rate"), (16_000, 0, "channels"),
     (16_000, 33, "channels")],
)  # fmt: skip
def test_rates_and_channels_have_limits(rate: int, channels: int, param: str) -> None:
    with pytest.raises(BadOption) as caught:
        PcmFormat(sample_rate=rate, channels=channels)
    assert caught.value.param == param


def test_derived_numbers_must_divide() -> None:
    assert exact_div(16_000, 160) == 100
    with pytest.raises(ValueError, match="expected a multiple of 3, got 16"):
        exact_div(16, 3)

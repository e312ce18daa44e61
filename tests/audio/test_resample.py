"""Resampling is a matter of the stream, not of its pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.audio.resample import Resampler


def resample(samples: Samples, rate: int, cuts: list[int] | None = None) -> Samples:
    resampler = Resampler(rate)
    parts = [resampler.receive(part) for part in np.split(samples, sorted(cuts or []))]
    return np.concatenate([*parts, resampler.finish()])


def tone(hertz: float, rate: int, seconds: float) -> Samples:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@settings(deadline=None)
@given(
    rate=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 384_000]),
    cuts=st.lists(st.integers(0, 5_000), max_size=20),
    length=st.integers(0, 5_000),
)
def test_cutting_does_not_matter(rate: int, cuts: list[int], length: int) -> None:
    noise = np.random.default_rng(3).standard_normal(length).astype(np.float32) * 0.1
    whole = resample(noise, rate)
    assert whole.dtype == np.float32
    assert abs(len(whole) - length * SAMPLE_RATE / rate) <= 1
    np.testing.assert_allclose(resample(noise, rate, cuts), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_tone_stays_where_it_was(rate: int) -> None:
    heard = resample(tone(1_000, rate, 1), rate)
    expected = tone(1_000, SAMPLE_RATE, 1)
    np.testing.assert_allclose(heard[800:-800], expected[800:-800], atol=1e-3)


def test_what_16_khz_cannot_hold_is_filtered_out() -> None:
    heard = resample(tone(12_000, 48_000, 1), 48_000)
    assert np.abs(heard[800:-800]).max() < 1e-4


def test_16_khz_passes_untouched() -> None:
    samples = tone(440, SAMPLE_RATE, 0.1)
    resampler = Resampler(SAMPLE_RATE)
    np.testing.assert_array_equal(resampler.receive(samples), samples)
    assert len(resampler.finish()) == 0


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 48_000])
def test_samples_beyond_full_scale_are_clipped(rate: int) -> None:
    loud = tone(300, rate, 0.5) * np.float32(3e38)
    assert np.abs(resample(loud, rate)).max() < 1.5

"""Our log-mel is Whisper's, however the stream is cut."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, MEL_BANDS, Samples
from sotto.audio.mel import LogMel, mel_filters, normalize

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "whisper_mel.npz")
SOUND: Samples = (GOLDEN["samples"] / 32_768).astype(np.float32)


def spectrogram(samples: Samples, n_mels: int = 80, cuts: tuple[int, ...] = ()) -> Mel:
    mel = LogMel(n_mels)
    parts = [mel.receive(part) for part in np.split(samples, sorted(cuts))]
    return np.concatenate([*parts, mel.finish()])


def by_definition(samples: Samples, n_mels: int) -> Mel:
    """The textbook form in float64: one frame after the other, a sum instead of an FFT."""
    padded = np.pad(samples.astype(np.float64), 200, mode="reflect")
    n = np.arange(400)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 400)
    basis = np.exp(-2j * np.pi * np.outer(np.arange(201), n) / 400)
    rows = []
    for i in range(len(samples) // HOP):
        power = np.abs(basis @ (padded[i * HOP : i * HOP + 400] * hann)) ** 2
        rows.append(np.log10(np.maximum(mel_filters(n_mels).astype(np.float64) @ power, 1e-10)))
    return np.array(rows).astype(np.float32).reshape(-1, n_mels)


@pytest.mark.parametrize("n_mels", MEL_BANDS)
@pytest.mark.parametrize(
    "cuts",
    [
        (),
        tuple(range(0, len(SOUND), 1_600)),
        tuple(range(0, len(SOUND), 160)),
        tuple(range(7, len(SOUND), 331)),
        (1, 2, 199, 200, 201, 202, 400, 23_956),
    ],
    ids=["whole", "by 1600", "by 160", "by 331", "by hand"],
)
def test_features_equal_those_of_whisper(n_mels: int, cuts: tuple[int, ...]) -> None:
    expected = GOLDEN[f"mel_{n_mels}"]
    features = normalize(spectrogram(SOUND, n_mels, cuts))
    assert features.dtype == np.float32
    assert features.shape == expected.shape == (len(SOUND) // HOP, n_mels)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-4)


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(SOUND)), max_size=30).map(tuple),
    length=st.integers(0, len(SOUND)),
    n_mels=st.sampled_from(MEL_BANDS),
)
def test_cutting_does_not_matter(cuts: tuple[int, ...], length: int, n_mels: int) -> None:
    sound = SOUND[:length]
    whole = spectrogram(sound, n_mels)
    assert whole.shape == (length // HOP, n_mels)
    np.testing.assert_allclose(spectrogram(sound, n_mels, cuts), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 159, 160, 161, 199, 200, 201, 202, 319, 320, 599, 1_000])
def test_short_streams_reflect_at_both_ends(n: int) -> None:
    noise = np.random.default_rng(1).standard_normal(n).astype(np.float32) * 0.1
    expected = by_definition(noise, 80) if n >= HOP else np.empty((0, 80), np.float32)
    np.testing.assert_allclose(spectrogram(noise), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        spectrogram(noise, cuts=tuple(range(0, n, 9))), expected, rtol=0, atol=1e-4
    )


def test_a_long_piece_equals_its_parts() -> None:
    noise = np.random.default_rng(2).standard_normal(16_000 * 7).astype(np.float32) * 0.1
    by_second = spectrogram(noise, cuts=tuple(range(0, len(noise), 16_000)))
    np.testing.assert_allclose(spectrogram(noise), by_second, rtol=0, atol=1e-6)


def test_frames_come_as_soon_as_their_samples_are_there() -> None:
    mel = LogMel(80)
    heard = told = 0
    for part in np.split(SOUND, range(100, len(SOUND), 100)):
        heard += len(part)
        told += len(mel.receive(part))
        assert told == (max(0, heard - 200) // HOP + 1 if heard > 200 else 0)


def test_silence_lies_at_the_floor() -> None:
    silence = spectrogram(np.zeros(1_600, np.float32))
    np.testing.assert_allclose(silence, np.full((10, 80), -10.0), rtol=0, atol=1e-6)


def test_normalize_keeps_eight_powers_of_ten() -> None:
    mel = np.array([[-10.0, 0.0], [-3.0, 2.0]], np.float32)
    np.testing.assert_allclose(normalize(mel), [[-0.5, 1.0], [0.25, 1.5]])
    assert normalize(np.empty((0, 80), np.float32)).shape == (0, 80)


@pytest.mark.parametrize("n_mels", MEL_BANDS)
def test_filters_are_triangles_of_equal_area(n_mels: int) -> None:
    filters = mel_filters(n_mels)
    assert filters.shape == (n_mels, 201)
    assert filters.dtype == np.float32
    assert (filters >= 0).all()
    peaks = filters.argmax(axis=1)
    assert (np.diff(peaks) >= 0).all()
    wide = filters[peaks > 100]  # only these have enough bins for a sum to be an area
    np.testing.assert_allclose(wide.sum(axis=1) * 40, 1.0, atol=0.05)


def test_refuses_bands_that_no_checkpoint_has() -> None:
    with pytest.raises(ValueError, match="expected 80 or 128 bands, got 64"):
        LogMel(64)

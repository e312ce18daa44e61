from __future__ import annotations

import math

import numpy as np
import pytest

from sotto.audio.anonymize import GAIN, WARP, Anonymizer, Disguise
from sotto.audio.mel import SILENCE, band_centers
from tests.golden.anonymized import DISGUISE, FOLDER, everything, spoken

BANDS = 80


def test_the_stored_files_are_what_the_server_computes():
    made = everything()
    assert made.keys() == {path.stem for path in FOLDER.iterdir()}
    for name, mel in made.items():
        np.testing.assert_allclose(np.load(FOLDER / f"{name}.npy"), mel, rtol=0, atol=1e-5)


def test_no_disguise_changes_nothing():
    mel = spoken(BANDS)
    np.testing.assert_allclose(Anonymizer(BANDS, Disguise()).frames(mel), mel, atol=1e-5)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_each_frame_is_changed_by_itself(n_mels):
    mel, whole = spoken(n_mels), Anonymizer(n_mels, DISGUISE)
    alone = [Anonymizer(n_mels, DISGUISE).frames(frame[None]) for frame in mel]
    np.testing.assert_allclose(np.concatenate(alone), whole.frames(mel), atol=1e-5)
    assert whole.frames(mel[:0]).shape == (0, n_mels)
    assert whole.frames(mel).dtype == np.float32


def test_a_flat_spectrum_keeps_its_level_however_it_is_warped_and_smoothed():
    flat = np.full((1, BANDS), -3.0, np.float32)
    changed = Anonymizer(BANDS, Disguise((0.86, 1.17), 150.0)).frames(flat)
    np.testing.assert_allclose(changed, flat, atol=1e-5)


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.15])
def test_what_was_heard_at_a_frequency_is_heard_at_its_multiple(factor):
    centers = band_centers(BANDS)
    mel = (-((centers - 2_000) ** 2) / 4e5).astype(np.float32)[None]
    changed = Anonymizer(BANDS, Disguise((factor, factor))).frames(mel)
    assert abs(centers[changed.argmax()] / 2_000 - factor) < 0.04


def test_both_ends_have_their_own_factor():
    centers = band_centers(BANDS)
    for place, factor in ((300, 0.9), (6_000, 1.12)):
        width = place / 6
        mel = (-(((centers - place) / width) ** 2)).astype(np.float32)[None]
        moved = centers[Anonymizer(BANDS, Disguise((0.88, 1.15))).frames(mel).argmax()]
        assert (moved < place) == (factor < 1)


def test_harmonics_are_smoothed_away_and_resonances_stay():
    centers = band_centers(BANDS)
    voiced = centers < 2_000
    hidden = Anonymizer(BANDS, Disguise(smoothing=100.0))
    harmonics = np.cos(2 * math.pi * centers / 200)
    resonances = np.cos(2 * math.pi * centers / 1_200)

    def left(wave):
        mel = np.where(voiced, wave, 0).astype(np.float32)[None]
        return np.abs(hidden.frames(mel)[0][2:25]).mean() / np.abs(mel[0][2:25]).mean()

    assert left(harmonics) < 0.15
    assert left(resonances) > 0.8


def test_color_is_added():
    mel = np.full((2, BANDS), -2.0, np.float32)
    changed = Anonymizer(BANDS, Disguise(color=(0.5, 0.25))).frames(mel)
    np.testing.assert_allclose(changed[:, [0, -1]], [[-1.25, -1.75]] * 2, atol=1e-5)


def test_digital_silence_does_not_show_the_color():
    silence = np.full((3, BANDS), SILENCE, np.float32)
    np.testing.assert_array_equal(Anonymizer(BANDS, DISGUISE).frames(silence), silence)


def test_nothing_lies_below_silence():
    changed = Anonymizer(BANDS, Disguise(color=(-9.0,))).frames(spoken(BANDS))
    assert changed.min() == SILENCE


def test_disguises_are_drawn_within_their_bounds_and_can_be_drawn_again():
    drawn = [Disguise.drawn(np.random.default_rng(seed)) for seed in range(50)]
    assert drawn[3] == Disguise.drawn(np.random.default_rng(3))
    assert len({one.warp for one in drawn}) == len(drawn)
    for one in drawn:
        assert all(WARP[0] <= factor <= WARP[1] for factor in one.warp)
        assert abs(one.color[0]) <= GAIN
        assert len(one.color) == 9

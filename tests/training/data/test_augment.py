from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.chunk import Mel
from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.audio.mel import DYNAMIC_RANGE, SILENCE, LogMel, band_centers
from sotto.runtime.container import read_file
from sotto.training.config import Augment
from sotto.training.data.augment import Augmenter, added, quantized, reverberated
from tests.learning_sets import PLAIN
from tests.speech import CLIP

CENTERS = band_centers(80)
SPEEDS = st.floats(0.5, 2.0)
SEEDS = st.integers(0, 9999)


def mel_of(samples: Samples) -> Mel:
    log_mel = LogMel(80)
    return np.concatenate([log_mel.receive(samples.astype(np.float32)), log_mel.finish()])


def speech() -> Samples:
    return np.concatenate(list(read_file(CLIP)))


def tone(hertz: float, seconds: float = 0.5) -> Samples:
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.sin(2 * np.pi * hertz * times).astype(np.float32)


def augmenter(**changes: object) -> Augmenter:
    """That does only what is told."""
    return Augmenter(Augment.model_validate(PLAIN.model_dump() | changes), 80)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def power(mel: Mel) -> float:
    """Over all bands, on average over frames."""
    return float((10.0 ** mel.astype(np.float64)).sum(axis=1).mean())


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


def test_two_sounds_at_once_are_the_sum_of_their_powers() -> None:
    """As LogMel hears the samples' own sum. Phases make single values differ, not their mean."""
    voice = speech()
    noise = rng().normal(0, 0.02, len(voice))
    heard = mel_of(voice + noise)
    made = added(mel_of(voice), mel_of(noise))
    assert np.median(np.abs(made - heard)) < 0.05
    mean = np.log10((10.0**made).mean(axis=0) / (10.0**heard).mean(axis=0))
    assert np.abs(mean).max() < 0.03
    assert decibels(power(made) / power(heard)) == pytest.approx(0, abs=0.1)


def test_without_anything_to_do_nothing_is_done() -> None:
    mel = mel_of(speech())
    quiet = augmenter()
    np.testing.assert_allclose(quiet.place(quiet.voice(mel, 1.0, rng()), rng()), mel, atol=1e-5)


@settings(deadline=None)
@given(length=st.integers(1, 300), speed=SPEEDS, seed=st.integers(0, 99))
def test_a_voice_at_a_speed_has_the_length_for_it(length: int, speed: float, seed: int) -> None:
    mel = rng(seed).normal(-3, 2, (length, 80)).astype(np.float32)
    found = Augmenter(Augment(), 80).voice(mel, speed, rng(seed))
    assert found.shape == (max(1, round(length / speed)), 80)
    assert found.dtype == np.float32
    assert mel.min() - 1e-4 <= found.min() <= found.max() <= mel.max() + 1e-4


@settings(deadline=None)
@given(place=st.integers(0, 199), speed=SPEEDS)
def test_what_is_said_comes_earlier_by_the_speed(place: int, speed: float) -> None:
    mel = np.full((200, 80), SILENCE, np.float32)
    mel[place] = 0.0
    heard = augmenter().voice(mel, speed, rng()).max(axis=1)
    if heard.max() > SILENCE:  # at twice the speed a single frame can fall between two
        assert abs(int(heard.argmax()) - place / speed) <= 1.5


@settings(deadline=None, max_examples=40)
@given(hertz=st.floats(400, 3500), factor=st.floats(0.8, 1.25))
def test_a_warp_moves_a_tone_by_its_factor(hertz: float, factor: float) -> None:
    found = augmenter(warp=(factor, factor)).voice(mel_of(tone(hertz)), 1.0, rng())
    heard = float(CENTERS[found.mean(axis=0).argmax()])
    place = int(np.abs(CENTERS - hertz * factor).argmin())
    around = CENTERS[max(0, place - 2) : place + 3]
    assert around[0] <= heard <= around[-1]


def test_faster_is_higher() -> None:
    """As of a tape: the speed's factor and the warp's multiply."""
    found = augmenter(warp=(1.1, 1.1)).voice(mel_of(tone(1000)), 1.2, rng())
    assert CENTERS[found.mean(axis=0).argmax()] == pytest.approx(1320, rel=0.06)


@pytest.mark.parametrize("decay", [0.15, 0.4, 0.7])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_room_dies_away_as_told(decay: float, ratio: float) -> None:
    mel = np.full((200, 80), -20.0, np.float32)  # a silence that has no echo to speak of
    mel[20] = 1.0
    heard = reverberated(mel, decay, ratio)
    assert heard[:20].max() < -10  # nothing before the sound
    late = heard[26 : 20 + round(decay * 100 * 0.6), 0] * 10  # dB, well above the silence
    np.testing.assert_allclose(np.diff(late), -60 / (decay * 100), rtol=0.01)
    tail = (10.0 ** heard[20:, 0].astype(np.float64)).sum() - 10
    assert decibels(10 / tail) == pytest.approx(10 * ratio, abs=0.1)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, length=st.integers(1, 120), decay=st.floats(0.1, 2.0), ratio=st.floats(0, 1.2))
def test_a_room_takes_nothing_away(seed: int, length: int, decay: float, ratio: float) -> None:
    mel = rng(seed).normal(-4, 2, (length, 80)).astype(np.float32)
    heard = reverberated(mel, decay, ratio)
    assert heard.shape == mel.shape
    assert np.isfinite(heard).all()
    assert (heard >= mel - 1e-5).all()
    # No more than twice the loudest, however it piles up: the room has at most the sound's power.
    assert heard.max() <= mel.max() + np.log10(1 + 10**-ratio) + 1e-4


@settings(deadline=None)
@given(seed=st.integers(0, 999), spread=st.floats(0, 5))
def test_quantized_values_lie_within_half_a_step(seed: int, spread: float) -> None:
    mel = rng(seed).normal(-3, spread, (50, 80)).astype(np.float32)
    found = quantized(mel)
    kept = np.maximum(mel, mel.max() - DYNAMIC_RANGE)
    assert np.abs(found - kept).max() <= DYNAMIC_RANGE / 255 / 2 + 1e-5
    assert len(np.unique(found)) <= 256


@settings(deadline=None)
@given(
    seed=SEEDS,
    length=st.integers(1, 400),
    masks=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    time=st.floats(0, 1),
    band=st.integers(0, 90),
)
def test_masks_cover_no_more_than_they_may(
    seed: int, length: int, masks: tuple[int, int], time: float, band: int
) -> None:
    features = rng(seed).normal(0, 1, (length, 80)).astype(np.float32)
    before = features.copy()
    spec = {"time_masks": masks[0], "band_masks": masks[1], "time_mask": time, "band_mask": band}
    found = augmenter(**spec).masked(features, rng(seed))
    np.testing.assert_array_equal(features, before)
    touched = found != before
    np.testing.assert_array_equal(found[touched], np.full(touched.sum(), before.mean()))
    rows = touched.all(axis=1).sum() if band * masks[1] < 80 else 0
    assert rows <= masks[0] * min(round(time * 100), length // 10)
    bands = touched.all(axis=0).sum() if masks[0] * (length // 10) < length else 0
    assert bands <= masks[1] * min(band, 80)


def test_masks_are_there() -> None:
    features = np.arange(300 * 80, dtype=np.float32).reshape(300, 80)
    found = augmenter(time_masks=2, band_masks=2).masked(features, rng(3))
    changed = found != features
    assert changed.all(axis=1).any()
    assert changed.all(axis=0).any()


@pytest.mark.parametrize("snr", [0.0, 10.0, 25.0])
@pytest.mark.parametrize("recorded", [False, True])
def test_noise_is_as_loud_as_told(snr: float, recorded: bool) -> None:
    """Against speech without a pause."""
    mel = np.full((2000, 80), -1.0, np.float32)
    spec = Augment.model_validate(PLAIN.model_dump() | {"noise": 1.0, "snr": (snr, snr)})
    recordings = [mel_of(rng(1).normal(0, 0.3, SAMPLE_RATE))] if recorded else []
    found = Augmenter(spec, 80, recordings).place(mel, rng(5))
    noise = (10.0 ** found.astype(np.float64) - 10.0**mel).sum(axis=1).mean()
    assert decibels(power(mel) / noise) == pytest.approx(snr, abs=0.1)


def test_pauses_do_not_make_noise_softer() -> None:
    """The level of speech is that of its loud frames: of the same noise at the same SNR as much."""
    loud = np.full((1000, 80), -1.0, np.float32)
    paused = loud.copy()
    paused[::2] = SILENCE
    heard = [augmenter(noise=1.0, snr=(10, 10)).place(mel, rng(2))[::2] for mel in (loud, paused)]
    noise = power(heard[0]) - power(loud), power(heard[1])
    assert noise[1] == pytest.approx(noise[0], rel=0.01)


def test_a_telephone_has_no_treble_and_leaves_the_middle() -> None:
    mel = np.full((50, 80), 0.0, np.float32)
    for seed in range(20):
        heard = augmenter(telephone=1.0).place(mel, rng(seed))
        np.testing.assert_allclose(heard[:, CENTERS > 4000], SILENCE)
        middle = (CENTERS > 300) & (CENTERS < 3400)
        np.testing.assert_array_equal(heard[:, middle], mel[:, middle])
        assert (heard[:, CENTERS < 50] < -0.9).all()


def test_an_equalizer_lifts_and_lowers_a_little() -> None:
    mel = np.full((1, 80), -2.0, np.float32)
    curves = [augmenter(equalizer=0.4).place(mel, rng(seed))[0] + 2 for seed in range(300)]
    assert 0.05 < np.std(curves) < 0.4
    assert np.abs(curves).max() < 1.5
    assert np.abs(np.diff(curves, axis=1)).max() < 0.2  # smooth


@settings(deadline=None)
@given(gain=st.floats(-60, 20))
def test_a_gain_is_the_same_for_all(gain: float) -> None:
    mel = np.full((3, 80), -2.0, np.float32)
    found = augmenter(gain=(gain, gain)).place(mel, rng())
    np.testing.assert_allclose(found, -2 + gain / 10, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, length=st.integers(1, 200), level=st.floats(SILENCE, 3), spread=st.floats(0, 3))
def test_whatever_happens_is_sound(seed: int, length: int, level: float, spread: float) -> None:
    """Digital silence and a single frame too."""
    mel = np.maximum(rng(seed).normal(level, spread, (length, 80)), SILENCE).astype(np.float32)
    noises = [np.full((7, 80), -2.0, np.float32)]
    found = Augmenter(Augment(), 80, noises).place(mel, rng(seed))
    assert found.dtype == np.float32
    assert found.shape == mel.shape
    assert np.isfinite(found).all()
    assert found.min() >= SILENCE - DYNAMIC_RANGE / 255


def test_speech_is_still_there() -> None:
    """With all that a recipe does by default, what was loud is still louder than what was not."""
    mel = mel_of(speech())
    level = np.log10((10.0**mel).sum(axis=1))
    found = []
    for seed in range(40):
        heard = Augmenter(Augment(), 80).place(mel, rng(seed))
        found.append(np.corrcoef(level, np.log10((10.0**heard).sum(axis=1)))[0, 1])
    assert np.mean(found) > 0.8
    assert min(found) > 0.4


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 9999), length=st.integers(1, 1000), recorded=st.booleans())
def test_where_nobody_speaks_there_is_some_sound_or_none(
    seed: int, length: int, recorded: bool
) -> None:
    noises = [np.full((300, 80), -3.0, np.float32)] if recorded else []
    found = Augmenter(Augment(), 80, noises).non_speech(length, rng(seed))
    assert found.dtype == np.float32
    assert found.shape == (length, 80)
    assert np.isfinite(found).all()
    assert found.min() >= SILENCE


def test_noises_are_soft_and_loud_and_sometimes_none() -> None:
    made = [Augmenter(Augment(), 80).non_speech(100, rng(seed)) for seed in range(300)]
    tops = np.array([mel.max() for mel in made])
    assert 0.05 < np.mean(tops == SILENCE) < 0.15
    heard = tops[tops > SILENCE]
    assert np.percentile(heard, 10) < -2
    assert np.percentile(heard, 90) > 0


def test_a_recording_that_is_too_short_goes_on_from_its_beginning() -> None:
    recording = rng().normal(-2, 0.5, (30, 80)).astype(np.float32)
    made = [Augmenter(Augment(), 80, [recording]).non_speech(60, rng(seed)) for seed in range(30)]
    assert any(np.ptp(mel - np.tile(recording, (2, 1))) < 1e-4 for mel in made)


def test_the_same_seed_does_the_same() -> None:
    mel = mel_of(speech())
    one, two, other = (Augmenter(Augment(), 80).place(mel, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_at_the_foot_of_a_ramp_little_is_done() -> None:
    full = Augmenter(Augment(), 80)
    assert full.eased(1.0) == full
    mel, clean = mel_of(speech()), full.eased(0.0)
    for seed in range(20):
        heard = clean.place(mel, rng(seed))
        assert (
            np.ptp(heard - mel) < 1e-4 or heard.min() == SILENCE
        )  # louder or softer, else as it was
        np.testing.assert_array_equal(clean.masked(heard, rng(seed)), heard)


def test_halfway_up_a_ramp_half_is_done() -> None:
    spec = Augment(noise=0.6, snr=(0.0, 30.0), telephone=0.4, time_masks=2, band_masks=1)
    half = Augmenter(spec, 80).eased(0.5).spec
    assert (half.noise, half.telephone, half.snr) == (0.3, 0.2, (15.0, 30.0))
    assert (half.time_masks, half.gain, half.speed) == (1, spec.gain, spec.speed)

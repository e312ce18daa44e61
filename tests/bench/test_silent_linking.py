from __future__ import annotations

import numpy as np
import pytest

from sotto.bench.clips import Clip
from sotto.bench.silent.linking import IMAGE, PRETRAINED, RAW, SOUND, Lineup
from sotto.bench.silent.trials import equal_error_rate, rated
from sotto.bench.silent.voiceprint import Voiceprint


def eer(same, different):
    scores = np.array([*same, *different], np.float64)
    truth = np.arange(len(scores)) < len(same)
    return equal_error_rate(scores, truth, np.ones(len(scores)))


@pytest.mark.parametrize(
    ("same", "different", "rate"),
    [
        ([3, 4, 5], [0, 1, 2], 0.0),
        ([0, 1, 2], [3, 4, 5], 1.0),
        ([1, 1, 1], [1, 1, 1], 0.5),
        ([4, 3, 2, 0], [5, 1, 1, 1], 0.25),
        ([1, 3, 5, 7], [0, 2, 4, 6], 0.5),
        ([9], [0] * 100, 0.0),
    ],
)
def test_the_equal_error_rate_of_known_scores(same, different, rate):
    assert eer(same, different) == pytest.approx(rate)


def test_two_gaussians_have_the_rate_of_the_textbook():
    rng = np.random.default_rng(1)
    same, different = rng.normal(2, 1, 40_000), rng.normal(0, 1, 40_000)
    assert eer(same, different) == pytest.approx(0.1587, abs=0.005)  # Φ(-1)


def test_weights_are_repetitions():
    scores, same = np.array([5.0, 4, 3, 2, 1]), np.array([True, False, True, True, False])
    weights = np.array([1.0, 2, 3, 1, 2])
    often = weights.astype(int)
    repeated = equal_error_rate(scores.repeat(often), same.repeat(often), np.ones(often.sum()))
    assert equal_error_rate(scores, same, weights) == pytest.approx(repeated)


def test_trials_are_each_pair_once_and_the_interval_holds_the_rate():
    rng = np.random.default_rng(2)
    speakers = [f"s{i // 4}" for i in range(40)]
    place = np.array([int(name[1:]) for name in speakers])
    scores = (place[:, None] == place) * 1.5 + rng.normal(0, 1, (40, 40))
    rate = rated(scores, speakers)
    assert (rate.same, rate.different) == (10 * 6, 40 * 39 // 2 - 60)
    assert 0 < rate.low < rate.eer < rate.high < 0.5


def voices(count, seed, frames=120):
    """Clips of made-up speakers: each has a spectrum of its own, which every frame is near."""
    rng = np.random.default_rng(seed)
    place = np.linspace(0, np.pi, 80)
    waves = np.cos(np.outer(np.arange(1, 9), place))
    mels, names = [], []
    for speaker in range(count):
        own = 0.5 * rng.normal(size=8) @ waves
        for _ in range(5):
            moving = rng.normal(size=(frames, 8)) @ waves * 0.7
            mels.append((own + moving - 1).astype(np.float32))
            names.append(f"{seed}-{speaker}")
    return mels, names


@pytest.fixture(scope="module")
def taught():
    mels, names = voices(24, 1)
    return Voiceprint.taught(mels, names, centered=False)


def test_speakers_who_were_never_heard_are_told_apart(taught):
    mels, names = voices(12, 2)
    assert rated(taught.scores(mels), names).eer < 0.1


def test_who_has_no_voice_of_his_own_is_not(taught):
    mels, names = voices(12, 2)
    rng = np.random.default_rng(0)
    assert rated(taught.scores(mels), rng.permutation(names).tolist()).eer > 0.35


def test_scores_are_the_same_both_ways(taught):
    scores = taught.scores(voices(3, 3)[0])
    np.testing.assert_allclose(scores, scores.T, atol=1e-6)


def test_without_its_mean_a_clip_does_not_tell_its_level():
    mels, names = voices(8, 4)
    centered = Voiceprint.taught(mels, names, centered=True)
    louder = [mel + 0.5 for mel in mels]
    np.testing.assert_allclose(centered.scores(mels), centered.scores(louder), atol=0.05)


def hum(speaker, take):
    """A made-up voice: a pitch, two resonances, and noise."""
    rng = np.random.default_rng([speaker, take])
    time = np.arange(16_000) / 16_000
    pitch = 90 + 13 * speaker
    tones = sum(
        np.sin(2 * np.pi * pitch * k * time) / (1 + abs(k - 5 - speaker % 4)) for k in range(1, 30)
    )
    loud = np.interp(time, np.linspace(0, 1, 9), rng.uniform(0.3, 1, 9))
    return (0.05 * tones * loud + 0.002 * rng.normal(size=16_000)).astype(np.float32)


def test_every_form_is_put_before_every_attacker():
    def clips(speakers):
        return [
            Clip("hums", f"{speaker}-{take}", "hm", f"{speaker}", "en", hum(speaker, take))
            for speaker in speakers
            for take in range(3)
        ]

    def by_ear(samples):
        return np.abs(np.fft.rfft(samples[:8_000]))[:400].astype(np.float32)

    found = Lineup(clips(range(8)), clips(range(8, 12)), 2, by_ear).results()
    rows = [(one.form, one.attacker) for one in found]
    assert len(set(rows)) == len(rows) == 6 + 2 + 4
    assert {attacker for _, attacker in rows} == {SOUND, IMAGE, PRETRAINED}
    for one in found:
        assert (one.set, one.speakers, one.clips) == ("hums", 4, 12)
        assert (one.rate.same, one.rate.different) == (12, 54)
    assert next(one for one in found if one.form == RAW).rate.eer < 0.3

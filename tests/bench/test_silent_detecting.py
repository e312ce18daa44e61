from __future__ import annotations

import numpy as np
import pytest

from sotto.audio.format import HOP
from sotto.bench.clips import Clip
from sotto.bench.silent.detecting import CLEAN, RATIOS, Ruler, by_eye, compare, false_alarms
from sotto.bench.silent.scenes import BEFORE, scene, speech_in_clean, stretches


def burst(*places, length=300):
    """Frames of a loud tone in near silence."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1e-4, length * HOP)
    for start, end in places:
        time = np.arange((end - start) * HOP)
        samples[start * HOP : end * HOP] += 0.3 * np.sin(time / 5) * np.sin(time / 700) ** 2
    return samples.astype(np.float32)


def clip(samples):
    return Clip("made", "tone", "la", "nobody", "en", samples)


def labels(text):
    return np.array([sign == "#" for sign in text])


@pytest.mark.parametrize(
    ("text", "pause", "found"),
    [
        ("", 1, []),
        ("....", 1, []),
        ("##..", 1, [(0, 2)]),
        (".#.##", 1, [(1, 2), (3, 5)]),
        (".#.##", 2, [(1, 5)]),
        ("#..#", 2, [(0, 1), (3, 4)]),
    ],
)
def test_stretches(text, pause, found):
    assert stretches(labels(text), pause) == found


def test_labels_are_where_the_energy_is():
    spoken = speech_in_clean(burst((50, 120), (200, 260)))
    (first, second) = stretches(spoken)
    for got, meant in ((first, (50, 120)), (second, (200, 260))):
        assert np.abs(np.subtract(got, meant)).max() <= 5


def test_a_click_is_no_speech_and_a_short_pause_is_no_end():
    assert stretches(speech_in_clean(burst((20, 21), (100, 150), (165, 220))))[0][0] > 90
    assert len(stretches(speech_in_clean(burst((100, 150), (165, 220))))) == 1


def test_a_scene_has_quiet_around_the_clip_and_noise_at_its_level():
    own = clip(burst((50, 150)))
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 64_000).astype(np.float32)
    plain, noisy = scene(own, None, 0, rng), scene(own, noise, 10.0, rng)
    assert len(plain.speech) == 300 + 2 * BEFORE == len(plain.samples) // HOP
    np.testing.assert_array_equal(plain.speech, noisy.speech)
    added = noisy.samples - plain.samples
    spoken = plain.samples.reshape(-1, HOP)[plain.speech]
    assert 10 * np.log10((spoken**2).mean() / (added**2).mean()) == pytest.approx(10, abs=1)


def test_speech_is_on_from_where_it_opens_until_it_is_released():
    told = np.array([0, 0.3, 0.3, 0.6, 0.3, 0.3, 0.1, 0.3, 0.1], np.float32)
    ruler = Ruler("told", lambda samples: told, 0.5, 0.25)
    np.testing.assert_array_equal(ruler.finds(told), labels("...###..."))


def test_a_perfect_detector_makes_no_error_and_a_late_one_is_told():
    own = clip(burst((50, 150)))
    truth = np.pad(speech_in_clean(own.samples), BEFORE).astype(np.float32)
    ways = [
        Ruler("perfect", lambda samples: truth, 0.5, 0.5),
        Ruler("late", lambda samples: np.roll(truth, 7), 0.5, 0.5),
        Ruler("deaf", lambda samples: truth * 0, 0.5, 0.5),
    ]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 64_000).astype(np.float32)
    found = compare([own], [noise], ways)
    assert [one.noise for one in found[::3]] == [CLEAN, *(f"{ratio:g} dB" for ratio in RATIOS)]
    perfect, late, deaf = found[:3]
    assert (perfect.precision, perfect.recall, perfect.missed) == (1, 1, 0)
    assert (perfect.onset, perfect.end, perfect.late) == ((0, 0), (0, 0), (0, 0))
    assert (late.onset, late.end, late.late) == ((70, 70), (70, 70), (70, 70))
    assert late.precision == late.recall < 1
    assert (deaf.recall, deaf.missed, deaf.onset) == (0, 1, (0, 0))


def test_alarms_are_counted_by_the_minute():
    told = np.zeros(6_000, np.float32)
    told[100:200] = told[210:300] = told[4_000:4_100] = 1
    (found,) = false_alarms(
        [np.zeros(6_000 * HOP, np.float32)], [Ruler("x", lambda samples: told, 0.5, 0.5)]
    )
    assert (found.minutes, found.alarms) == (1, 2)
    assert found.share == pytest.approx(290 / 6_000)


def test_the_eye_gives_one_value_for_each_frame():
    assert by_eye(burst((50, 150))).shape == (300,)

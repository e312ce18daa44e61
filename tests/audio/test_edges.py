from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sotto.audio.chunk import Mel
from sotto.audio.edges import MAJORITY, OPENS, EdgeOptions, heard_in, speech_in
from sotto.audio.mel import normalize

BANDS = 80
QUIET = -6.0
STEP = 4 * 0.25
"""Of raw mel: one frame's jump of 0.25 normalized, whose gradient is 4 × 0.25 = 1 > 0.98."""


def stripes(n: int, *, bands: int, frames: slice = slice(None)) -> Mel:
    """Every other pair of frames is louder, in so many bands from the tenth on."""
    mel = np.full((n, BANDS), QUIET, np.float32)
    loud = np.zeros(n, np.bool_)
    loud[frames] = (np.arange(n)[frames] // 2) % 2 == 1
    mel[loud, 10 : 10 + bands] += STEP
    return mel


def plainly(mel: Mel, options: EdgeOptions) -> list[float]:
    """The rule as it is told, one frame and one band after the other; what it says no to has its
    degree."""
    values = normalize(mel).astype(np.float64)
    n, n_mels = values.shape
    crossed = [0] * n
    for x in range(1, n - 1):
        count = 0
        for y in range(options.min_mel + 1, n_mels - 1):
            near = values[x - 1 : x + 2, y - 1 : y + 2]
            along = (near[2] - near[0]) @ [1, 2, 1]
            across = [1, 2, 1] @ (near[:, 2] - near[:, 0])
            count += bool(along**2 + across**2 >= options.min_energy**2)
        crossed[x] = count
    if n >= 3:
        crossed[0], crossed[-1] = crossed[1], crossed[-2]
    votes, degrees = [], []
    for x in range(n):
        around = crossed[max(x - options.reach, 0) : x + options.reach + 1]
        votes.append(2 * sum(count >= options.min_y for count in around) >= len(around))
        degrees.append(sum(min(count / options.min_y, 2) for count in around) / len(around) / 2)
    runs = [False] * n
    for x in range(n - options.min_x + 1):
        if all(votes[x : x + options.min_x]):
            runs[x : x + options.min_x] = [True] * options.min_x
    return [max(degree, 0.5 * run) for degree, run in zip(degrees, runs, strict=True)]


@settings(deadline=None, max_examples=20)
@given(
    mel=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.just(BANDS)),
        # steps of 1/4 normalized, so that no gradient lies just at the threshold
        elements=st.sampled_from([-8.0, -7.0, -6.0, -5.0, -4.0]),
        fill=st.sampled_from([-8.0, -6.0]),
    ),
    options=st.builds(
        EdgeOptions,
        min_y=st.sampled_from([1, 11, 40]),
        min_mel=st.integers(0, 9),
        reach=st.integers(0, 6),
        min_x=st.integers(1, 7),
    ),
)
def test_it_is_the_rule(mel: Mel, options: EdgeOptions) -> None:
    speech = speech_in(mel, options)
    assert speech.tolist() == pytest.approx(plainly(mel, options), abs=1e-6)
    assert ((speech >= 0) & (speech <= 1)).all()


def test_enough_bands_are_speech_and_one_less_is_not() -> None:
    # of the outermost bands of a stripe only three quarters of the gradient are along time: 0.75
    least = [speech_in(stripes(60, bands=bands)).min() for bands in (12, 13)]
    assert least[0] < MAJORITY <= least[1]
    assert speech_in(stripes(60, bands=10)).max() < MAJORITY


def test_the_lowest_bands_do_not_count() -> None:
    mel = np.full((60, BANDS), QUIET, np.float32)
    mel[(np.arange(60) // 2) % 2 == 1, :12] += STEP
    assert speech_in(mel).max() < MAJORITY
    assert speech_in(mel, EdgeOptions(min_mel=0)).max() >= MAJORITY


def test_speech_has_its_place() -> None:
    speech = speech_in(stripes(200, bands=40, frames=slice(80, 120)))
    assert speech[84:116].min() >= MAJORITY
    assert speech[:74].max() == speech[126:].max() == 0


def test_a_click_is_no_speech() -> None:
    mel = np.full((60, BANDS), QUIET, np.float32)
    mel[30] += 4 * STEP
    assert speech_in(mel).max() < MAJORITY


def test_more_bands_are_more_probable() -> None:
    means = [speech_in(stripes(60, bands=bands)).mean() for bands in (0, 4, 8, 16, 40)]
    assert means[0] == 0
    assert means == sorted(means)
    assert means[-1] == 1


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_short_ones_have_an_answer(frames: int) -> None:
    assert speech_in(np.full((frames, BANDS), QUIET, np.float32)).tolist() == [0.0] * frames


def test_long_ones_are_judged_as_short_ones() -> None:
    """4,096 frames are looked at at once: nothing shows at the seams."""
    mel = stripes(9_000, bands=40, frames=slice(4_000, 8_300))
    cut = slice(3_900, 8_400)
    np.testing.assert_array_equal(speech_in(mel)[4_000:8_300], speech_in(mel[cut])[100:-100])
    assert speech_in(mel)[4_010:8_290].min() >= MAJORITY


def test_where_nothing_looks_like_speech_all_is_doubtful() -> None:
    flat = np.full((50, BANDS), QUIET, np.float32)
    assert set(heard_in(flat).speech.tolist()) == {OPENS}
    mel = stripes(200, bands=40, frames=slice(80, 120))
    np.testing.assert_array_equal(heard_in(mel).speech, speech_in(mel))

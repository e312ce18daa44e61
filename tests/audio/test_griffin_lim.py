from __future__ import annotations

import numpy as np
import pytest

from sotto.audio.format import HOP, SAMPLE_RATE
from sotto.audio.griffin_lim import rebuilt, spread
from sotto.audio.mel import SILENCE, mel_filters
from sotto.bench.clips import spectrogram
from sotto.bench.silent.codecs import heard_again
from tests.speech import CLIP


@pytest.fixture(scope="module")
def mel():
    return spectrogram(heard_again(CLIP.read_bytes())[16_000:64_000], 80)


def test_lines_sum_up_to_the_bands(mel):
    lines = spread(mel)
    assert lines.shape == (len(mel), 201)
    assert lines.min() > 0
    bands = np.log10(lines @ mel_filters(80).T.astype(np.float64))
    assert np.abs(bands - mel)[mel > -3].mean() < 0.03


def test_each_iteration_comes_closer(mel):
    def off(iterations):
        again = spectrogram(rebuilt(mel, iterations), 80)
        return np.abs(again - mel)[mel > -2].mean()

    at_first, later, at_last = off(0), off(4), off(32)
    assert at_last < later < at_first
    assert at_last < 0.1


def test_a_tone_keeps_its_pitch():
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.4 * np.sin(2 * np.pi * 700 * time)).astype(np.float32)
    again = rebuilt(spectrogram(tone, 80))
    spectrum = np.abs(np.fft.rfft(again[4_000:12_000]))
    assert abs(float(spectrum.argmax()) * 2 - 700) < 30


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 50])
def test_there_are_as_many_hops_as_frames(frames):
    quiet = np.full((frames, 80), SILENCE, np.float32)
    again = rebuilt(quiet, 2)
    assert len(again) == frames * HOP
    assert np.abs(again).max(initial=0) < 1e-3


def test_it_is_never_louder_than_a_file_can_hold():
    assert np.abs(rebuilt(np.full((20, 80), 5.0, np.float32), 2)).max() <= 1

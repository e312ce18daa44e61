"""Silero and the fake detector keep the detectors' contract; Silero hears speech."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import HOP, SAMPLE_RATE, Samples
from sotto.interfaces.detector import DetectorFactory
from sotto.plugins.vad.silero import Silero
from sotto.testing.detector_contract import DetectorContract, changing_sound, listen, pieces
from sotto.testing.detectors import Loudness

SILERO = Silero()
DATA = Path(__file__).parents[2] / "../shared/data"
SOUND = changing_sound(2)


class TestSilero(DetectorContract):
    def factory(self) -> DetectorFactory:
        return SILERO


class TestLoudness(DetectorContract):
    def factory(self) -> DetectorFactory:
        return Loudness()


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=30), length=st.integers(0, len(SOUND)))
def test_cutting_does_not_matter(cuts: list[int], length: int) -> None:
    sound = SOUND[:length]
    whole = listen(SILERO(), [sound])
    cut = listen(SILERO(), np.split(sound, sorted(cuts)))
    assert len(whole) == length // HOP
    np.testing.assert_allclose(cut, whole, rtol=0, atol=1e-5)


def test_a_frame_takes_the_window_of_its_middle_sample() -> None:
    speech = listen(SILERO(), [SOUND])
    windows = (np.arange(len(speech)) * HOP + HOP // 2) // 512
    for window in range(windows[-1] + 1):
        assert len(set(speech[windows == window])) == 1
    assert len(set(speech)) == windows[-1] + 1


def test_long_pieces_equal_short_ones() -> None:
    sound = changing_sound(20)
    np.testing.assert_allclose(
        listen(SILERO(), [sound]), listen(SILERO(), pieces(sound, 1_600)), rtol=0, atol=1e-5
    )


def test_silence_and_noise_are_no_speech() -> None:
    noise = np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE).astype(np.float32) * 0.05
    assert listen(SILERO(), [np.zeros(5 * SAMPLE_RATE, np.float32)]).max() < 0.1
    assert np.median(listen(SILERO(), [noise])) < 0.1


def test_loudness_marks_the_loud_frames() -> None:
    sound = np.zeros(1_600, np.float32)
    sound[480:800] = 0.5
    assert listen(Loudness()(), [sound]).tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def recording(folder: str, **wanted: object) -> Samples:
    """The first recording of a manifest that has these fields, at 16 kHz."""
    if not DATA.is_dir():
        pytest.skip("the labelled speech is not beside this checkout")
    lines = (DATA / folder / "manifest.jsonl").read_text().splitlines()
    items = [json.loads(line) for line in lines]
    path = next(item["path"] for item in items if wanted.items() <= item.items())
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(DATA / folder / path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.data
def test_real_speech_is_speech() -> None:
    speech = listen(SILERO(), pieces(recording("ljspeech"), 1_600))
    assert (speech > 0.5).mean() > 0.6
    assert speech[:5].max() < 0.5, "the recording begins with silence"


@pytest.mark.data
def test_real_noise_is_not() -> None:
    speech = listen(SILERO(), pieces(recording("noise", kind="noise"), 1_600))
    assert (speech > 0.5).mean() < 0.2


@pytest.mark.parametrize("cut", [160, 1_600, 100_000])
def test_long_digital_silence_is_not_judged_and_changes_nothing_by_how_it_is_cut(cut: int) -> None:
    quiet = np.zeros(7 * SAMPLE_RATE, np.float32)
    sound = np.concatenate([SOUND, quiet, SOUND, quiet])
    whole = listen(SILERO(), [sound])
    speech = listen(SILERO(), pieces(sound, cut))
    np.testing.assert_allclose(speech, whole, rtol=0, atol=1e-5)
    silent = speech[200 + 500 : 200 + 690]
    assert silent.max() < 0.01
    assert len(set(silent)) == 1, "expected the last probability to stand"

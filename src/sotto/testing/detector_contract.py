"""What every Detector must do, as tests that any implementation can be run through.

In a test module:

    class TestMine(DetectorContract):
        def factory(self) -> DetectorFactory:
            return Mine()
"""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sotto.audio.chunk import Speech
from sotto.audio.format import HOP, SAMPLE_RATE, Samples
from sotto.interfaces.detector import Detector, DetectorFactory

TOLERANCE = 1e-4
"""Probabilities may differ by this much between cuttings; sums in another order do."""


def pieces(samples: Samples, length: int) -> list[Samples]:
    """The samples in pieces of one length; the last may be shorter."""
    return [samples[at : at + length] for at in range(0, len(samples), length)]


def listen(detector: Detector, parts: Iterable[Samples]) -> Speech:
    """All that the detector says about a stream that is cut in this way."""
    return np.concatenate([*(detector.receive(part) for part in parts), detector.finish()])


def changing_sound(seconds: float, seed: int = 0) -> Samples:
    """A buzz and noise that come and go four times a second, so that detectors have to decide."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    buzz = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12))
    sound = (0.1 * buzz + 0.02 * noise) * (np.sin(2 * np.pi * 2 * time) > 0)
    return sound.astype(np.float32)


class DetectorContract:
    """Subclass it and say what to test in `factory`."""

    def factory(self) -> DetectorFactory:
        """What makes the detectors under test."""
        raise NotImplementedError("expected a subclass with a factory, got the contract itself")

    def test_gives_one_value_for_each_whole_frame(self) -> None:
        make = self.factory()
        for n in (0, 1, 79, 80, 81, 159, 160, 161, 511, 512, 513, 592, 593, 4_000, 16_079, 16_080):
            sound = changing_sound(2)[:n]
            assert len(listen(make(), [sound])) == n // HOP, f"{n} samples at once"
            assert len(listen(make(), pieces(sound, 37))) == n // HOP, f"{n} samples by 37"

    def test_never_runs_ahead_of_the_sound(self) -> None:
        detector = self.factory()()
        heard = told = 0
        for part in pieces(changing_sound(1), 97):
            heard += len(part)
            told += len(detector.receive(part))
            assert told <= heard // HOP

    def test_does_not_hold_back_for_long(self) -> None:
        told = len(self.factory()().receive(changing_sound(2)))
        assert told >= 200 - 50, "expected at most half a second to be held back"

    def test_gives_probabilities(self) -> None:
        speech = listen(self.factory()(), [changing_sound(3)])
        assert speech.dtype == np.float32
        assert speech.ndim == 1
        assert ((speech >= 0) & (speech <= 1)).all()

    def test_does_not_depend_on_how_the_stream_is_cut(self) -> None:
        make = self.factory()
        sound = changing_sound(3)
        whole = listen(make(), [sound])
        for length in (13, 160, 513, 1_600, 16_001):
            cut = listen(make(), pieces(sound, length))
            np.testing.assert_allclose(cut, whole, atol=TOLERANCE, err_msg=f"cut by {length}")

    def test_takes_empty_pieces(self) -> None:
        make = self.factory()
        sound, nothing = changing_sound(1), np.empty(0, np.float32)
        with_gaps = [nothing, sound[:700], nothing, nothing, sound[700:], nothing]
        np.testing.assert_allclose(
            listen(make(), with_gaps), listen(make(), [sound]), atol=TOLERANCE
        )

    def test_keeps_streams_apart(self) -> None:
        make = self.factory()
        sounds = [changing_sound(1, seed) * gain for seed, gain in ((1, 1.0), (2, 0.05))]
        alone = [listen(make(), [sound]) for sound in sounds]
        detectors = [make() for _ in sounds]
        told: list[list[Speech]] = [[] for _ in sounds]
        for parts in zip(*(pieces(sound, 800) for sound in sounds), strict=True):
            for detector, part, heard in zip(detectors, parts, told, strict=True):
                heard.append(detector.receive(part))
        for detector, heard, expected in zip(detectors, told, alone, strict=True):
            together = np.concatenate([*heard, detector.finish()])
            np.testing.assert_allclose(together, expected, atol=TOLERANCE)

    def test_hears_streams_together_as_it_hears_each(self) -> None:
        make = self.factory()
        sounds = [changing_sound(1.5, seed)[seed * 100 :] for seed in range(5)]
        alone = [listen(make(), [sound]) for sound in sounds]
        detectors = [make() for _ in sounds]
        cut = [pieces(sound, 700 + 160 * place) for place, sound in enumerate(sounds)]
        told: list[list[Speech]] = [[] for _ in sounds]
        for step in range(max(map(len, cut))):
            there = [place for place, parts in enumerate(cut) if step < len(parts)]
            heard = make.receive_all(
                [detectors[place] for place in there], [cut[place][step] for place in there]
            )
            for place, speech in zip(there, heard, strict=True):
                told[place].append(speech)
        for detector, parts, expected in zip(detectors, told, alone, strict=True):
            together = np.concatenate([*parts, detector.finish()])
            np.testing.assert_allclose(together, expected, atol=TOLERANCE)

    def test_streams_may_run_in_threads(self) -> None:
        make = self.factory()
        sounds = [changing_sound(1, seed) for seed in range(8)]
        alone = [listen(make(), pieces(sound, 800)) for sound in sounds]
        with ThreadPoolExecutor(4) as pool:
            together = pool.map(lambda sound: listen(make(), pieces(sound, 800)), sounds)
            for heard, expected in zip(together, alone, strict=True):
                np.testing.assert_allclose(heard, expected, atol=TOLERANCE)

    def test_leaves_the_samples_as_they_are(self) -> None:
        sound = changing_sound(1)
        before = sound.copy()
        sound.flags.writeable = False
        listen(self.factory()(), pieces(sound, 1_000))
        np.testing.assert_array_equal(sound, before)

"""Where speech is found: by ear (Silero) and by eye (Sobel), against the same labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sotto.audio.chunk import Speech
from sotto.audio.edges import MAJORITY, OPENS, RELEASES, EdgeStream
from sotto.audio.format import FRAMES_PER_SECOND, HOP, Samples
from sotto.bench.clips import Clip, spectrogram
from sotto.bench.silent.scenes import Labels, Scene, Stretch, scene, stretches
from sotto.interfaces.detector import DetectorFactory

CLEAN = "clean"
RATIOS = (20.0, 10.0, 5.0)
"""dB of speech over noise."""
MILLISECONDS = 1000 // FRAMES_PER_SECOND
PAUSE = 30
"""Frames: what a detector finds less than this apart is one stretch."""


@dataclass(frozen=True)
class Ruler:
    """A detector, and the probabilities at which its speech begins and ends."""

    name: str
    listen: Callable[[Samples], Speech]
    opens: float
    releases: float

    def finds(self, samples: Samples) -> Labels:
        """bool[n]: speech is on from a frame that opens it until one that releases it."""
        speech = self.listen(samples)
        found = np.zeros(len(speech), np.bool_)
        for start, end in stretches(speech >= self.releases):
            above = np.flatnonzero(speech[start:end] >= self.opens)
            if len(above):
                found[start + above[0] : end] = True
        return found


@dataclass(frozen=True)
class Found:
    """One detector in one noise."""

    detector: str
    noise: str
    precision: float
    recall: float
    """Of frames, 0..1."""
    onset: tuple[float, float]
    """ms, however early or late, of the first speech in a scene: median and 90th percentile."""
    end: tuple[float, float]
    """The same of the last."""
    late: tuple[float, float]
    """ms: the medians of onset and end with their signs; above zero is late."""
    missed: float
    """Of stretches of speech, 0..1, in which nothing was found."""
    stretches: int


@dataclass(frozen=True)
class FalseAlarms:
    """One detector where nobody speaks."""

    detector: str
    minutes: float
    alarms: float
    """A minute."""
    share: float
    """Of frames taken for speech."""


def rulers(detectors: DetectorFactory, opens: float, releases: float) -> list[Ruler]:
    """By ear with the server's thresholds; by eye with the original's and with ours."""

    def by_ear(samples: Samples) -> Speech:
        detector = detectors()
        return np.concatenate([detector.receive(samples), detector.finish()])

    return [
        Ruler(f"Silero, {opens:g} / {releases:g}", by_ear, opens, releases),
        Ruler(f"Sobel, {MAJORITY:g}", by_eye, MAJORITY, MAJORITY),
        Ruler(f"Sobel, {OPENS:g} / {RELEASES:g}", by_eye, OPENS, RELEASES),
    ]


def by_eye(samples: Samples) -> Speech:
    """float32[n], of the spectrogram with 80 bands."""
    edges = EdgeStream(80)
    mel = spectrogram(samples, 80)
    return np.concatenate([edges.receive(mel), edges.release()])


def compare(
    clips: Sequence[Clip],
    noises: Sequence[Samples],
    rulers: Sequence[Ruler],
    tell: Callable[[], None] = lambda: None,
) -> list[Found]:
    """All detectors on the same scenes: clean, and under each noise in turn."""
    found = []
    for name, scenes in _all_scenes(clips, noises):
        found += [_judged(ruler, name, scenes) for ruler in rulers]
        tell()
    return found


def false_alarms(noises: Sequence[Samples], rulers: Sequence[Ruler]) -> list[FalseAlarms]:
    """Of noises alone."""
    made = []
    for ruler in rulers:
        labels = [ruler.finds(noise) for noise in noises]
        frames = sum(map(len, labels))
        minutes = frames / FRAMES_PER_SECOND / 60
        alarms = sum(len(stretches(one, PAUSE)) for one in labels)
        share = sum(int(one.sum()) for one in labels) / frames
        made.append(FalseAlarms(ruler.name, minutes, alarms / minutes, share))
    return made


def _all_scenes(
    clips: Sequence[Clip], noises: Sequence[Samples]
) -> Iterator[tuple[str, list[Scene]]]:
    rng = np.random.default_rng(0)
    yield CLEAN, [scene(clip, None, 0.0, rng) for clip in clips]
    for ratio in RATIOS if noises else ():
        turns = (noises[number % len(noises)] for number in range(len(clips)))
        yield (
            f"{ratio:g} dB",
            [scene(clip, noise, ratio, rng) for clip, noise in zip(clips, turns, strict=True)],
        )


def _judged(ruler: Ruler, noise: str, scenes: Sequence[Scene]) -> Found:
    right = said = there = missed = parts = 0
    ends: list[Stretch] = []
    for one in scenes:
        found = ruler.finds(one.samples[: len(one.speech) * HOP])
        right += int((found & one.speech).sum())
        said += int(found.sum())
        there += int(one.speech.sum())
        spoken = stretches(one.speech)
        missed += sum(not found[start:end].any() for start, end in spoken)
        parts += len(spoken)
        ends += _ends(spoken, stretches(found, PAUSE))
    onsets, offsets = [first for first, _ in ends], [last for _, last in ends]
    return Found(
        detector=ruler.name,
        noise=noise,
        precision=right / said if said else 1.0,
        recall=right / there if there else 1.0,
        onset=_errors(onsets),
        end=_errors(offsets),
        late=(_median(onsets), _median(offsets)),
        missed=missed / parts if parts else 0.0,
        stretches=parts,
    )


def _ends(spoken: Sequence[Stretch], found: Sequence[Stretch]) -> list[Stretch]:
    """Frames by which the first onset and the last end of a scene come late, if it was found."""
    if not spoken:
        return []
    first, last = spoken[0][0], spoken[-1][1]
    over = [one for one in found if one[0] < last and first < one[1]]
    return [(over[0][0] - first, over[-1][1] - last)] if over else []


def _errors(frames: Sequence[int]) -> tuple[float, float]:
    """ms: median and 90th percentile of the distance."""
    if not frames:
        return 0.0, 0.0
    median, most = np.percentile(np.abs(frames), [50, 90])
    return float(median) * MILLISECONDS, float(most) * MILLISECONDS


def _median(frames: Sequence[int]) -> float:
    return float(np.median(frames)) * MILLISECONDS if frames else 0.0

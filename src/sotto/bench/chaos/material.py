"""What clients say where no labelled speech is given: the digits of the clip that ships."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from sotto.audio.format import HOP, SAMPLE_RATE
from sotto.bench.clips import Clip, to_16_bits
from sotto.bench.streams.sound import sounding
from sotto.runtime.container import read_file

OWN = "nine two five eight three one"
NAME = "digits.flac"
AIR = SAMPLE_RATE // 20
"""Samples of the quiet around a digit that stay: 50 ms."""


def own_digits() -> list[Clip]:
    """A clip of each digit, cut where it is quietest between them. Raises BadAudio."""
    path = Path(str(resources.files("sotto") / "assets" / NAME))
    samples = np.concatenate(list(read_file(path)))
    begins, ends = sounding(samples)
    words = OWN.split()
    edges = [begins, *_quietest(samples[begins:ends], len(words) - 1, begins), ends]
    clips = []
    for word, start, end in zip(words, edges[:-1], edges[1:], strict=True):
        part = samples[start:end]
        first, last = sounding(part)
        tight = samples[max(start + first - AIR, 0) : start + last + AIR]
        clips.append(Clip("digits", word, word, "own", "en", to_16_bits(tight)))
    return clips


def _quietest(samples: np.ndarray, number: int, offset: int) -> list[int]:
    """The middles of the longest stretches of quiet, in order."""
    frames = samples[: len(samples) - len(samples) % HOP].reshape(-1, HOP).astype(np.float64)
    power = (frames**2).mean(axis=1)
    quiet = np.concatenate([[False], power < power.max() / 1_000, [False]])  # 30 dB, as `sounding`
    turns = np.flatnonzero(np.diff(quiet.astype(np.int8))).reshape(-1, 2)
    longest = sorted(turns.tolist(), key=lambda turn: turn[0] - turn[1])[:number]
    return sorted(offset + HOP * (first + last) // 2 for first, last in longest)

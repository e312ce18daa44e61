"""Clips in memory, and the messages that a client makes of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import HOP, SAMPLE_RATE, Samples, exact_div
from sotto.bench.clips import S16, Clip
from sotto.bench.streams.plan import Spoken, Track, Utterance
from sotto.errors import BadOption
from sotto.training.evaluation.scoring import normalize

Pcm: TypeAlias = NDArray[np.int16]
"""int16[n], mono, 16 kHz."""

MESSAGES_PER_SECOND = 10
MESSAGE = exact_div(SAMPLE_RATE, MESSAGES_PER_SECOND)  # 1600 samples, 0.1 s
QUIET = 30.0
"""Decibels below the loudest 10 ms of a clip under which it counts as quiet."""
MOST = 256 * 2**20
"""Bytes of all clips: the generator keeps them in memory."""


class Bank:
    """Clips of one or more sets."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        """Raises BadOption where there is none, or where they are too large together."""
        self.pcm = tuple(np.rint(clip.samples * S16).astype(np.int16) for clip in clips)
        self.spoken = tuple(spoken(clip) for clip in clips)
        if not clips:
            raise BadOption("data", "expected clips with words, got none")
        size = sum(pcm.nbytes for pcm in self.pcm)
        if size > MOST:
            raise BadOption(
                "data",
                f"expected at most {MOST / 2**20:g} MB of clips, got {size / 2**20:.0f} MB: "
                "--limit takes fewer",
            )

    def render(self, utterance: Utterance) -> Pcm:
        """One utterance alone, from its first clip to its last."""
        first = utterance.clips[0].at
        out = np.zeros(utterance.last - first, np.int16)
        for placed in utterance.clips:
            pcm = self.pcm[placed.clip]
            out[placed.at - first : placed.at - first + len(pcm)] = pcm
        return out


def spoken(clip: Clip) -> Spoken:
    """A clip's words as they are compared, and where its sound begins and ends."""
    begins, ends = sounding(clip.samples)
    return Spoken(tuple(normalize(clip.text).split()), len(clip.samples), begins, ends)


def sounding(samples: Samples) -> tuple[int, int]:
    """The first sample that is not quiet, and the one after the last, to 10 ms."""
    whole = len(samples) - len(samples) % HOP
    power = (samples[:whole].reshape(-1, HOP).astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power >= power.max(initial=0.0) / 10 ** (QUIET / 10))
    if not len(loud):
        return 0, len(samples)
    return int(loud[0]) * HOP, (int(loud[-1]) + 1) * HOP


class Tape:
    """A track in messages of 100 ms."""

    def __init__(self, pcm: Sequence[Pcm], track: Track) -> None:
        self._pcm = pcm
        placed = [placed for utterance in track.utterances for placed in utterance.clips]
        self._placed = sorted(placed, key=lambda one: one.at)
        self._starts = [one.at for one in self._placed]
        self._longest = max((len(pcm[one.clip]) for one in placed), default=0)
        self.messages = -(-track.length // MESSAGE)

    def message(self, number: int) -> Pcm:
        """Its samples; digital silence where nothing is said."""
        out = np.zeros(MESSAGE, np.int16)
        start = number * MESSAGE
        first = bisect_right(self._starts, start - self._longest)
        for place in range(first, bisect_right(self._starts, start + MESSAGE - 1)):
            one = self._placed[place]
            pcm = self._pcm[one.clip]
            low, high = max(one.at, start), min(one.at + len(pcm), start + MESSAGE)
            if low < high:
                out[low - start : high - start] += pcm[low - one.at : high - one.at]
        return out

    def __iter__(self) -> Iterator[Pcm]:
        return map(self.message, range(self.messages))


def long_file(bank: Bank, utterances: Iterable[Utterance], length: int) -> Pcm:
    """All utterances at their places in one sound of so many samples."""
    out = np.zeros(length, np.int16)
    for utterance in utterances:
        first = utterance.clips[0].at
        pcm = bank.render(utterance)
        out[first : first + len(pcm)] = pcm
    return out

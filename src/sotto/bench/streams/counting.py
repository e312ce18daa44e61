"""Lags by number: of models that say so many words for each second of sound, whatever they are.

A checkpoint of `make-shape` says words that nobody said, so none can be found again; but how many
should stand there by now is known. After Ma et al. 2019, "STACL: Simultaneous Translation with
Implicit Anticipation and Controllable Latency using Prefix-to-Prefix Framework" (average lagging),
and Papi et al. 2022, "Over-Generation Cannot Be Rewarded: Length-Adaptive Average Lagging for
Simultaneous Speech Translation": the j-th of n words of an utterance is late by the time from its
sound's end until as many words were committed. Who says a few more or less is not early or late
for that: j is scaled by what was said of the utterance, unless that is much less than of others.

Each utterance is counted by itself, from its start to the next one's: a word that is not there by
then is as late as the stream's end, or its last word. So where most words come later than that,
the lags say that they are late, and not how late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.client import Log
from sotto.bench.streams.hearing import Commit, listen, settled
from sotto.bench.streams.plan import Track, Utterance
from sotto.bench.streams.score import Findings

FEWER = 0.7
"""What an utterance must have of the share that is said of all, or words of it are missing."""
_ROUNDING = 1e-9


def by_number(findings: Findings, track: Track, log: Log, rate: float) -> Findings:
    """The same findings with lags by number. `rate`: words for each second of sound."""
    heard = listen(log.arrivals)
    committed = lags(track, heard.commits, rate)
    stayed = lags(track, settled(heard), rate)
    told = tuple(
        replace(one, lags=committed[one.where[1]], stayed=stayed[one.where[1]])
        for one in findings.told
    )
    return replace(findings, told=told)


def lags(track: Track, commits: Sequence[Commit], rate: float) -> list[tuple[float, ...]]:
    """Seconds, of each utterance's words."""
    dues = [due(utterance, rate) for utterance in track.utterances]
    asked = sum(map(len, dues))
    scale = len(commits) / asked if asked else 0.0
    end = max([track.length / SAMPLE_RATE, *(one.at for one in commits)])
    starts = [utterance.start / SAMPLE_RATE for utterance in track.utterances]
    found = []
    for own, (start, following) in zip(dues, pairwise([*starts, math.inf]), strict=True):
        times = [one.at for one in commits if start <= one.at < following]
        said = len(times) / len(own) if own else 0.0
        found.append(tuple(_lags(own, times, max(said, FEWER * scale), end)))
    return found


def _lags(dues: Sequence[float], times: Sequence[float], scale: float, end: float) -> list[float]:
    there = [math.ceil(number * scale - _ROUNDING) for number in range(1, len(dues) + 1)]
    return [
        (times[count - 1] if 0 < count <= len(times) else end) - due
        for due, count in zip(dues, there, strict=True)
    ]


def due(utterance: Utterance, rate: float) -> list[float]:
    """When each word that a model of such a rate should say was spoken; seconds of the stream."""
    stretches = [
        (word.start / SAMPLE_RATE, (word.end or utterance.end) / SAMPLE_RATE)
        for word in utterance.words
    ]
    if not all(word.end for word in utterance.words):  # one clip: its words lie anywhere in it
        stretches = [(utterance.start / SAMPLE_RATE, utterance.end / SAMPLE_RATE)]
    found: list[float] = []
    spoken = 0.0
    for start, end in stretches:
        while (len(found) + 1) / rate <= spoken + end - start + _ROUNDING:
            found.append(start + (len(found) + 1) / rate - spoken)
        spoken += end - start
    return found

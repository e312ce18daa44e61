"""From the decoder's attention to the times of words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import TypeAlias

from sotto.audio.format import FRAMES_PER_TOKEN

Span: TypeAlias = tuple[int, int]
"""First frame of a word, and the frame after its last one, since the window began."""

TYPICAL_WORD = 70
"""Frames: no language's words are longer than this on average."""
LONGEST = 2.0
"""Times the typical word; what is longer at a window's edge has silence glued to it."""


def word_spans(path: Sequence[tuple[int, int]], lengths: Sequence[int], frames: int) -> list[Span]:
    """When each word was said, in a window that has `frames` frames of sound.

    `path` is a warping path of (token, encoder position) pairs that visits every token in order
    and the end token after them: the position at which it first reaches a token is where that
    token begins, and where the one before it ends (Sakoe and Chiba 1978, "Dynamic Programming
    Algorithm Optimization for Spoken Word Recognition"). `lengths` are the words' numbers of
    tokens, together all but the end token. Spans do not overlap and never run backwards.
    """
    if not lengths:
        return []
    first: dict[int, int] = {}
    for token, position in path:
        first.setdefault(token, min(position * FRAMES_PER_TOKEN, frames))
    edges = [first[token] for token in accumulate(lengths, initial=0)]
    return _without_silence(list(pairwise(edges)))


def _without_silence(spans: list[Span]) -> list[Span]:
    """The path has to put silence before and after speech somewhere: it makes edge words long."""
    typical = min(median(end - start for start, end in spans), TYPICAL_WORD)
    longest = max(round(LONGEST * typical), FRAMES_PER_TOKEN)
    start, end = spans[0]
    spans[0] = (max(start, end - longest), end)
    start, end = spans[-1]
    spans[-1] = (start, min(end, start + longest))
    return spans


def means(values: Sequence[float], lengths: Sequence[int]) -> list[float]:
    """The mean of each run of values, where the runs have these lengths."""
    edges = accumulate(lengths, initial=0)
    return [sum(values[lo:hi]) / (hi - lo) for lo, hi in pairwise(edges)]

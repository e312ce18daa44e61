"""Windows of mel → what an encoder reads: which go together, padded to which length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES
from sotto.audio.mel import padded
from sotto.interfaces.engine import BUCKET, DecodeJob, Traits
from sotto.transcript.options import AudioContext

MARGIN = 256
"""Frames of silence after the sound that a checkpoint wants that was not trained without."""
FRAMES_A_POSITION = 2
"""Of the encoder."""
STRIP_FRAMES = 2_048
"""Of windows that a CPU's encoder takes at once, padding counted."""
ALIKE = 1.1
"""By which the longest window that others are padded to may be longer than the shortest."""
STRIP = 4
"""Windows, at most; more of them make none of them cheaper."""


@dataclass(frozen=True)
class Batch:
    """Jobs that the encoder takes at once."""

    context: AudioContext
    frames: int
    """The length to which all are padded; even, at most 3000."""
    places: tuple[int, ...]
    """Where in the list of jobs each of them was."""


def audio_context(job: DecodeJob, traits: Traits) -> AudioContext:
    """What the encoder is to be given: the job's own word, then its caller's, then the model's."""
    return job.audio_context or job.options.audio_context or traits.audio_context


def padded_length(frames: int, context: AudioContext, n_mels: int) -> int:
    """How many frames the encoder reads for so many frames of sound.

    Never those whose encoder positions are as many as the bands: CTranslate2 tells mel from what
    was encoded by the middle one of three dimensions alone, and would encode that again. With 80
    bands all windows of 1.45 to 1.6 s came out as nonsense.
    """
    if context is AudioContext.FULL:
        return WINDOW_FRAMES
    margin = MARGIN if context is AudioContext.MARGIN else 0
    length = -(-(frames + margin) // BUCKET) * BUCKET
    if length == n_mels * FRAMES_A_POSITION:
        length += BUCKET
    return min(length, WINDOW_FRAMES)


def batches(jobs: Sequence[DecodeJob], traits: Traits) -> list[Batch]:
    """The jobs in groups, in the order of their lengths.

    Padding changes what a checkpoint hears that was trained on exact lengths, so that of those
    only jobs of one padded length go together. Others are padded to the longest among them, which
    costs more than a larger group saves where their lengths differ by more than a tenth.
    """
    contexts = [audio_context(job, traits) for job in jobs]
    lengths = [
        padded_length(len(job.mel), context, traits.n_mels)
        for job, context in zip(jobs, contexts, strict=True)
    ]
    groups: dict[AudioContext, list[list[int]]] = {}
    for place in sorted(range(len(jobs)), key=lengths.__getitem__):
        context = contexts[place]
        alike = 1.0 if context is AudioContext.EXACT else ALIKE
        others = groups.setdefault(context, [])
        if others and lengths[place] <= alike * lengths[others[-1][0]]:
            others[-1].append(place)
        else:
            others.append([place])
    return [
        Batch(context, lengths[places[-1]], tuple(sorted(places)))
        for context, found in groups.items()
        for places in found
    ]


def strip_size(frames: int) -> int:
    """Windows of so many frames that a CPU's encoder best takes at once.

    It gains little by more, and what attention needs for them at a time leaves the caches: of a
    base model, four windows of 30 s took 6 times as long as one, and sixteen of a second twice as
    long as four times four (docs/decisions/0007-long-files.md).
    """
    return min(max(STRIP_FRAMES // frames, 1), STRIP)


def stack(mels: Sequence[Mel], frames: int) -> NDArray[np.float32]:
    """float32[batch, n_mels, frames]: padded with silence, clamped and scaled, bands first."""
    return np.ascontiguousarray(np.stack([padded(mel, frames).T for mel in mels]))

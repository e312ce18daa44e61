"""Examples → the tensors of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES, frames
from sotto.audio.mel import SILENCE, padded
from sotto.interfaces.engine import BUCKET
from sotto.training.config import Learning
from sotto.training.data.augment import Augmenter
from sotto.training.data.mixing import Example, LearningSet, Mixer, Rng
from sotto.training.data.targets import IGNORED, Segment, Target, Writer

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """Rows of about one length."""

    features: torch.Tensor
    """float32[rows, n_mels, frames], as an encoder reads them."""
    tokens: torch.Tensor
    """int64[rows, n]: what the decoder reads."""
    labels: torch.Tensor
    """int64[rows, n]: what it is to write."""
    texts: torch.Tensor
    """int64[all letters of the rows], one row's after the other's, for CTC."""
    text_lengths: torch.Tensor
    """int64[rows]."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Batches:
    """Every batch of a training by its number; what torch's DataLoader takes as a data set."""

    mixer: Mixer
    augmenter: Augmenter
    writer: Writer
    learning: Learning

    def __getitem__(self, number: int) -> Batch:
        examples = self.mixer.batch(number)
        augmenter = self.augmenter.eased(self.mixer.strength(number))
        made = [self._make(example, augmenter) for example in examples]
        rng = np.random.default_rng([self.mixer.recipe.seed, number, 1])
        length = self._length(max(len(mel) for mel, _ in made), rng)
        features = np.stack(
            [
                augmenter.masked(padded(mel, length), np.random.default_rng(example.seed + 1))
                for (mel, _), example in zip(made, examples, strict=True)
            ]
        )
        return collate(features, [target for _, target in made], self.writer.vocabulary.eot)

    def _length(self, longest: int, rng: Rng) -> int:
        if self.learning.context == "full":
            return WINDOW_FRAMES
        slack = int(rng.integers(frames(self.learning.slack) + 1))
        return min(-(-(longest + slack) // BUCKET) * BUCKET, WINDOW_FRAMES)

    def _make(self, example: Example, augmenter: Augmenter) -> tuple[Mel, Target]:
        rng = np.random.default_rng(example.seed)
        if example.source < 0:
            mel = augmenter.non_speech(example.frames, rng)
            return mel, self.writer.target((), example.language, "", rng)
        chosen = self.mixer.sets[example.source]
        raw = joined(chosen, example, rng)
        mel = augmenter.place(augmenter.voice(raw, example.speed, rng), rng)
        return mel[:WINDOW_FRAMES], self.writer.target(
            tuple(segments(chosen, example)), example.language, example.prompt, rng
        )


def joined(chosen: LearningSet, example: Example, rng: Rng) -> Mel:
    """float32[n, n_mels], raw log10: the pieces with the silence between them."""
    clips = [
        chosen.features.frames(piece.clip)[: piece.frames].astype(np.float32)
        for piece in example.pieces
    ]
    mel = np.full((example.raw_frames, clips[0].shape[1]), SILENCE, np.float32)
    if rng.random() < 0.5:  # the quiet of the recordings, instead of none at all
        quiet = np.percentile(np.concatenate(clips), 5, axis=0)
        mel[:] = quiet + rng.normal(0, 0.15, mel.shape)
    at = 0
    for piece, clip in zip(example.pieces, clips, strict=True):
        at += piece.before
        mel[at : at + piece.frames] = clip
        at += piece.frames
    return mel


def segments(chosen: LearningSet, example: Example) -> Iterator[Segment]:
    """What is said when, at the example's speed."""
    at, found = 0, []
    for piece in example.pieces:
        at += piece.before
        start, at = at, at + piece.frames
        if piece.text:
            found.append(
                Segment(round(start / example.speed), round(at / example.speed), piece.text)
            )
    join = chosen.spec.join
    if join is not None and join.segments == "one" and found:
        text = " ".join(segment.text for segment in found)
        found = [Segment(found[0].start, found[-1].end, text)]
    yield from found


def collate(features: Mel, targets: Sequence[Target], end: int) -> Batch:
    """The tensors; short rows are filled with `end`, whose labels are ignored."""
    import torch

    longest = max(len(target.tokens) for target in targets)
    tokens = np.full((len(targets), longest), end, np.int64)
    labels = np.full((len(targets), longest), IGNORED, np.int64)
    for row, target in enumerate(targets):
        tokens[row, : len(target.tokens)] = target.tokens
        labels[row, : len(target.labels)] = target.labels
    texts = np.array([token for target in targets for token in target.letters], np.int64)
    return Batch(
        torch.from_numpy(np.ascontiguousarray(features.transpose(0, 2, 1))),
        torch.from_numpy(tokens),
        torch.from_numpy(labels),
        torch.from_numpy(texts),
        torch.tensor([len(target.letters) for target in targets]),
    )

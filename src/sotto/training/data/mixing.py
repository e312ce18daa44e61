"""Which clips are heard when: every batch is a pure function of the seed and its number.

So a training that was killed goes on with the batch that comes next, and several processes need
not tell each other what they take.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import WINDOW_FRAMES, frames
from sotto.training.config import DataSpec, Joining, Recipe
from sotto.training.data.features import Features
from sotto.training.evaluation.scoring import normalize

Rng: TypeAlias = np.random.Generator

BLOCK = 16
"""Batches that are drawn together and sorted by length, so that little is padding."""
NON_SPEECH = (0.5, 10.0)
"""Seconds of a clip without speech."""
FRAGMENT = 30
"""Frames of a fragment, at most: of a sentence a share would be words that must be written."""
_SAMPLE = 300
"""Examples by which a set's typical length is measured."""
_CHOICE = 3
"""At the ramp's foot, so many times more sound is drawn than is heard, and the shortest taken."""
_TRIES = 20
"""How often a string is drawn again that must not be learned."""


@dataclass(frozen=True)
class LearningSet:
    """One set's clips, as a recipe wants them."""

    spec: DataSpec
    features: Features
    texts: tuple[str, ...]
    """What is to be written for each clip."""

    @cached_property
    def words(self) -> dict[str, dict[str, list[int]]]:
        """Speaker → text → clips; a clip of nobody known is of the speaker ''."""
        found: dict[str, dict[str, list[int]]] = {}
        for clip, (entry, text) in enumerate(zip(self.features.entries, self.texts, strict=True)):
            found.setdefault(entry.speaker or "", {}).setdefault(text, []).append(clip)
        return found

    @cached_property
    def everybody(self) -> dict[str, list[int]]:
        """Text → clips of all speakers."""
        found: dict[str, list[int]] = {}
        for words in self.words.values():
            for text, clips in words.items():
                found.setdefault(text, []).extend(clips)
        return found


def frames_of(join: Joining) -> tuple[int, int]:
    """The gap's span, in frames."""
    return frames(join.gap[0]), frames(join.gap[1])


@dataclass(frozen=True)
class Piece:
    """One clip in an example."""

    clip: int
    before: int
    """Frames of silence before it."""
    frames: int
    """Its length; a fragment is shorter than the clip."""
    text: str


@dataclass(frozen=True)
class Example:
    """What one row of a batch is made of; lengths are before `speed` changes them."""

    seed: int
    """Of all that is drawn when it is made."""
    source: int
    """The number of its set; -1: no speech."""
    pieces: tuple[Piece, ...]
    after: int
    """Frames of silence at the end."""
    speed: float
    language: str
    prompt: str = ""

    @property
    def frames(self) -> int:
        """At its speed."""
        return min(max(1, round(self.raw_frames / self.speed)), WINDOW_FRAMES)

    @property
    def raw_frames(self) -> int:
        """As recorded."""
        return sum(piece.before + piece.frames for piece in self.pieces) + self.after


@dataclass(frozen=True)
class Mixer:
    """Draws examples from sets by their weights."""

    recipe: Recipe
    sets: Sequence[LearningSet]
    never: frozenset[str] = field(default_factory=frozenset)
    """Normalized texts that must not be learned."""
    _recent: dict[int, list[tuple[Example, ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """The block drawn last: its batches are mostly asked for one after the other."""

    def batch(self, number: int) -> tuple[Example, ...]:
        """The examples of a batch, of about one length."""
        block, place = divmod(number, BLOCK)
        if block not in self._recent:
            self._recent.clear()
            self._recent[block] = self.block(block)
        return self._recent[block][place]

    def strength(self, number: int) -> float:
        """How far the ramp is risen at a batch, 0 to 1."""
        ramp = self.recipe.learning.ramp
        return min(1.0, number / ramp) if ramp else 1.0

    def block(self, number: int) -> list[tuple[Example, ...]]:
        """Sixteen batches."""
        rng = np.random.default_rng([self.recipe.seed, number])
        room = frames(self.recipe.schedule.batch_seconds)
        examples: list[Example] = []
        # Two batches more than are taken: lengths rarely fill each to the brim.
        wanted = room * (BLOCK + 2)
        spare = 1 + _CHOICE * (1 - self.strength(number * BLOCK))
        missing = wanted * spare
        while missing > 0:
            examples.append(self._draw(rng))
            missing -= min(examples[-1].frames, room)
        examples.sort(key=lambda example: example.frames)
        batches = list(_cut(_shortest(examples, wanted, room) if spare > 1 else examples, room))
        order = rng.permutation(len(batches))
        return [batches[place] for place in order[:BLOCK]]

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """How often each set is drawn, so that its share of the sound is as its weight."""
        counts = [each.spec.weight / self._typical(n) for n, each in enumerate(self.sets)]
        return np.array(counts) / sum(counts)

    def _typical(self, number: int) -> float:
        """Frames of a set's examples on average, with all that is put around its clips."""
        rng = np.random.default_rng([self.recipe.seed, number, 2])
        return sum(self._said(number, rng).frames for _ in range(_SAMPLE)) / _SAMPLE

    def _draw(self, rng: Rng) -> Example:
        if rng.random() < self.recipe.learning.non_speech:
            length = frames(rng.uniform(*NON_SPEECH))
            return Example(_seed(rng), -1, (), length, 1.0, self._language(rng))
        return self._said(int(rng.choice(len(self.sets), p=self._shares)), rng)

    def _said(self, number: int, rng: Rng) -> Example:
        """An example of a set."""
        augment, chosen = self.recipe.augment, self.sets[number]
        speed = rng.uniform(*augment.speed)
        pieces = self._pieces(chosen, rng, math.floor(WINDOW_FRAMES * speed))
        total = sum(piece.before + piece.frames for piece in pieces)
        # A clip that would not fit if it were spoken slower is not cut: its text is of all of it.
        speed = max(speed, total / WINDOW_FRAMES)
        room = max(0, math.floor(WINDOW_FRAMES * speed) - total)
        lead, after = (frames(rng.uniform(*augment.air)) for _ in range(2))
        lead = min(lead, room)
        first = pieces[0]
        pieces = (Piece(first.clip, lead, first.frames, first.text), *pieces[1:])
        prompt = self._prompt(chosen, pieces[0].clip, rng)
        entry = chosen.features.entries[first.clip]
        language = entry.language or chosen.spec.language or "en"
        told = prompt if rng.random() < self.recipe.learning.prompt else ""
        return Example(_seed(rng), number, pieces, min(after, room - lead), speed, language, told)

    def _language(self, rng: Rng) -> str:
        chosen = self.sets[int(rng.integers(len(self.sets)))]
        return chosen.features.entries[0].language or chosen.spec.language or "en"

    def _pieces(self, chosen: LearningSet, rng: Rng, longest: int) -> tuple[Piece, ...]:
        lengths, join = chosen.features.lengths, chosen.spec.join
        if join is None:
            clip = int(rng.integers(len(lengths)))
            return (Piece(clip, 0, int(lengths[clip]), chosen.texts[clip]),)
        for _ in range(_TRIES):
            pieces = tuple(_fitting(_string(chosen, join, rng), longest))
            said = [piece.text for piece in pieces if piece.text]
            if len(said) < 2 or normalize(" ".join(said)) not in self.never:
                return pieces
        return pieces[:1]

    def _prompt(self, chosen: LearningSet, clip: int, rng: Rng) -> str:
        """What may have been said before: the line before, or a string of the same set."""
        if chosen.spec.join is not None:
            texts = list(chosen.everybody)
            said = " ".join(texts[place] for place in rng.integers(len(texts), size=6))
            return "" if normalize(said) in self.never else said
        entries = chosen.features.entries
        same = clip > 0 and entries[clip - 1].speaker == entries[clip].speaker
        return chosen.texts[clip - 1] if same else ""


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**63))


def _string(chosen: LearningSet, join: Joining, rng: Rng) -> Iterator[Piece]:
    """Every text of a speaker is as likely as any other, however often it was recorded."""
    names = list(chosen.words)
    words = chosen.words[names[int(rng.integers(len(names)))]]
    if rng.random() < join.mixed:
        words = chosen.everybody
    texts, lengths = list(words), chosen.features.lengths
    low, high = frames_of(join)
    tight = rng.random() < 0.3  # some people make no pauses at all
    count = int(rng.integers(join.clips[0], join.clips[1] + 1))
    fragment = rng.random() < join.fragments
    for number in range(count + fragment):
        text = texts[int(rng.integers(len(texts)))]
        clip = int(rng.choice(words[text]))
        gap = low if tight else int(rng.integers(low, high + 1))
        length = int(lengths[clip])
        if number == count:
            part = round(length * rng.uniform(0.1, 0.4))
            yield Piece(clip, gap, min(max(1, part), FRAGMENT), "")
        else:
            yield Piece(clip, gap if number else 0, length, text)


def _fitting(pieces: Iterator[Piece], longest: int) -> Iterator[Piece]:
    """As many as the window holds, the first in any case."""
    total = 0
    for piece in pieces:
        if total and total + piece.before + piece.frames > longest:
            return
        total += piece.before + piece.frames
        yield piece


def _shortest(examples: Sequence[Example], wanted: int, room: int) -> Sequence[Example]:
    """The first of them, until there is enough for all batches."""
    total = 0
    for place, example in enumerate(examples):
        total += min(example.frames, room)
        if total >= wanted:
            return examples[: place + 1]
    return examples


def _cut(examples: Sequence[Example], room: int) -> Iterator[tuple[Example, ...]]:
    """Batches whose padded length fits the room.

    The last may be small; it is taken too, as it has the longest examples.
    """
    batch: list[Example] = []
    for example in examples:
        if batch and (len(batch) + 1) * example.frames > room:
            yield tuple(batch)
            batch = []
        batch.append(example)
    yield tuple(batch)

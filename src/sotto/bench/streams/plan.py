"""What each client says, and when. Pure: sizes in, places out; the same for the same seed.

A client's talk depends on the seed and on its own number, not on how many clients there are: the
first four of sixteen say what four would.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from sotto.audio.format import SAMPLE_RATE


@dataclass(frozen=True)
class Spoken:
    """A clip's words and sizes."""

    words: tuple[str, ...]
    length: int
    """Samples at 16 kHz; so all that follows."""
    begins: int
    """Where its sound begins, after the quiet at its start."""
    ends: int
    """Where its sound ends."""


@dataclass(frozen=True)
class Talk:
    """The habits of all clients."""

    speech: float = 0.4
    """Share of the time in which a client speaks."""
    words: tuple[int, int] = (3, 9)
    """In an utterance that is built of clips of one word each: at least, at most."""
    gap: tuple[float, float] = (0.0, 0.3)
    """Seconds between two clips of one utterance, beside the quiet at their ends."""
    repeats: bool = True
    """Whether a word of such an utterance may be said twice in a row."""
    shortest_pause: float = 1.0
    """Seconds between two utterances."""
    warm_up: float = 10.0
    """Seconds at the start that are heard but not counted."""
    counted: float = 60.0
    """Seconds after that in which an utterance may begin that is counted."""
    tail: float = 3.0
    """Seconds of silence at the end."""

    @property
    def seconds(self) -> float:
        """Of a client's whole stream."""
        return self.warm_up + self.counted + self.tail


@dataclass(frozen=True)
class Word:
    """A word that is said."""

    text: str
    start: int
    """It does not sound before this sample of the stream."""
    end: int | None
    """The sample after its sound; None where only the whole utterance's end is known."""


@dataclass(frozen=True)
class Placed:
    """A clip in a stream."""

    clip: int
    at: int
    """Sample."""


@dataclass(frozen=True)
class Utterance:
    """What is said without a pause."""

    clips: tuple[Placed, ...]
    words: tuple[Word, ...]
    start: int
    """Where its sound begins."""
    end: int
    """Where its sound ends."""
    last: int
    """The sample after its last clip."""
    counts: bool = True
    """False: it belongs to the warm-up."""

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Track:
    """All that one client says."""

    client: int
    length: int
    """Samples."""
    utterances: tuple[Utterance, ...] = field(default=())

    @property
    def counted(self) -> tuple[Utterance, ...]:
        """Those after the warm-up."""
        return tuple(utterance for utterance in self.utterances if utterance.counts)

    @property
    def words(self) -> tuple[Word, ...]:
        """Of all utterances."""
        return tuple(word for utterance in self.utterances for word in utterance.words)


def are_words(clips: Sequence[Spoken]) -> bool:
    """Whether each clip is one word, so that every word's end is known."""
    return all(len(clip.words) == 1 for clip in clips)


def silent(client: int, seconds: float) -> Track:
    """A client that says nothing."""
    return Track(client, round(seconds * SAMPLE_RATE))


def plan(clips: Sequence[Spoken], talk: Talk, seed: int, client: int) -> Track:
    """What a client says."""
    length = round(talk.seconds * SAMPLE_RATE)
    warm, last = round(talk.warm_up * SAMPLE_RATE), length - round(talk.tail * SAMPLE_RATE)
    dice = random.Random(f"{seed}/{client}")
    build = _string if are_words(clips) else _sentence
    utterances: list[Utterance] = []
    first = build(clips, talk, dice, 0)
    # One client's first word comes anywhere in its first round of speech and silence.
    at = round(dice.random() * (first.end - first.start) / talk.speech)
    while (utterance := build(clips, talk, dice, at)).last <= last:
        utterances.append(_counted(utterance, warm))
        at = utterance.last + _pause(utterance, talk, dice)
    return Track(client, length, tuple(utterances))


def _pause(utterance: Utterance, talk: Talk, dice: random.Random) -> int:
    """Samples from the last clip's end, so that speech has its share on average."""
    fair = (utterance.end - utterance.start) * (1 - talk.speech) / talk.speech
    quiet = utterance.last - utterance.end
    wanted = round(fair * dice.uniform(0.5, 1.5)) - quiet
    return max(wanted, round(talk.shortest_pause * SAMPLE_RATE))


def _string(clips: Sequence[Spoken], talk: Talk, dice: random.Random, at: int) -> Utterance:
    """Several clips of a word each."""
    placed: list[Placed] = []
    words: list[Word] = []
    for _ in range(dice.randint(*talk.words)):
        if placed:
            at += round(dice.uniform(*talk.gap) * SAMPLE_RATE)
        number = dice.randrange(len(clips))
        if words and not talk.repeats:
            others = [i for i, other in enumerate(clips) if other.words[0] != words[-1].text]
            number = dice.choice(others or [number])
        clip = clips[number]
        placed.append(Placed(number, at))
        words.append(Word(clip.words[0], at + clip.begins, at + clip.ends))
        at += clip.length
    end = words[-1].end or at
    return Utterance(tuple(placed), tuple(words), words[0].start, end, at)


def _sentence(clips: Sequence[Spoken], talk: Talk, dice: random.Random, at: int) -> Utterance:
    """One clip of many words: only the last word's end is known."""
    number = dice.randrange(len(clips))
    clip = clips[number]
    start, end = at + clip.begins, at + clip.ends
    words = tuple(
        Word(text, start, end if place == len(clip.words) else None)
        for place, text in enumerate(clip.words, 1)
    )
    return Utterance((Placed(number, at),), words, start, end, at + clip.length)


def _counted(utterance: Utterance, warm: int) -> Utterance:
    if utterance.start >= warm:
        return utterance
    return Utterance(
        utterance.clips,
        utterance.words,
        utterance.start,
        utterance.end,
        utterance.last,
        counts=False,
    )

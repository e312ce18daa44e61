"""What streams say, as frames: each clip is heard once, and its frames are shared by all."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np

from sotto.audio.chunk import Mel, MelChunk, Speech
from sotto.audio.format import FRAMES_PER_SECOND, HOP, Samples
from sotto.bench.clips import S16
from sotto.bench.streams.plan import Placed, Track
from sotto.bench.streams.sound import MESSAGE, MESSAGES_PER_SECOND, Pcm
from sotto.runtime.ear import Ear

NewEar: TypeAlias = Callable[[], Ear]

BEFORE, AFTER = 30, 100
"""Frames of silence around a clip with which it is heard: the detector settles in them."""
HUSH = 20
"""Frames of silence that are kept to be given to all: twice those of a message."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Of a clip with the silence around it."""

    mel: Mel
    speech: Speech


@dataclass(frozen=True, eq=False)
class Sounds:
    """All clips as a model's ear hears them."""

    clips: tuple[Frames, ...]
    silence: Frames
    """Some of it, each frame the same."""
    known: tuple[int, ...]
    """Frames that leave the door by the end of each message: it hears some 30 ms ahead."""

    @property
    def longest(self) -> int:
        """Frames of the longest clip."""
        return max((len(clip.speech) for clip in self.clips), default=0)


def listen(pcm: Sequence[Pcm], new_ear: NewEar, messages: int) -> Sounds:
    """Hear each clip once. `messages`: those of the longest stream."""
    hush = np.zeros(MESSAGE, np.float32)
    ear = new_ear()
    chunks = [ear.receive(hush) for _ in range(max(messages, MESSAGES_PER_SECOND))]
    quiet = MelChunk.join([chunk for chunk in chunks if len(chunk)])
    silence = Frames(np.repeat(quiet.mel[-1:], HUSH, axis=0), np.repeat(quiet.speech[-1:], HUSH))
    clips = tuple(_hear((clip / S16).astype(np.float32), new_ear()) for clip in pcm)
    return Sounds(clips, silence, tuple(accumulate(map(len, chunks))))


def _hear(samples: Samples, ear: Ear) -> Frames:
    whole = np.pad(samples, (BEFORE * HOP, AFTER * HOP))
    chunk = MelChunk.join([ear.receive(whole), ear.finish()])
    return Frames(chunk.mel, chunk.speech)


class FrameTape:
    """A track in the chunks that a door would give, one for each message of 100 ms.

    Clips lie at the nearest frame, up to 5 ms from where the plan has them. Where two of them meet,
    the louder one counts.
    """

    def __init__(self, sounds: Sounds, track: Track) -> None:
        self._sounds = sounds
        placed = [placed for utterance in track.utterances for placed in utterance.clips]
        self._placed = sorted(placed, key=lambda one: one.at)
        self._starts = [_first(one) for one in self._placed]
        self.messages = -(-track.length // MESSAGE)

    def chunk(self, number: int) -> MelChunk:
        """What is known after a message, of what was not known before it."""
        known = self._sounds.known
        return self.between(known[number - 1] if number else 0, known[number])

    def rest(self) -> MelChunk:
        """The last frames, that the door gives when the sound ends."""
        length = self.messages * FRAMES_PER_SECOND // MESSAGES_PER_SECOND
        return self.between(self._sounds.known[self.messages - 1], length)

    def between(self, start: int, end: int) -> MelChunk:
        """The frames from one to before another."""
        silence = self._sounds.silence
        first = bisect_right(self._starts, start - self._sounds.longest)
        last = bisect_right(self._starts, end - 1)
        if first == last and end - start <= len(silence.speech):  # as most of the time
            return MelChunk(start, silence.mel[: end - start], silence.speech[: end - start])
        mel = np.repeat(silence.mel[:1], end - start, axis=0)
        speech = np.repeat(silence.speech[:1], end - start)
        for place in range(first, last):
            at, clip = self._starts[place], self._sounds.clips[self._placed[place].clip]
            low, high = max(at, start), min(at + len(clip.speech), end)
            if low < high:
                here, there = slice(low - start, high - start), slice(low - at, high - at)
                np.maximum(mel[here], clip.mel[there], out=mel[here])
                np.maximum(speech[here], clip.speech[there], out=speech[here])
        return MelChunk(start, mel, speech)


def _first(placed: Placed) -> int:
    """The frame at which the silence before a clip begins."""
    return round(placed.at / HOP) - BEFORE

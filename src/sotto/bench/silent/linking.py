"""How well two clips of one speaker can be linked, in each form, by two kinds of attacker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.audio.format import Samples
from sotto.audio.griffin_lim import rebuilt
from sotto.bench.clips import Clip, spectrogram
from sotto.bench.silent.forms import as_opus, in_8_bits, in_disguise
from sotto.bench.silent.trials import Rate, rated
from sotto.bench.silent.voiceprint import Voiceprint

RAW = "raw sound"
SOUND, IMAGE = "knows sound only", "has learned from this form"
PRETRAINED = "a pre-trained embedding"


class Embedding(Protocol):
    """A speaker-verification network that somebody brings along."""

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """float32[k] of a clip at 16 kHz: the nearer by cosine, the likelier one speaker."""
        ...


Shown: TypeAlias = Callable[[Clip], Mel]
"""What an attacker gets of a clip."""


@dataclass(frozen=True)
class Linked:
    """One form before one attacker, over the clips of one set."""

    form: str
    attacker: str
    set: str
    speakers: int
    clips: int
    rate: Rate


@dataclass(frozen=True)
class Lineup:
    """Who is to be linked, and from whom attackers learn; no speaker is in both."""

    learned: Sequence[Clip]
    linked: Sequence[Clip]
    iterations: int
    """Of Griffin and Lim."""
    embedding: Embedding | None = None

    def results(self, tell: Callable[[], None] = lambda: None) -> list[Linked]:
        """All rows; `tell` is told as each is done."""
        found: list[Linked] = []
        for form, attacker, rows in self._rows():
            found += (
                Linked(form, attacker, name, len(set(speakers)), len(speakers), rate)
                for name, (speakers, rate) in rows.items()
            )
            tell()
        return found

    def _rows(self) -> Iterator[tuple[str, str, Mapping[str, tuple[list[str], Rate]]]]:
        sound = self._taught(lambda clip: clip.mel)
        shown = self._shown()
        for form, mels in shown.items():
            yield form, SOUND, self._rates(mels, sound)
        for form, image in (("8-bit images", in_8_bits), ("the stronger mode", _elsewhere)):
            yield form, IMAGE, self._rates(shown[form], self._taught(image))
        if self.embedding is not None:
            for form, samples in self._sounds().items():
                yield form, PRETRAINED, self._cosines(samples, self.embedding)

    def _shown(self) -> dict[str, list[Mel]]:
        """Each form of all clips, as spectrograms."""
        forms: dict[str, Shown] = {
            RAW: lambda clip: clip.mel,
            "Opus, 24 kb/s": lambda clip: as_opus(clip).mel,
            "8-bit images": in_8_bits,
            "sound rebuilt from 8 bits": self._again(in_8_bits),
            "the stronger mode": in_disguise,
            "sound rebuilt from the stronger mode": self._again(in_disguise),
        }
        return {name: [show(clip) for clip in self.linked] for name, show in forms.items()}

    def _sounds(self) -> dict[str, list[Samples]]:
        """The forms that can be listened to."""

        def again(shown: Shown) -> list[Samples]:
            return [rebuilt(shown(clip), self.iterations) for clip in self.linked]

        return {
            RAW: [clip.samples for clip in self.linked],
            "Opus, 24 kb/s": [as_opus(clip).samples for clip in self.linked],
            "sound rebuilt from 8 bits": again(in_8_bits),
            "sound rebuilt from the stronger mode": again(in_disguise),
        }

    def _again(self, shown: Shown) -> Shown:
        return lambda clip: spectrogram(rebuilt(shown(clip), self.iterations), 80)

    def _taught(self, shown: Shown) -> list[Voiceprint]:
        """Twice: with the clip's mean, and without it."""
        speakers = [clip.speaker for clip in self.learned]
        return [
            Voiceprint.taught(map(shown, self.learned), speakers, centered=centered)
            for centered in (False, True)
        ]

    def _rates(
        self, mels: Sequence[Mel], attackers: Sequence[Voiceprint]
    ) -> dict[str, tuple[list[str], Rate]]:
        """For each set, of the attacker's two ways the one that serves it better."""
        rates = {}
        for name, places in self._sets().items():
            speakers = [self.linked[place].speaker for place in places]
            own = [mels[place] for place in places]
            tried = [rated(attacker.scores(own), speakers) for attacker in attackers]
            rates[name] = (speakers, min(tried, key=lambda rate: rate.eer))
        return rates

    def _cosines(
        self, sounds: Sequence[Samples], embedding: Embedding
    ) -> dict[str, tuple[list[str], Rate]]:
        rates = {}
        for name, places in self._sets().items():
            vectors = np.stack([embedding(sounds[place]) for place in places]).astype(np.float64)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            speakers = [self.linked[place].speaker for place in places]
            rates[name] = (speakers, rated(vectors @ vectors.T, speakers))
        return rates

    def _sets(self) -> dict[str, list[int]]:
        names = dict.fromkeys(clip.set for clip in self.linked)
        return {
            name: [place for place, clip in enumerate(self.linked) if clip.set == name]
            for name in names
        }


def _elsewhere(clip: Clip) -> Mel:
    """An attacker who knows the mode puts on disguises of his own."""
    return in_disguise(clip, another=1)

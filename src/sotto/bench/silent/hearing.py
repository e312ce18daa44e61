"""How well each form is understood, by the one road that files and images take."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sotto.bench.clips import Clip
from sotto.bench.silent.codecs import to_pcm
from sotto.bench.silent.forms import Form, Sound
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.training.evaluation.scoring import Score, score

ALL = "all"
"""The sets together."""
DRAWS = 1000
"""Of clips with replacement, for an interval."""


@dataclass(frozen=True)
class Understood:
    """One form, over the clips of one set."""

    form: str
    set: str
    clips: int
    score: Score
    bytes: int
    """That all clips took."""
    of_pcm: float
    """The same as a share of 16-bit PCM at 16 kHz."""
    seconds: float
    """Of sound."""
    against: tuple[float, float] | None
    """Points of WER that it lies above the first image form: 95 % interval, clips drawn anew."""

    @property
    def wer(self) -> float:
        """In percent."""
        return 100 * (self.score.wer or 0.0)


@dataclass(frozen=True)
class _Take:
    """One clip in one form."""

    clip: Clip
    bytes: int
    score: Score


@dataclass(frozen=True)
class Listener:
    """Hears with one model of a service, which is loaded."""

    service: Service
    model: str

    async def understand(
        self,
        clips: Sequence[Clip],
        forms: Iterable[Form],
        reference: str,
        tell: Callable[[], None] = lambda: None,
    ) -> list[Understood]:
        """Each form over each set of the clips. `reference`: the form that others are held against.

        Raises what the service raises.
        """
        found: list[Understood] = []
        standards: dict[str, list[Score]] = {}
        sets = list(dict.fromkeys(clip.set for clip in clips))
        for form in forms:
            heard = [await self._hear(form, clip) for clip in clips]
            for name in sets if len(sets) == 1 else [*sets, ALL]:
                takes = [take for take in heard if name in (take.clip.set, ALL)]
                if form.name == reference:
                    standards[name] = [take.score for take in takes]
                found.append(_summed(form.name, name, takes, standards.get(name)))
            tell()
        return found

    async def _hear(self, form: Form, clip: Clip) -> _Take:
        wire = form.make(clip)
        decode = replace(self.service.defaults, language=clip.language)
        request = FileRequest(self.model, decode)
        heard = wire.heard
        if isinstance(heard, Sound):
            transcript = await self.service.transcribe_file(io.BytesIO(heard.file), request)
        else:
            transcript = await self.service.transcribe_image(lambda: heard, request)
        return _Take(clip, wire.bytes, score(clip.text, transcript.text))


def _summed(
    form: str, name: str, takes: Sequence[_Take], standard: Sequence[Score] | None
) -> Understood:
    clips, scores = [take.clip for take in takes], [take.score for take in takes]
    size = sum(take.bytes for take in takes)
    return Understood(
        form=form,
        set=name,
        clips=len(clips),
        score=sum(scores, Score()),
        bytes=size,
        of_pcm=size / sum(len(to_pcm(clip.samples)) for clip in clips),
        seconds=sum(clip.seconds for clip in clips),
        against=None if standard is None else _interval(scores, standard),
    )


def _interval(scores: Sequence[Score], standard: Sequence[Score]) -> tuple[float, float]:
    """Paired: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR"."""
    errors = np.array([a.errors - b.errors for a, b in zip(scores, standard, strict=True)])
    words = np.array([one.words for one in scores])
    chosen = np.random.default_rng(0).integers(len(errors), size=(DRAWS, len(errors)))
    points = 100 * errors[chosen].sum(axis=1) / np.maximum(words[chosen].sum(axis=1), 1)
    low, high = np.percentile(points, [2.5, 97.5])
    return float(low), float(high)

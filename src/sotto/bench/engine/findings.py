"""All that was measured of engines, as it comes in and as a result has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sotto
from sotto.bench.engine.ceiling import Peaks
from sotto.bench.engine.point import Point
from sotto.bench.engine.subject import Loaded, Subject
from sotto.bench.results import Json, document, plain
from sotto.bench.streams.step import Step
from sotto.bench.virtual.step import Floor

KIND = "engine"
PACKAGES = ("ctranslate2", "torch", "transformers", "numpy")
"""That an engine's speed depends on."""


@dataclass
class Borne:
    """Virtual streams on one subject."""

    max_batch: int
    """Windows in a batch; of an engine that others may join at each step it means nothing."""
    floor: Floor | None = None
    steps: list[Step] = field(default_factory=list)
    sustained: int | None = None
    """The most that were borne; None where no search was made."""
    broken: str | None = None

    def note(self, what: Floor | Step) -> None:
        """One thing more."""
        if isinstance(what, Floor):
            self.floor = what
        else:
            self.steps.append(what)

    def json(self) -> Json:
        """For a document."""
        return {
            "max_batch": self.max_batch,
            "floor": plain(self.floor),
            "steps": plain(self.steps),
            "sustained": self.sustained,
            "broken": self.broken,
        }


@dataclass
class Findings:
    """Of one subject."""

    subject: Subject
    loaded: Loaded | None = None
    points: list[Point] = field(default_factory=list)
    broken: str | None = None
    """Why no more was measured; None: nothing was amiss."""
    borne: Borne | None = None

    def note(self, what: Loaded | Point) -> None:
        """One thing more."""
        if isinstance(what, Loaded):
            self.loaded = what
        else:
            self.points.append(what)

    def json(self) -> Json:
        """For a document: nothing of this machine's places."""
        subject = self.subject
        return {
            "engine": subject.engine,
            "model": subject.model,
            "device": subject.device,
            "compute_type": subject.compute_type,
            "threads": subject.threads,
            "numbers": asdict(subject.numbers),
            "loaded": plain(self.loaded),
            "points": [point.json() for point in self.points],
            "broken": self.broken,
            "streams": None if self.borne is None else self.borne.json(),
        }


def result(
    options: Mapping[str, Any], peaks: Mapping[str, Peaks], found: Sequence[Findings]
) -> Json:
    """A document of all that is known by now."""
    body = {
        "peaks": {dtype: asdict(best) for dtype, best in peaks.items()},
        "subjects": [one.json() for one in found],
    }
    return document(KIND, options, body, _versions())


def _versions() -> dict[str, str]:
    """Of what decodes."""
    found = {"sotto": sotto.__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

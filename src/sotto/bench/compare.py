"""Two results side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sotto.bench.engine.reading import figures
from sotto.bench.results import Json
from sotto.errors import BadOption

HEAD = ("figure", "A", "B", "B / A")

_STEP = {
    "lag p50, s": ("result", "lag", "p50"),
    "lag p95, s": ("result", "lag", "p95"),
    "lag p99, s": ("result", "lag", "p99"),
    "stayed p50, s": ("result", "stayed", "p50"),
    "stayed p95, s": ("result", "stayed", "p95"),
    "first p50, s": ("result", "first", "p50"),
    "final p50, s": ("result", "final", "p50"),
    "final p95, s": ("result", "final", "p95"),
    "WER": ("result", "wer"),
    "changed per 100": ("result", "changed_per_100"),
    "cores": ("load", "cores"),
    "RSS, bytes": ("load", "rss_most"),
}
_TOP: Mapping[str, Mapping[str, Sequence[str]]] = {
    "streams": {"streams borne": ("sustained",), "offline WER": ("offline", "wer")},
    "files": {
        "seconds of sound a second": ("speed",),
        "cores": ("cores",),
        "WER": ("wer",),
    },
    "idle": {"CPU % of a stream": ("cpu_percent",), "bytes of a stream": ("rss",)},
    "engine": {},
}


@dataclass(frozen=True)
class Row:
    """One figure of both."""

    name: str
    a: float
    b: float

    @property
    def ratio(self) -> float | None:
        """Of B to A."""
        return self.b / self.a if self.a else None

    def cells(self) -> tuple[str, ...]:
        """For a table."""
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        return self.name, f"{self.a:.4g}", f"{self.b:.4g}", ratio


def compare(a: Json, b: Json) -> list[Row]:
    """All figures that both have. Raises BadOption where they are not of one kind."""
    if a["kind"] != b["kind"] or a["kind"] not in _TOP:
        raise BadOption(
            "result",
            f"expected two results of one of {', '.join(_TOP)}, got {a['kind']!r} and "
            f"{b['kind']!r}",
        )
    return [
        Row(name, float(one), float(other))
        for name, one, other in _pairs(a, b)
        if isinstance(one, int | float) and isinstance(other, int | float)
    ]


def differences(a: Json, b: Json) -> list[str]:
    """What is not the same for both, and may be the reason: machine, versions, options."""
    told = []
    for part in ("machine", "versions", "options"):
        one, other = a.get(part, {}), b.get(part, {})
        told += [
            f"{part}.{key}: {one.get(key)} and {other.get(key)}"
            for key in sorted({*one, *other})
            if one.get(key) != other.get(key)
        ]
    return told


def _pairs(a: Json, b: Json) -> Iterator[tuple[str, Any, Any]]:
    if a["kind"] == "engine":
        theirs = figures(b)
        yield from ((name, value, theirs.get(name)) for name, value in figures(a).items())
    for name, path in _TOP[a["kind"]].items():
        yield name, _at(a, path), _at(b, path)
    steps = {step["clients"]: step for step in b.get("steps", ())}
    for step in sorted(a.get("steps", ()), key=lambda one: int(one["clients"])):
        if (other := steps.get(step["clients"])) is not None:
            for name, path in _STEP.items():
                yield f"{step['clients']} streams: {name}", _at(step, path), _at(other, path)


def _at(tree: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree

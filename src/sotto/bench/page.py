"""Results as docs/benchmarks.md: tables and sentences, and no number that was not measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, TypeAlias

from sotto.bench.results import Json
from sotto.bench.silent.tables import NOTHING, Table

PROSE = Path(__file__).with_name("page.md")
ABSENT = "(not measured)"
PICTURE = "benchmarks-streams.svg"
"""Its name, in the folder of the page's images."""

Runs: TypeAlias = Sequence[tuple[str, Json]]
"""Each with its name; several may have one name."""
Column: TypeAlias = Callable[[Json], str]
"""A cell of a result, or of a step."""


def page(runs: Runs, missing: Sequence[str]) -> str:
    """`missing`: a sentence for each that could not be measured, with the reason."""
    streams = of_kind(runs, "streams")
    notes = dict.fromkeys(note for _, run in streams for note in run["notes"])
    parts = {
        "machines": _machines(runs),
        "streams": _streams(streams),
        "notes": _list(notes),
        "files": _table(FILES, of_kind(runs, "files")),
        "idle": _table(IDLE, of_kind(runs, "idle")),
        "soak": _table(SOAK, of_kind(runs, "soak")),
        "chaos": _table(CHAOS, of_kind(runs, "chaos")),
        "missing": _list(missing) if missing else "Nothing.",
    }
    return Template(PROSE.read_text(encoding="utf-8")).substitute(parts)


def of_kind(runs: Runs, kind: str) -> list[tuple[str, Json]]:
    """The results of one command."""
    return [(name, run) for name, run in runs if run["kind"] == kind]


def _machines(runs: Runs) -> str:
    """Each machine once, with when and what was measured on it."""
    told: dict[str, list[str]] = {}
    for name, run in runs:
        own, versions = run["machine"], run["versions"]
        memory = NOTHING if own["memory"] is None else f"{own['memory'] / 2**30:.0f} GB"
        place = f"{own['cores']} cores of {own['processor']}, {memory}, {own['system']}"
        packages = ", ".join(f"{package} {version}" for package, version in versions.items())
        told.setdefault(place, []).append(
            f"  - {name}, {run['kind']}, {run['date'][:10]}: {_options(run)}; {packages}"
        )
    return "\n".join(line for place, lines in told.items() for line in (f"- {place}", *lines))


def _options(run: Json) -> str:
    """The model and the settings, which matter most; the results have the rest."""
    options = run["options"]
    settings = [f"{key} {value}" for key, value in options.get("settings", {}).items()]
    model = f"model {options.get('model') or 'its own'}"
    if (rate := options.get("rate")) is not None:
        model += f", which says {rate:g} made-up words a second"
    return ", ".join([model, *settings])


def _streams(runs: Runs) -> str:
    if not runs:
        return ABSENT
    borne = Table(
        ("", *BORNE),
        tuple((name, *_cells(BORNE, run)) for name, run in runs),
    )
    steps = Table(
        ("", *STEP), tuple((name, *_cells(STEP, step)) for name, run in runs for step in _in(run))
    )
    return f"{borne.markdown()}\n\n![lag and WER](images/{PICTURE})\n\n{steps.markdown()}"


def _in(run: Json) -> list[Json]:
    return sorted(run["steps"], key=lambda step: int(step["clients"]))


def _table(columns: Mapping[str, Column], runs: Runs) -> str:
    rows = tuple((name, *_cells(columns, run)) for name, run in runs)
    return Table(("", *columns), rows).markdown()


def _cells(columns: Mapping[str, Column], of: Json) -> list[str]:
    return [column(of) for column in columns.values()]


def _list(sentences: Sequence[str] | Mapping[str, None]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) or ABSENT


def _broken(of: Json) -> str:
    return ", ".join(f"{what} {number}" for what, number in of["broken"].items()) or NOTHING


def _three(where: str) -> Column:
    """Words lost, doubled, changed."""

    def cell(of: Json) -> str:
        return ", ".join(str(of[where][kind]) for kind in ("lost", "doubled", "changed"))

    return cell


def _number(value: Any, digits: int, scale: float = 1.0) -> str:
    return f"{scale * value:.{digits}f}" if isinstance(value, int | float) else NOTHING


def _at(digits: int, *path: str, scale: float = 1.0) -> Column:
    """A number somewhere in a result."""

    def cell(of: Json) -> str:
        value: Any = of
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return _number(value, digits, scale)

    return cell


def _lag(which: str) -> Column:
    def cell(step: Json) -> str:
        result = step["result"]
        lag = result["lag"] or result["claimed_lag"] or {}
        return _number(lag.get(which), 2)

    return cell


def _verdict(step: Json) -> str:
    return "yes" if step["borne"] else str(step["why"][0])


BORNE: Mapping[str, Column] = {
    "streams borne": _at(0, "sustained"),
    "with p95 commit lag within, s": _at(1, "options", "bound"),
    "WER as files, %": _at(1, "offline", "wer", scale=100),
}
STEP: Mapping[str, Column] = {
    "streams": _at(0, "clients"),
    "lag mean, s": _lag("mean"),
    "p50": _lag("p50"),
    "p95": _lag("p95"),
    "p99": _lag("p99"),
    "stayed p50, s": _at(2, "result", "stayed", "p50"),
    "stayed p95": _at(2, "result", "stayed", "p95"),
    "first p50, s": _at(2, "result", "first", "p50"),
    "final p50, s": _at(2, "result", "final", "p50"),
    "final p95": _at(2, "result", "final", "p95"),
    "WER %": _at(1, "result", "wer", scale=100),
    "changed": _at(1, "result", "changed_per_100"),
    "cores": _at(2, "load", "cores"),
    "MB": _at(0, "load", "rss_most", scale=2**-20),
    "batch": _at(1, "load", "work", "mean_batch"),
    "late, ms": _at(0, "generated", "late", "p99", scale=1000),
    "borne": _verdict,
}
FILES: Mapping[str, Column] = {
    "seconds of sound a second": _at(1, "speed"),
    "real-time factor": _at(4, "real_time_factor"),
    "cores": _at(2, "cores"),
    "WER %": _at(1, "wer", scale=100),
}
IDLE: Mapping[str, Column] = {
    "% of a core": _at(3, "cpu_percent"),
    "MB": _at(3, "rss", scale=2**-20),
    "streams": _at(0, "many", "clients"),
}
SOAK: Mapping[str, Column] = {
    "hours of sound": _at(1, "hours"),
    "seconds of sound a second": _at(0, "speed"),
    "sessions": _at(0, "told", "sessions"),
    "idle sessions": _at(0, "visits"),
    "MB after a tenth": _at(1, "rss_first", scale=2**-20),
    "MB at the end": _at(1, "rss_last", scale=2**-20),
    "MB at most": _at(1, "rss_most", scale=2**-20),
    "growth, MB an hour of sound": _at(2, "growth", scale=2**-20),
    "in the second half": _at(2, "growth_late", scale=2**-20),
    "words": _at(0, "told", "words"),
    "changed": _at(0, "told", "taken_back"),
    "without a final": _at(0, "told", "lost"),
}
CHAOS: Mapping[str, Column] = {
    "streams": _at(0, "options", "streams"),
    "hours of sound": _at(2, "hours"),
    "broken": _broken,
    "words": _at(0, "words"),
    "lost, doubled, changed": _three("told"),
    "stored otherwise": _three("stored"),
    "promises broken": _at(0, "faults"),
    "reset, s until it listens: p50": _at(2, "recovery", "reset", "p50"),
    "p95": _at(2, "recovery", "reset", "p95"),
    "SIGKILL, s: p50": _at(2, "recovery", "SIGKILL", "p50"),
    "at most": _at(2, "recovery", "SIGKILL", "most"),
}

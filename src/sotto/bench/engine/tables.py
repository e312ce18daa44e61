"""What was measured of engines, as rows of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sotto.bench.engine.reading import best_points
from sotto.bench.results import Json
from sotto.bench.silent.tables import NOTHING, Table

MB = 2**20
POINTS = (
    "model",
    "engine",
    "windows",
    "at once",
    "windows a second",
    "the machine's ceiling",
    "share of it, %",
    "waits for",
    "tokens a second",
    "a step, ms",
    "encoding, %",
    "MB",
    "of tensors on the device, MB",
)
STREAMS = (
    "model",
    "engine",
    "streams",
    "p95 commit lag, s",
    "the same if the engine took no time, s",
    "final p95, s",
    "jobs a second",
    "at once",
    "superseded, %",
    "cores",
    "of these the sessions' thread",
    "late, ms",
    "borne",
)
LOADED = ("model", "engine", "kind", "parameters, million", "to load, s", "slots", "MB")
PEAKS = ("kind", "operations a second, 10⁹", "bytes a second, 10⁹", "a small operation, µs")


def loaded(run: Json) -> Table:
    """What each engine took to be ready."""
    rows = []
    for subject in run["subjects"]:
        of = subject["loaded"] or {}
        rows.append(
            (
                *_name(subject),
                _kind(subject),
                _number(of.get("parameters"), 1, 1e-6),
                _number(of.get("seconds"), 1),
                _number(of.get("slots"), 0),
                _number((of.get("memory") or {}).get("taken"), 0, 1 / MB),
            )
        )
    return Table(LOADED, tuple(rows))


def peaks(run: Json) -> Table:
    """What the machine was measured to do."""
    return Table(
        PEAKS,
        tuple(
            (
                dtype,
                _number(of["operations"], 0, 1e-9),
                _number(of["bandwidth"], 1, 1e-9),
                _number(of["launch"], 1, 1e6),
            )
            for dtype, of in run["peaks"].items()
        ),
    )


def points(run: Json) -> Table:
    """Each number of windows at once."""
    found = ((subject, point) for subject in run["subjects"] for point in subject["points"])
    return Table(POINTS, tuple((*_name(subject), *_point(point)) for subject, point in found))


def best(run: Json) -> Table:
    """Of each case, the number of windows at once that hears most."""
    found = ((subject, point) for subject in run["subjects"] for point in best_points(subject))
    return Table(POINTS, tuple((*_name(subject), *_point(point)) for subject, point in found))


def streams(run: Json) -> Table:
    """Each number of virtual streams."""
    rows = [
        (*_name(subject), *_step(step, of["floor"]))
        for subject in run["subjects"]
        if (of := subject["streams"]) is not None
        for step in sorted(of["steps"], key=lambda one: int(one["clients"]))
    ]
    return Table(STREAMS, tuple(rows))


def faults(run: Json) -> Iterator[str]:
    """What was not measured, or not as it should have been."""
    for subject in run["subjects"]:
        name = ", ".join(_name(subject))
        if subject["broken"] is not None:
            yield f"{name}: {subject['broken']}"
        if any(point["as_asked"] is False for point in subject["points"]):
            yield f"{name}: it did not say as many words as the others"
        of = subject["streams"]
        if of is not None and of["broken"] is not None:
            yield f"{name}, streams: {of['broken']}"


def _name(subject: Json) -> tuple[str, str]:
    return subject["model"], subject["engine"]


def _kind(subject: Json) -> str:
    numbers = subject["numbers"]
    return str(numbers["dtype"])


def _point(point: Json) -> tuple[str, ...]:
    return (
        point["case"],
        str(point["at_once"]),
        _number(point["windows_a_second"], 1),
        _number(point["ceiling"], 1),
        _number(point["ratio"], 0, 100),
        point["bound"],
        _number(point["tokens_a_second"], 0),
        _number(point["step"], 2, 1000),
        _number(point["encoder_share"], 0, 100),
        _number(point["memory"]["taken"], 0, 1 / MB),
        _number(point["memory"]["tensors"], 0, 1 / MB),
    )


def _step(step: Json, floor: Json | None) -> tuple[str, ...]:
    load, late = step["load"], step["generated"]["late"] or {}
    work = load["work"] or {}
    done = sum(n for key, n in work.get("jobs", {}).items() if key.endswith(" done"))
    replaced = sum(n for key, n in work.get("jobs", {}).items() if key.endswith("withdrawn"))
    return (
        str(step["clients"]),
        _number(_lag(step["result"]), 2),
        _number(_lag((floor or {}).get("result")), 2),
        _number((step["result"]["final"] or {}).get("p95"), 2),
        _number(done / load["seconds"] if load["seconds"] else None, 1),
        _number(work.get("mean_batch"), 1),
        _number(100 * replaced / (done + replaced) if done else None, 0),
        _number(load["cores"], 2),
        _number(step["generated"]["cores"], 2),
        _number(late.get("p99"), 0, 1000),
        "yes" if step["borne"] else step["why"][0],
    )


def _lag(result: Json | None) -> Any:
    if result is None:
        return None
    return (result["lag"] or result["claimed_lag"] or {}).get("p95")


def _number(value: Any, digits: int, scale: float = 1.0) -> str:
    return f"{scale * value:,.{digits}f}" if isinstance(value, int | float) else NOTHING

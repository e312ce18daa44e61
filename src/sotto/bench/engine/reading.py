"""A result of `sotto bench engine` that was written down, as it is read again."""

from __future__ import annotations

from collections.abc import Iterator

from sotto.bench.results import Json


def best_points(subject: Json) -> Iterator[Json]:
    """Of each case, the number of windows at once that hears most."""
    cases = dict.fromkeys(point["case"] for point in subject["points"])
    for case in cases:
        own = [point for point in subject["points"] if point["case"] == case]
        yield max(own, key=lambda point: float(point["windows_a_second"]))


def figures(run: Json) -> dict[str, float]:
    """Of a result, by what they are of: to be held against another's."""
    found: dict[str, float] = {}
    for subject in run["subjects"]:
        name = f"{subject['model']}, {subject['engine']}"
        for point in best_points(subject):
            place = f"{name}, {point['case']}"
            found[f"{place}: windows a second"] = point["windows_a_second"]
            found[f"{place}: of the ceiling"] = point["ratio"]
            if point["step"] is not None:
                found[f"{place}: seconds a step"] = point["step"]
        if subject["streams"] is not None and subject["streams"]["sustained"] is not None:
            found[f"{name}: streams borne"] = subject["streams"]["sustained"]
    return found

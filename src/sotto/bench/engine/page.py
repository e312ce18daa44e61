"""docs/gpu.md: its tables, in the places that it marks; every word around them is a person's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sotto.bench.engine import tables
from sotto.bench.engine.arithmetic import at_least, limits
from sotto.bench.page import ABSENT
from sotto.bench.results import Json
from sotto.errors import BadOption

PLACES = ("work", "limits", "machines", "loaded", "windows", "streams", "faults")


def filled(text: str, runs: Sequence[Json]) -> str:
    """The page with its places filled from results. Raises BadOption where a place is missing.

    A place is what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
    """
    parts = _parts(runs)
    for name in PLACES:
        first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, begun, rest = text.partition(first)
        _, ended, after = rest.partition(last)
        if not (begun and ended):
            raise BadOption("doc", f"expected {first} and {last} in the page, got none")
        text = f"{before}{first}\n\n{parts[name]}\n\n{last}{after}"
    return text


def _parts(runs: Sequence[Json]) -> Mapping[str, str]:
    def all_of(name: str) -> str:
        made = [getattr(tables, name)(run) for run in runs]
        return "\n\n".join(one.markdown() for one in made if one.rows) or ABSENT

    return {
        "work": at_least().markdown(),
        "limits": limits().markdown(),
        "machines": "\n\n".join(map(_machine, runs)) or ABSENT,
        "loaded": all_of("loaded"),
        "windows": all_of("best"),
        "streams": all_of("streams"),
        "faults": "\n".join(f"- {why}" for run in runs for why in tables.faults(run)) or "Nothing.",
    }


def _machine(run: Json) -> str:
    """Where and with what it was measured, and what the machine itself can do."""
    own, packages = run["machine"], run["versions"]
    place = f"{own['cores']} cores of {own['processor']}, {own['system']}"
    versions = ", ".join(f"{package} {version}" for package, version in packages.items())
    told = run["options"]
    said = ", ".join(f"{key} {value}" for key, value in told.get("settings", {}).items())
    how = f"device {told.get('device')}, threads {told.get('threads') or 'by themselves'}"
    head = f"{run['date'][:10]}: {place}; {how}; {said or 'no settings'}; {versions}"
    return f"{head}\n\n{tables.peaks(run).markdown()}"

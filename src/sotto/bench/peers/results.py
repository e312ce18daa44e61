"""Results of several servers in one, and apart again; pure but for the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sotto.bench.peers.contest import Attempt, Entry
from sotto.bench.peers.files import Turns
from sotto.bench.peers.peer import Place
from sotto.bench.results import Json, document
from sotto.bench.streams import report
from sotto.bench.streams import tables as step_tables
from sotto.bench.streams.run import Offline
from sotto.bench.streams.sound import Bank

STREAMS, FILES = "streams-peers", "files-peers"
"""Kinds."""
KINDS: Mapping[str, str] = {STREAMS: "streams", FILES: "files"}
"""Each with that of its parts."""
HEAD = ("server", "round", *step_tables.HEAD)
OWN = "sotto"

Best = Callable[[Sequence[tuple[int, bool]]], int]
"""The most streams that were borne, of those tried."""


def of_streams(
    options: Mapping[str, Any],
    bank: Bank,
    entries: Sequence[Entry],
    attempts: Sequence[Attempt],
    offline: Offline | None,
    best: Best | None,
) -> Json:
    """`best`: None where no search was made."""
    servers = [
        _about(one.name, one.place, one.obstacle)
        | {"rounds": _rounds([a for a in attempts if a.name == one.name], best)}
        for one in entries
    ]
    body = {
        "ends_known": report.ends_known(bank),
        "offline": offline,
        "servers": servers,
        "notes": report.notes(bank),
    }
    return document(STREAMS, options, body)


def of_files(options: Mapping[str, Any], turns: Sequence[Turns]) -> Json:
    """Of each server the rounds that it ended."""
    servers = [
        _about(one.name, one.place, one.obstacle)
        | {"result": None if one.result is None else asdict(one.result)}
        for one in turns
    ]
    return document(FILES, options, {"servers": servers})


def apart(name: str, result: Json) -> list[tuple[str, Json]]:
    """A result as one of each server and round, by its name and the server's; others as they are.

    Without a name, by the server's alone, whatever the round.
    """
    kind = KINDS.get(result["kind"])
    if kind is None:
        return [(name, result)]
    found = []
    for server in result["servers"]:
        own = server["name"] == OWN
        head = {key: result[key] for key in ("date", "machine", "options")}
        head |= {"kind": kind, "versions": result["versions"] if own else server["versions"]}
        if kind == "files":
            parts = [server["result"]] if server["result"] is not None else []
        else:
            same = {"notes": result["notes"], "offline": result["offline"] if own else None}
            parts = [part | same for part in server["rounds"] if part["steps"]]
        label = ": ".join(filter(None, (name, server["name"])))
        several = kind == "streams" and bool(name) and len(parts) > 1
        found += [
            (f"{label}, round {part['round']}" if several else label, head | part) for part in parts
        ]
    return found


def missing(result: Json) -> list[str]:
    """A sentence for each server that could not be measured, or not all the way."""
    if result["kind"] not in KINDS:
        return []
    return [
        f"{server['name']}: {why}"
        for server in result["servers"]
        for why in dict.fromkeys(filter(None, (server["obstacle"], *_errors(server))))
    ]


def rows(entries: Sequence[Entry], attempts: Sequence[Attempt]) -> list[tuple[str, ...]]:
    """Under the head: by the number of streams, those of one number as they came."""
    order = sorted(attempts, key=lambda one: (one.clients, one.round))
    nothing = (step_tables.NOTHING,) * (len(step_tables.HEAD) - 2)
    blank = [
        (one.name, *(step_tables.NOTHING,) * 2, *nothing, one.obstacle)
        for one in entries
        if one.obstacle is not None
    ]
    measured = [
        (
            one.name,
            str(one.round),
            *(
                (str(one.clients), *nothing, one.error or "")
                if one.step is None
                else step_tables.row(one.step)
            ),
        )
        for one in order
    ]
    return [*measured, *blank]


def _errors(server: Json) -> list[str]:
    return [
        f"{error['clients']} streams, round {part['round']}: {error['error']}"
        for part in server.get("rounds", ())
        for error in part["errors"]
    ]


def _about(name: str, place: Place | None, obstacle: str | None) -> Json:
    return {
        "name": name,
        "python": None if place is None else place.python,
        "versions": {} if place is None else dict(place.versions),
        "obstacle": obstacle,
    }


def _rounds(attempts: Sequence[Attempt], best: Best | None) -> list[Json]:
    """Each with its steps in the order in which they were made."""
    found = []
    for number in dict.fromkeys(one.round for one in attempts):
        own = [one for one in attempts if one.round == number]
        found.append(
            {
                "round": number,
                "sustained": None if best is None else best([(a.clients, a.borne) for a in own]),
                "steps": [asdict(one.step) for one in own if one.step is not None],
                "errors": [
                    {"clients": one.clients, "error": one.error} for one in own if one.error
                ],
            }
        )
    return found

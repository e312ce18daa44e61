"""A round, judged: what differs from the unbroken run, what was promised, what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.chaos.differing import Difference, Kind, differences, shifts, words
from sotto.bench.chaos.kept import missing
from sotto.bench.chaos.promised import Heard, judge
from sotto.bench.chaos.talking import Log
from sotto.bench.streams.plan import Track
from sotto.client import Final, Resumed
from sotto.errors import ServerError

NEARBY = 10.0
"""Seconds of sound around a difference in which resumptions are named."""


@dataclass(frozen=True)
class Talked:
    """What the clients of one round were told."""

    round: int
    tracks: Sequence[Track]
    """What they said."""
    unbroken: Sequence[Log]
    broken: Sequence[Log]
    control: Sequence[Log] | None
    """Unbroken once more."""


@dataclass(frozen=True)
class Place:
    """A difference, and where to find it again."""

    round: int
    client: int
    where: str
    """`told`: against the unbroken run; `stored`: against what was told; `control`: between two
    unbroken runs."""
    what: Difference
    resumed: tuple[float, ...] = ()
    """Seconds of sound nearby at which a connection carried on."""
    unbroken: tuple[str, ...] = ()
    """Finals nearby, with their seconds; so those that were told."""
    told: tuple[str, ...] = ()
    said: str = ""
    """The words that were said nearby."""


@dataclass(frozen=True)
class Judgment:
    """Of a round."""

    words: int
    """Of the unbroken run."""
    finals: int
    """Of the broken one."""
    places: tuple[Place, ...]
    faults: tuple[str, ...]
    """Promises that were broken, and clients that failed; also those of the unbroken run."""
    void: int
    """Committed words that were taken back, to be heard again."""
    otherwise: int
    """Of them, words that were heard otherwise then."""
    shifts: tuple[float, ...]
    """Seconds by which words begin earlier or later than unbroken."""


@dataclass
class _Found:
    places: list[Place] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)


def judge_round(address: str, talked: Talked) -> Judgment:
    """All clients of it. The server at the address is asked what it keeps."""
    found = _Found()
    for one in (*talked.unbroken, *(talked.control or ())):
        found.faults += _faults(talked.round, one, judge(one.events), "unbroken, ")
    for truth, log in zip(talked.unbroken, talked.broken, strict=True):
        _judge_client(address, talked, truth, log, found)
    for truth, log in zip(talked.unbroken, talked.control or (), strict=False):
        found.places += _places(talked, truth, log, "control")
    return Judgment(
        sum(len(words(log.events)) for log in talked.unbroken),
        sum(heard.finals for heard in found.heard),
        tuple(found.places),
        tuple(found.faults),
        sum(heard.void for heard in found.heard),
        sum(heard.otherwise for heard in found.heard),
        tuple(found.shifts),
    )


def _judge_client(address: str, talked: Talked, truth: Log, log: Log, found: _Found) -> None:
    number, heard, told = talked.round, judge(log.events), words(log.events)
    found.heard.append(heard)
    found.faults += _faults(number, log, heard, "")
    found.places += _places(talked, truth, log, "told")
    found.shifts += shifts(words(truth.events), told)
    try:
        stored = missing(address, log.sessions, told)
    except ServerError as error:
        found.faults.append(f"round {number}, client {log.client}: {error.message}")
        return
    found.places += [Place(number, log.client, "stored", what) for what in stored]


def _places(talked: Talked, truth: Log, log: Log, where: str) -> list[Place]:
    return [
        Place(
            talked.round,
            log.client,
            where,
            what,
            _resumed(log, what.at),
            _finals(truth, what.at),
            _finals(log, what.at),
            _said(talked.tracks[log.client], what.at),
        )
        for what in differences(words(truth.events), words(log.events))
    ]


def _resumed(log: Log, near: float) -> tuple[float, ...]:
    places = {event.at for event in log.events if isinstance(event, Resumed)}
    return tuple(sorted(at for at in places if abs(at - near) <= NEARBY))


def _finals(log: Log, near: float) -> tuple[str, ...]:
    return tuple(
        f"{event.start:.2f} to {event.end:.2f}: {event.text}"
        for event in log.events
        if isinstance(event, Final) and event.start - NEARBY <= near <= event.end + NEARBY
    )


def _said(track: Track, near: float) -> str:
    starts = ((word.text, word.start / SAMPLE_RATE) for word in track.words)
    return " ".join(text for text, start in starts if abs(start - near) <= NEARBY)


def _faults(number: int, log: Log, heard: Heard, which: str) -> list[str]:
    failed = [] if log.failure is None else [log.failure]
    return [
        f"round {number}, {which}client {log.client}: {why}" for why in (*failed, *heard.faults)
    ]


def count(places: Sequence[Place], where: str, kind: Kind) -> int:
    """Of one kind."""
    return sum(place.where == where and place.what.kind is kind for place in places)

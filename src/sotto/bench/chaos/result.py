"""What all rounds came to: figures for the result's file, and its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sotto.bench.chaos.differing import Kind
from sotto.bench.chaos.judging import Place, count
from sotto.bench.chaos.line import How, Line, Side
from sotto.bench.chaos.run import Chaos, Round
from sotto.bench.chaos.talking import Log
from sotto.bench.streams.score import Spread, spread
from sotto.client import Ready, Reconnecting

MOST_SHOWN = 200
"""Differences and faults that a result names; all are counted."""
MOVED = 0.5
"""Seconds by which a word's beginning may differ from the unbroken run's: the detector, begun anew,
opens an utterance some frames earlier or later, and with it the window that is decoded."""


@dataclass(frozen=True)
class Words:
    """That differ."""

    lost: int
    doubled: int
    changed: int

    @property
    def all(self) -> int:
        """Of all kinds."""
        return self.lost + self.doubled + self.changed


@dataclass(frozen=True)
class Result:
    """Of the whole run."""

    rounds: int
    hours: float
    """Of sound, of all clients, each round once."""
    words: int
    finals: int
    broken: dict[str, int]
    """How → connections that were cut or held up, and signals to the server."""
    live: int | None
    """Streams that were live at a kill, at least; None: there was none."""
    told: Words
    """Against the unbroken run."""
    stored: Words
    """Against what was told: `doubled` is stored and was not told."""
    control: Words | None
    """Between two unbroken runs."""
    moved: int
    """Words that begin `MOVED` or more earlier or later than unbroken."""
    shift: Spread | None
    """Seconds by which all do."""
    void: int
    otherwise: int
    faults: int
    reconnects: int
    tries: int
    """Connections that were asked for again, also in vain."""
    recovery: dict[str, Spread]
    """What broke → seconds until the client's next stream listened."""
    down: Spread | None
    """Seconds for which the server was."""
    sent_again: int
    """Bytes of clients beyond what an unbroken run sends."""
    sent: int
    """Bytes of clients."""
    late: float
    """Seconds by which this machine held up a client, at most, but while it waited for the line;
    so of unbroken runs. From 2 s on (`server.idle_flush`) it may have cut words in two itself."""
    late_unbroken: float
    places: tuple[Place, ...]
    why: tuple[str, ...]
    """The first faults."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost, doubled, changed, or otherwise than promised."""
        return not (self.told.all or self.stored.all or self.faults)


def result(chaos: Chaos) -> Result:
    """Of rounds that were run."""
    rounds, wanted = chaos.rounds, chaos.wanted
    places = [place for one in rounds for place in one.judgment.places]
    faults = [*chaos.faults, *(why for one in rounds for why in one.judgment.faults)]
    shifts = [shift for one in rounds for shift in one.judgment.shifts]
    strikes = [strike for one in rounds for strike in one.strikes]
    events = [event for one in rounds for log in one.logs for event in log.events]
    readies = sum(isinstance(event, Ready) for event in events)
    sent = _sent(line for one in rounds for line in one.lines)
    return Result(
        len(rounds),
        sum(one.seconds * len(one.logs) for one in rounds) / 3600,
        sum(one.judgment.words for one in rounds),
        sum(one.judgment.finals for one in rounds),
        _broken(rounds),
        min((strike.live for strike in strikes), default=None),
        _words(places, "told"),
        _words(places, "stored"),
        _words(places, "control") if wanted.control else None,
        sum(shift >= MOVED for shift in shifts),
        spread(shifts),
        sum(one.judgment.void for one in rounds),
        sum(one.judgment.otherwise for one in rounds),
        len(faults),
        readies - sum(len(one.logs) for one in rounds),
        sum(isinstance(event, Reconnecting) for event in events),
        _recovery(rounds),
        spread([strike.whole - strike.at for strike in strikes]),
        sent - _sent(line for one in rounds for line in one.unbroken),
        sent,
        max((log.late for one in rounds for log in one.logs), default=0.0),
        max((one.late for one in rounds), default=0.0),
        tuple(places[:MOST_SHOWN]),
        tuple(faults[:MOST_SHOWN]),
    )


def rows(of: Result) -> Iterator[tuple[str, str]]:
    """Name and value."""
    yield "hours of sound, of all streams", f"{of.hours:.2f}"
    yield "broken", ", ".join(f"{what} {number}" for what, number in of.broken.items()) or "nothing"
    if of.live is not None:
        yield "streams live at a kill, at least", f"{of.live}"
    yield "words, finals", f"{of.words}, {of.finals}"
    yield "words lost, doubled, changed", _three(of.told)
    yield "stored otherwise than told", _three(of.stored)
    if of.control is not None:
        yield "between two unbroken runs", _three(of.control)
    yield f"words that begin {MOVED:g} s elsewhere", f"{of.moved}"
    yield "committed, and heard again", f"{of.void}, of which otherwise {of.otherwise}"
    yield "promises broken", f"{of.faults}"
    yield "reconnected, tries", f"{of.reconnects}, {of.tries}"
    for what, spent in of.recovery.items():
        yield f"until it listened again, s: {what}", _percentiles(spent)
    if of.down is not None:
        yield "the server was down, s", _percentiles(of.down)
    yield "held up by this machine, s, at most", _late(of)
    yield "sent again", f"{100 * of.sent_again / max(of.sent, 1):.1f} % of {of.sent / 2**20:.1f} MB"


def _late(of: Result) -> str:
    return f"{of.late:.2f}, unbroken {of.late_unbroken:.2f}"


def _three(words: Words) -> str:
    return f"{words.lost}, {words.doubled}, {words.changed}"


def _percentiles(of: Spread) -> str:
    return f"p50 {of.p50:.2f}, p95 {of.p95:.2f}, p99 {of.p99:.2f}, at most {of.most:.2f}"


def _words(places: Sequence[Place], where: str) -> Words:
    return Words(*(count(places, where, kind) for kind in (Kind.LOST, Kind.DOUBLED, Kind.CHANGED)))


def _broken(rounds: Sequence[Round]) -> dict[str, int]:
    lines = (line for one in rounds for line in one.lines)
    own = Counter(str(broken.what.how) for line in lines for broken in line.broken)
    own.update(strike.what for one in rounds for strike in one.strikes)
    return dict(sorted(own.items()))


def _recovery(rounds: Sequence[Round]) -> dict[str, Spread]:
    found: dict[str, list[float]] = {}
    for one in rounds:
        for line, log in zip(one.lines, one.logs, strict=True):
            for what, at in _ends(line, one):
                if (spent := _until_ready(log, at)) is not None:
                    found.setdefault(what, []).append(spent)
    spreads = ((what, spread(values)) for what, values in sorted(found.items()))
    return {what: one for what, one in spreads if one is not None}


def _ends(line: Line, of: Round) -> Iterator[tuple[str, float]]:
    """Of a client's streams: what ended them, and when."""
    for broken in line.broken:
        if broken.what.how is not How.DELAY:
            yield str(broken.what.how), broken.at
    for strike in of.strikes:
        yield strike.what, strike.at


def _until_ready(log: Log, at: float) -> float | None:
    """Seconds from then until a stream listens; None where the client was done."""
    later = (
        arrival.at
        for arrival in log.arrivals
        if arrival.at > at and isinstance(arrival.event, Ready)
    )
    first = next(later, None)
    return None if first is None else first - at


def _sent(lines: Iterable[Line]) -> int:
    return sum(line.passed[Side.CLIENT] for line in lines)

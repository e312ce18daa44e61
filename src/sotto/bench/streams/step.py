"""One step: so many clients for so long, and what the server did meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sotto.audio.format import SAMPLE_RATE
from sotto.bench import figures
from sotto.bench.figures import Figures, Work, between
from sotto.bench.servers import Server
from sotto.bench.streams.counting import by_number
from sotto.bench.streams.generator import (
    Connected,
    Finished,
    Generator,
    GeneratorFailed,
    Order,
    generating,
)
from sotto.bench.streams.score import Place, Result, Spread, add_up, judge, spread, wer_of
from sotto.bench.usage import Usage
from sotto.clock import Clock

TICK = 1.0
"""Seconds between two looks at the server."""
OWN_LATENESS = 0.05
"""Seconds: where the generator's own messages are later than that (p99), it was the bottleneck."""
CONNECTING = 120.0
"""Seconds that all clients together may take to connect."""
STUCK = 60.0
"""Seconds beyond a step's length after which it is given up."""


@dataclass(frozen=True)
class Load:
    """What the server used while the counted utterances were said."""

    seconds: float
    cores: float | None = None
    """Of processor time, each second; None where its process is not known."""
    rss_first: int | None = None
    """Bytes, when counting began."""
    rss_most: int | None = None
    queue_most: float | None = None
    """Jobs that waited, at the worst of the looks; None where it tells no figures."""
    work: Work | None = None


@dataclass(frozen=True)
class Generated:
    """How well the generator kept its own time."""

    late: Spread | None
    """Seconds by which messages left late through its own fault."""
    sent_late: Spread | None
    """Seconds from when messages were due until they were handed over, whoever held them up."""
    cores: float

    @property
    def was_bottleneck(self) -> bool:
        """Then the step says nothing of the server."""
        return self.late is not None and self.late.p99 > OWN_LATENESS


@dataclass(frozen=True)
class Step:
    """All that one step gave."""

    clients: int
    result: Result
    generated: Generated
    load: Load
    paired_wer: float | None
    """Of the utterances that were heard as files too."""
    borne: bool = True
    why: tuple[str, ...] = field(default=())
    """Why it was not borne."""


@dataclass(frozen=True)
class Window:
    """When the counted utterances are said, in seconds after all clients are connected."""

    first: float
    last: float


@dataclass(frozen=True)
class Look:
    """At the server, at one time."""

    at: float
    usage: Usage | None
    figures: Figures | None


def measure(
    server: Server,
    order: Order,
    window: Window,
    clock: Clock,
    paired: Collection[Place] = (),
    rate: float | None = None,
) -> Step:
    """One step. Raises GeneratorFailed.

    `rate`: words for each second of sound of a model whose words mean nothing (`counting`).
    """
    with generating(order) as generator:
        looks, finished = _follow(generator, server, window, clock, _longest(order))
    heard = list(zip(order.tracks, finished.logs, strict=True))
    findings = [judge(track, log) for track, log in heard]
    result, same = add_up(findings), wer_of(findings, paired) if paired else None
    if rate is not None:
        numbered = [
            by_number(one, track, log, rate)
            for one, (track, log) in zip(findings, heard, strict=True)
        ]
        result, same = replace(add_up(numbered), wer=None), None
    return Step(len(order.tracks), result, generated(finished), load(looks), same)


def _longest(order: Order) -> float:
    """Seconds that a step may take once all are connected."""
    speaking = max(track.length for track in order.tracks) / SAMPLE_RATE
    return speaking + order.patience + STUCK


def _follow(
    generator: Generator, server: Server, window: Window, clock: Clock, longest: float
) -> tuple[list[Look], Finished]:
    """Look at the server within the window, until the clients are done."""
    looks: list[Look] = []
    began: float | None = None
    last = clock.monotonic() + longest + CONNECTING
    while clock.monotonic() < last:
        now = clock.monotonic()
        wait = TICK if began is None or now >= began + window.first else began + window.first - now
        match generator.hear(wait):
            case Finished() as finished:
                return looks, finished
            case Connected(at=at):
                began, last = at, at + longest
            case None:
                now = clock.monotonic()
                if began is not None and began + window.first <= now <= began + window.last:
                    told = figures.read(server.address) if server.tells_figures else None
                    looks.append(Look(now, server.usage(), told))
    raise GeneratorFailed(f"expected the clients to be done within {longest:g} s")


def load(looks: Sequence[Look]) -> Load:
    """From the first look to the last."""
    if not looks:
        return Load(0.0)
    first, last = looks[0], looks[-1]
    took = last.at - first.at
    used = [look.usage for look in looks if look.usage is not None]
    told = [look.figures for look in looks if look.figures is not None]
    return Load(
        took,
        cores=(used[-1].cpu - used[0].cpu) / took if len(used) > 1 else None,
        rss_first=used[0].rss if used else None,
        rss_most=max((one.rss for one in used), default=None),
        queue_most=max((one.total("sotto_queue") for one in told), default=None),
        work=between(told[0], told[-1]) if len(told) > 1 else None,
    )


def generated(finished: Finished) -> Generated:
    """Over all clients."""
    return Generated(
        spread([late for log in finished.logs for late in log.own]),
        spread([late for log in finished.logs for late in log.sent]),
        finished.cpu / finished.seconds,
    )


@dataclass(frozen=True)
class Bounds:
    """What makes a number of streams too many."""

    lag: float = 1.5
    """Seconds of p95 commit lag."""
    worse: float = 0.02
    """Of WER, beyond that of the first step: who drops words has no lag."""

    def check(self, step: Step, first: Step | None) -> Step:
        """The step with its verdict. `first`: the first step; None: this is the first."""
        why = tuple(self._faults(step, first))
        return replace(step, borne=not why, why=why)

    def _faults(self, step: Step, first: Step | None) -> Iterator[str]:
        result, lag = step.result, step.result.lag or step.result.claimed_lag
        if step.generated.was_bottleneck:
            yield "the generator was the bottleneck: this says nothing of the server"
        if result.failures:
            yield f"{len(result.failures)} streams ended early: {result.failures[0]}"
        if not result.words:
            yield "no utterance began in the time that is counted: it is too short"
        elif lag is None:
            yield "none of the words that were said was committed"
        elif lag.p95 > self.lag:
            yield f"p95 commit lag {lag.p95:.2f} s is over {self.lag:g} s"
        if first is None or result.wer is None or first.result.wer is None:
            return
        if result.wer > first.result.wer + self.worse:
            yield f"WER {100 * result.wer:.1f} % against {100 * first.result.wer:.1f} % at first"

"""What a connected stream costs in which nobody speaks: digital silence, sent at its pace.

The server is looked at with a few streams first, and with all of them after that; what one more
stream costs is the difference, so that what the first one brings into memory is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sotto.bench.servers import Server
from sotto.bench.streams.dialect import Dialect
from sotto.bench.streams.generator import Order
from sotto.bench.streams.plan import silent
from sotto.bench.streams.step import Step, Window, measure
from sotto.clock import Clock
from sotto.errors import BadOption, ServerError

FEW = 2
"""Streams that everything is held against."""
SETTLING = 3.0
"""Seconds after all are connected, before the looks."""


@dataclass(frozen=True)
class Result:
    """Of one more silent stream."""

    streams: int
    seconds: float
    """Between the first look and the last."""
    cpu_percent: float
    """Of one core."""
    rss: float
    """Bytes; what the allocator had free already costs nothing, so take many streams."""
    few: Step
    many: Step


def cost(
    server: Server,
    dialect: Dialect,
    clock: Clock,
    streams: int,
    seconds: float,
    tell: Callable[[str], None],
) -> Result:
    """Raises BadOption, GeneratorFailed, ServerError."""
    if streams <= FEW:
        raise BadOption("n", f"expected more than {FEW} streams, got {streams}")
    tell(f"{FEW} silent streams")
    few = _connected(server, dialect, clock, FEW, seconds)
    tell(f"{streams} silent streams")
    many = _connected(server, dialect, clock, streams, seconds)
    if many.result.failures:
        raise ServerError(
            f"expected {streams} streams, but {len(many.result.failures)} ended early: "
            f"{many.result.failures[0]}"
        )
    return held_against(few, many)


def held_against(few: Step, many: Step) -> Result:
    """What each stream more costs. Raises ServerError where it was not measured."""
    a, b, more = few.load, many.load, many.clients - few.clients
    if a.cores is None or b.cores is None or a.rss_most is None or b.rss_most is None:
        raise ServerError("expected figures of the server's process, got none: it needs --pid")
    return Result(
        many.clients,
        b.seconds,
        100 * (b.cores - a.cores) / more,
        (b.rss_most - a.rss_most) / more,
        few,
        many,
    )


def _connected(
    server: Server, dialect: Dialect, clock: Clock, streams: int, seconds: float
) -> Step:
    length = SETTLING + seconds + 1
    tracks = tuple(silent(client, length) for client in range(streams))
    order = Order(dialect, server.address, (), tracks)
    return measure(server, order, Window(SETTLING, SETTLING + seconds), clock)

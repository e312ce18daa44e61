"""What there is without an engine, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from sotto.bench.streams.score import Spread
from sotto.bench.virtual.step import Floor


def lines(floor: Floor) -> Iterator[str]:
    """How late words would be, and how many streams the sessions bear."""
    lag = floor.result.lag or floor.result.claimed_lag
    if lag is not None:
        yield f"if the engine took no time: p95 commit lag {lag.p95:.2f} s, {_of(lag)}"
    own = floor.cost
    yield (
        f"a stream's session alone: {100 * own.cores:.3f} % of a core, {own.jobs:.2f} jobs a "
        f"second; so one interpreter bears {1 / own.cores:.0f} at most"
    )


def _of(spread: Spread) -> str:
    return f"p50 {spread.p50:.2f} s, of {spread.count} words"

"""Spans at times of our own clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, Tracer
from opentelemetry.trace.propagation import set_span_in_context

from sotto.clock import Clock

Fact: TypeAlias = str | int | float
Facts: TypeAlias = Mapping[str, Fact]
"""Attributes, without the prefix that they are drawn with."""

PREFIX = "sotto."
DRIFT = 1.0
"""Seconds by which the wall's clock may differ from what we took it for: more, and it was set."""


class Pen:
    """Draws spans. Times are the Clock's monotonic seconds; on paper they are the wall's."""

    def __init__(self, tracer: Tracer, clock: Clock) -> None:
        self._tracer = tracer
        self._clock = clock
        self._epoch = clock.wall() - clock.monotonic()

    def now(self) -> float:
        """Clock time."""
        return self._clock.monotonic()

    def begin(
        self,
        name: str,
        at: float,
        facts: Facts,
        parent: Span | None = None,
        links: Iterable[SpanContext] = (),
    ) -> Span:
        """A span that is still open; without a parent it begins a trace."""
        if parent is None:
            self._look_at_the_wall()
        return self._tracer.start_span(
            name,
            context=Context() if parent is None else set_span_in_context(parent, Context()),
            attributes=_prefixed(facts),
            links=[Link(other) for other in links],
            start_time=self._paper(at),
        )

    def note(self, span: Span, facts: Facts) -> None:
        """More of an open span."""
        span.set_attributes(_prefixed(facts))

    def mark(self, span: Span, name: str, at: float) -> None:
        """Something that happened in an open span."""
        span.add_event(name, timestamp=self._paper(at))

    def end(self, span: Span, at: float, *, error: str = "") -> None:
        """Nothing more of it; `error`: what went wrong, by its code."""
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(self._paper(at))

    def _paper(self, at: float) -> int:
        """Nanoseconds since 1970."""
        return int((self._epoch + at) * 1e9)

    def _look_at_the_wall(self) -> None:
        epoch = self._clock.wall() - self._clock.monotonic()
        if abs(epoch - self._epoch) > DRIFT:
            self._epoch = epoch


def _prefixed(facts: Facts) -> dict[str, Fact]:
    return {PREFIX + name: value for name, value in facts.items()}

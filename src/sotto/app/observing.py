"""From settings to what is told of streams."""

from __future__ import annotations

from sotto.app.registry import plugin
from sotto.app.settings import Settings
from sotto.clock import Clock
from sotto.errors import BadOption
from sotto.runtime.observing import Observing
from sotto.runtime.tracing import Tracing


def build_observing(settings: Settings, clock: Clock) -> Observing:
    """As the settings have it. Raises BadOption where traces need a package that is not here."""
    return Observing(_tracing(settings, clock), settings.log.transcripts)


def _tracing(settings: Settings, clock: Clock) -> Tracing:
    trace = settings.trace
    if trace.endpoint is None or not trace.sample:
        return Tracing()
    try:
        sending = plugin("tracing", "otel")
    except ImportError as error:  # 10 MB that most servers need nothing of
        raise BadOption(
            "trace.endpoint", f"traces need a package more: pip install 'sotto[otel]' ({error})"
        ) from error
    tracing: Tracing = sending(trace.endpoint, clock, sample=trace.sample)
    return tracing

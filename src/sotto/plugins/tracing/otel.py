"""Traces by OpenTelemetry, sent over HTTP as OTLP has them. Its SDK is imported here alone."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import sotto
from sotto.clock import Clock
from sotto.interfaces.engine import DecodeJob
from sotto.plugins.tracing.answer import draw_answer
from sotto.plugins.tracing.pen import Facts, Pen
from sotto.plugins.tracing.stream import OtelStream
from sotto.runtime.about import About
from sotto.runtime.tracing import AnswerRun, BatchTrace, Mark, StreamTrace, Tracing

log = logging.getLogger(__name__)

QUEUE = 4_096
"""Spans that wait to be sent; what comes when there are so many takes the oldest one's place."""
SEND_SECONDS = 5.0
"""That a collector may take for one batch of spans, with all tries."""
CLOSE_SECONDS = 3.0
"""In which what waits may still be sent when the server stops."""
MOST_TRACEPARENT = 256
"""Characters that are looked at; a good one has 55."""


class OtelTracing(Tracing):
    """Draws a share of all utterances, and the batches in which they were decoded."""

    def __init__(
        self,
        exporter: SpanExporter,
        clock: Clock,
        *,
        sample: float,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`sample`: the share, 0 to 1. `draw`: a number from 0 up to 1 for each utterance."""
        self._exporter = exporter
        # No global provider: what other libraries would draw knows addresses, and keys in them.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create(
                {"service.name": "sotto", "service.version": sotto.__version__}
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
        self._pen = Pen(self._provider.get_tracer("sotto", sotto.__version__), clock)
        self._sample = sample
        self._draw = draw
        self._streams: WeakValueDictionary[str, OtelStream] = WeakValueDictionary()
        """Those that are open, by their sessions."""

    def stream(self, about: About) -> StreamTrace:
        """A stream; each of its utterances is drawn, or is not."""
        stream = OtelStream(self._pen, about, _caller(about.traceparent), self._chosen)
        self._streams[about.session] = stream
        return stream

    def batch(self, model: str, jobs: Sequence[tuple[DecodeJob, Mark]]) -> BatchTrace:
        """Drawn where any of its jobs is."""
        links = [mark for _, mark in jobs if isinstance(mark, SpanContext)]
        if not links:
            return BatchTrace()
        frames = [len(job.mel) for job, _ in jobs]
        facts: Facts = {"model": model, "jobs": len(jobs), "frames": max(frames)}
        span = self._pen.begin("batch", self._pen.now(), facts, links=links)
        return _OtelBatch(self._pen, span)

    def answered(self, about: About, run: AnswerRun) -> None:
        """In the trace of the utterance that it answers, where that is drawn; an answer to nothing
        that was said is a trace of its own, or is not drawn."""
        stream = None if run.heard is None else self._streams.get(about.session)
        utterance = None if stream is None else stream.newest
        if self._chosen() if stream is None else utterance is not None:
            draw_answer(self._pen, about, _caller(about.traceparent), run, utterance)

    def close(self) -> None:
        """A collector that does not answer is not waited for."""
        # Its own bound is 30 s.
        last = threading.Thread(target=self._provider.shutdown, name="last-traces", daemon=True)
        last.start()
        last.join(CLOSE_SECONDS)
        if last.is_alive():
            self._exporter.shutdown()

    def _chosen(self) -> bool:
        return self._draw() < self._sample


class _OtelBatch(BatchTrace):
    def __init__(self, pen: Pen, span: Span) -> None:
        self.mark: Mark = span.get_span_context()
        self._pen = pen
        self._span = span

    def end(self, *, error: str = "") -> None:
        """The engine is done."""
        self._pen.end(self._span, self._pen.now(), error=error)


class Sender(SpanExporter):
    """Sends spans, and says once that it cannot, and once that it can again."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """One batch; called in the SDK's own thread."""
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failed:
            log.warning("%s takes no traces: they are lost until it does", self._endpoint)
        elif self._failed and not failed:
            log.info("%s takes traces again", self._endpoint)
        self._failed = failed
        return result

    def shutdown(self) -> None:
        """Do not try again."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return True


def sending(endpoint: str, clock: Clock, *, sample: float) -> OtelTracing:
    """Traces to a collector; `endpoint` is its whole address, as http://localhost:4318/v1/traces.

    Further options are the SDK's own variables, as OTEL_EXPORTER_OTLP_HEADERS.
    """
    exporter = OTLPSpanExporter(endpoint, timeout=SEND_SECONDS)
    return OtelTracing(Sender(exporter, endpoint), clock, sample=sample)


def _caller(traceparent: str) -> SpanContext | None:
    """The span that a request names; None where it names none, or not as W3C has it."""
    carrier = {"traceparent": traceparent[:MOST_TRACEPARENT]}
    found = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    return found if found.is_valid else None

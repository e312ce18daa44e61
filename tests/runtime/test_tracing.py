from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import cycle

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from sotto.app.build import build_service, running
from sotto.app.settings import load
from sotto.audio.format import PcmFormat
from sotto.clock import SystemClock
from sotto.errors import EngineFailed, Gone
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority, Traits
from sotto.plugins.tracing.otel import OtelTracing
from sotto.runtime.about import About, about, telling_of
from sotto.runtime.batcher import Batcher, Ticket
from sotto.runtime.metrics import Metrics
from sotto.runtime.observing import Observing
from sotto.runtime.requests import StreamRequest
from sotto.runtime.runner import Heard, Surroundings, run_session
from sotto.runtime.schedule import Schedule
from sotto.streaming.options import SessionOptions
from sotto.streaming.session import Session
from sotto.testing.driving import cut
from sotto.testing.engines import OracleEngine, speak
from sotto.transcript.events import Event, Final, SpeechEnded
from sotto.transcript.options import AudioContext, DecodeOptions
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

WORDS = re.compile(rf"\b({'|'.join(CLIP_TEXT.split())})\b")
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """Tracing whose spans stay here."""

    def __init__(self, *, sample: float = 1.0, drawn: Sequence[float] = (0.5,)) -> None:
        numbers = cycle(drawn)
        self.exporter = InMemorySpanExporter()
        self.tracing = OtelTracing(
            self.exporter, SystemClock(), sample=sample, draw=lambda: next(numbers)
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        """All; once it is closed."""
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        found = [span for span in self.spans if span.name == name]
        return sorted(found, key=lambda span: span.start_time or 0)


def context(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def fact(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(f"sotto.{name}")


def number(span: ReadableSpan, name: str) -> float:
    value = fact(span, name)
    assert isinstance(value, int | float)
    return value


def lasted(span: ReadableSpan) -> float:
    """Seconds."""
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


async def hear_clip(traced: Traced) -> list[Event]:
    """A stream of the clip that ships, of a client that traces too."""
    pcm, told = pcm_s16le(CLIP), []
    service = build_service(load(environ={}), observing=Observing(traced.tracing))

    async def messages() -> AsyncIterator[bytes]:
        step = pcm.rate // 10 * 2
        for start in range(0, len(pcm.data), step):
            yield pcm.data[start : start + step]

    async def listen(event: Event) -> None:
        told.append(event)

    request = StreamRequest(sound=PcmFormat(sample_rate=pcm.rate), session="s1")
    async with running(service):
        await service.models.settled()
        with telling_of(traceparent=CALLER):
            async with service.open_stream(request, "stream", "anna") as stream:
                await stream.run(messages(), listen)
    return told


async def test_each_utterance_is_a_trace_of_its_road_without_a_word() -> None:
    traced = Traced()
    told = await hear_clip(traced)
    finals = [event.segment for event in told if isinstance(event, Final)]
    assert " ".join(final.text for final in finals) == CLIP_TEXT
    roots = traced.named("utterance")
    assert len({context(root).trace_id for root in roots}) == len(roots) == len(finals) == 4
    for root, final in zip(roots, finals, strict=True):
        assert root.parent is None
        assert dict(root.attributes or {}) == {
            "sotto.session": "s1",
            "sotto.utterance": final.id,
            "sotto.dialect": "stream",
            "sotto.model": "nano",
            "sotto.language": "en",
            "sotto.words": len(final.words),
            "sotto.audio_seconds": (final.end - final.start) / 100,
            "sotto.lag_seconds": fact(root, "lag_seconds"),
            "sotto.request.trace_id": CALLER[3:35],
        }
        assert 0 <= number(root, "lag_seconds") < 7.5
        (link,) = root.links
        assert f"{link.context.span_id:016x}" == CALLER[36:52]
        check_road(root, traced)
    whole = [span.to_json() for span in traced.spans]
    assert not [span for span in whole if WORDS.search(span)]
    assert not [span for span in whole if "anna" in span]


def check_road(root: ReadableSpan, traced: Traced) -> None:
    mine = [span for span in traced.spans if context(span).trace_id == context(root).trace_id]
    by_id = {context(span).span_id: span for span in mine}
    for span in mine:
        if span is not root:
            assert span.parent is not None
            above = by_id[span.parent.span_id]
            assert above.name == ("look" if span.name in ("queue", "decode") else "utterance")
            assert (above.start_time or 0) <= (span.start_time or 0)
            assert (span.end_time or 0) <= (above.end_time or 0)
    count = Counter(span.name for span in mine)
    assert count["door"] == count["store"] == count["utterance"] == 1
    assert count["look"] >= count["decode"] == count["queue"] >= 1
    assert [event.name for event in root.events] == ["speech_started", "speech_ended"]
    commits = [span for span in mine if span.name == "commit"]
    assert sum(number(span, "words") for span in commits) == number(root, "words")
    (door,) = (span for span in mine if span.name == "door")
    assert 0 < number(door, "busy_seconds") <= lasted(root)
    assert number(door, "pieces") >= number(root, "audio_seconds") / 0.1 - 5
    decodes = [span for span in mine if span.name in ("decode", "queue")]
    assert sum(map(lasted, decodes)) <= lasted(root)  # one job of a stream at a time


async def test_a_batch_and_its_jobs_know_each_other() -> None:
    traced = Traced()
    await hear_clip(traced)
    looks = {context(span).span_id for span in traced.named("look")}
    batches = {context(span).span_id: span for span in traced.named("batch")}
    assert batches
    for batch in batches.values():
        assert {link.context.span_id for link in batch.links} <= looks
        assert len(batch.links) == number(batch, "jobs")
    for decode in traced.named("decode"):
        (link,) = decode.links
        batch = batches[link.context.span_id]
        assert decode.parent is not None
        assert decode.parent.span_id in {other.context.span_id for other in batch.links}
        assert number(decode, "batch_size") == number(batch, "jobs")
        assert lasted(batch) <= lasted(decode)
    jobs = Counter(link.context.span_id for batch in batches.values() for link in batch.links)
    assert max(jobs.values()) == 1


async def test_only_a_share_is_drawn() -> None:
    traced = Traced(sample=0.4, drawn=[0.39, 0.4])  # the first and the third of four
    await hear_clip(traced)
    assert [fact(root, "utterance") for root in traced.named("utterance")] == [0, 2]
    drawn = {context(root).trace_id for root in traced.named("utterance")}
    batches = traced.named("batch")
    assert {link.context.trace_id for batch in batches for link in batch.links} == drawn
    others = [span for span in traced.spans if span.name != "batch"]
    assert {context(span).trace_id for span in others} == drawn


class Breaks(OracleEngine):
    """Fails on its first call."""

    called = False

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        if not self.called:
            self.called = True
            raise EngineFailed("the engine died")
        return super().decode(jobs)


async def test_what_broke_is_an_error_and_a_stream_that_was_cut_ends_its_traces() -> None:
    traced = Traced()
    metrics = Metrics()
    queue: Schedule[Ticket] = Schedule(max_batch=8, limit=10, exact=True)
    batcher = Batcher("oracle", Breaks(), queue, SystemClock(), metrics, traced.tracing)
    traits = Traits(audio_context=AudioContext.EXACT)
    watch = Observing(traced.tracing).stream("s1", "test", "oracle", None)
    session = Session(traits, SessionOptions())
    sound = speak([("alpha", 50, 100), ("bravo", 110, 190)], 600)

    async def heard() -> AsyncIterator[Heard]:
        for chunk in cut(sound, [10] * 60):
            yield chunk

    async def listen(event: Event) -> None:
        if isinstance(event, SpeechEnded):
            raise Gone("the client hung up")

    with pytest.raises(Gone), watch.telling(session):
        await run_session(session, heard(), listen, Surroundings(batcher, metrics, watch=watch))
    batcher.close()
    traced.tracing.close()
    first, second, *_ = traced.named("batch")
    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description == "engine_failed"
    assert second.status.status_code is StatusCode.UNSET
    (root,) = traced.named("utterance")
    assert fact(root, "words") == 2  # nobody was told, and yet it was decoded
    assert traced.named("store") == []


class Bursts(OracleEngine):
    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        raise RuntimeError("nobody foresaw this")


class Overhears(logging.Handler):
    """Whom lines tell of."""

    def __init__(self) -> None:
        super().__init__()
        self.of: list[About] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.of.append(about())


async def test_what_is_said_of_a_batch_is_not_said_of_who_came_first() -> None:
    queue: Schedule[Ticket] = Schedule(max_batch=8, limit=10, exact=True)
    batcher = Batcher("oracle", Bursts(), queue, SystemClock(), Metrics())
    overhears, logger = Overhears(), logging.getLogger("sotto.runtime.attempt")
    logger.addHandler(overhears)
    mel = speak([("alpha", 0, 16)], 16).mel
    with telling_of(session="s1"):
        ticket = batcher.submit(DecodeJob(1, mel, DecodeOptions(), Priority.PARTIAL))
    with pytest.raises(EngineFailed):
        await ticket.result
    logger.removeHandler(overhears)
    batcher.close()
    assert overhears.of == [About()]


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    code = """
import json, sys
from sotto.app.build import build_service
from sotto.app.settings import load
build_service(load(environ={}))
print(json.dumps(sorted(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    modules = json.loads(ended.stdout)
    assert "sotto.runtime.tracing" in modules
    apart = (
        "opentelemetry.sdk",
        "opentelemetry.exporter",
        "opentelemetry.proto",
        "sotto.plugins.tracing",
    )
    assert not [name for name in modules if name.startswith(apart)]

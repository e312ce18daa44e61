"""What those who run a server see of answers: figures, and a trace of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sotto.app.talk import watching
from sotto.bench.figures import parse
from sotto.clock import SystemClock
from sotto.dialogue.events import Ending, Reason, ResponseDone, Timing, Usage
from sotto.dialogue.request import Manner, ResponseRequest
from sotto.plugins.tracing.otel import OtelTracing
from sotto.runtime.about import About, telling_of
from sotto.runtime.metrics import Metrics
from sotto.runtime.tracing import Tracing
from sotto.transcript.events import Final, SpeechEnded, SpeechStarted
from sotto.transcript.words import Segment

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WHOLE = ResponseDone(
    request=ResponseRequest("resp_1", Manner(instructions="secret words")),
    ending=Ending.COMPLETED,
    items=(),
    usage=Usage(),
    timing=Timing(
        heard=0.7,
        first_word=0.2,
        last_word=0.9,
        first_phrase=0.3,
        first_sound=0.4,
        last_sound=1.0,
        over=1.1,
    ),
)
CUT = replace(
    WHOLE,
    ending=Ending.CANCELLED,
    reason=Reason.TURN,
    timing=Timing(first_word=0.2, over=0.25),
)
BROKEN = replace(
    WHOLE, ending=Ending.FAILED, timing=Timing(over=2.0), error=("chat_unavailable", "it is down")
)


def test_answers_are_counted_by_how_they_ended_and_timed_as_far_as_they_came() -> None:
    metrics = Metrics()
    watch = watching(metrics, Tracing())
    for done in (WHOLE, CUT, BROKEN):
        watch(done)
    figures = parse(metrics.render().decode())
    assert figures.by("sotto_answers_total", "ending") == {
        ("completed",): 1,
        ("cancelled",): 1,
        ("failed",): 1,
    }
    assert figures.total("sotto_turn_heard_seconds_sum") == pytest.approx(0.7)
    assert figures.total("sotto_answer_first_word_seconds_count") == 2
    assert figures.total("sotto_answer_first_sound_seconds_sum") == pytest.approx(0.4)


def drawn(*done: ResponseDone, sample: float = 1.0) -> Sequence[ReadableSpan]:
    exporter = InMemorySpanExporter()
    tracing = OtelTracing(exporter, SystemClock(), sample=sample, draw=lambda: 0.5)
    watch = watching(Metrics(), tracing)
    with telling_of(session="s1", dialect="realtime", traceparent=CALLER):
        for each in done:
            watch(each)
    tracing.close()
    return exporter.get_finished_spans()


def lasted(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_an_answer_is_one_trace_from_the_end_of_speech_to_its_own() -> None:
    spans = {span.name: span for span in drawn(WHOLE)}
    assert set(spans) == {"turn", "hear", "chat", "voice"}
    turn = spans["turn"]
    assert turn.parent is None
    assert {span.context.trace_id for span in spans.values() if span.context} == {
        turn.context.trace_id if turn.context else 0
    }
    assert {name: round(lasted(span), 3) for name, span in spans.items()} == {
        "turn": 1.8,
        "hear": 0.7,
        "chat": 0.9,
        "voice": 0.7,
    }
    assert dict(turn.attributes or {}) == {
        "sotto.session": "s1",
        "sotto.dialect": "realtime",
        "sotto.response": "resp_1",
        "sotto.ending": "completed",
        "sotto.request.trace_id": CALLER[3:35],
    }
    assert [f"{link.context.span_id:016x}" for link in turn.links] == [CALLER[36:52]]
    assert [event.name for event in spans["voice"].events] == ["first_sound"]
    assert not [span for span in spans.values() if "secret" in span.to_json()]


def test_an_answer_is_in_the_trace_of_the_utterance_that_it_answers() -> None:
    exporter = InMemorySpanExporter()
    tracing = OtelTracing(exporter, SystemClock(), sample=1.0, draw=lambda: 0.5)
    watch = watching(Metrics(), tracing)
    stream = tracing.stream(About(session="s1", dialect="realtime"))
    final = Final(Segment(0, 0, 100, (), "en"))
    for event in (SpeechStarted(0, 10), SpeechEnded(0, 90), final):
        stream.emit(event, 100)
        stream.told(event)
    with telling_of(session="s1", dialect="realtime"):
        watch(WHOLE)
        watch(replace(WHOLE, timing=CUT.timing))  # to what was written
    with telling_of(session="another", dialect="realtime"):
        watch(WHOLE)
    tracing.close()
    spans = exporter.get_finished_spans()
    (utterance,) = [span for span in spans if span.name == "utterance"]
    turns = [span for span in spans if span.name == "turn"]
    parents = [turn.parent and turn.parent.span_id for turn in turns]
    assert parents == [utterance.context.span_id, None, None]


def test_an_utterance_that_is_not_drawn_has_an_answer_that_is_not() -> None:
    exporter = InMemorySpanExporter()
    numbers = iter((0.9, 0.1))
    tracing = OtelTracing(exporter, SystemClock(), sample=0.5, draw=lambda: next(numbers))
    stream = tracing.stream(About(session="s1"))
    for event in (SpeechStarted(0, 10), Final(Segment(0, 0, 100, (), "en"))):
        stream.emit(event, 100)
        stream.told(event)
    with telling_of(session="s1"):
        watching(Metrics(), tracing)(WHOLE)
    tracing.close()
    assert exporter.get_finished_spans() == ()


def test_what_broke_is_the_traces_status_and_what_never_came_is_not_drawn() -> None:
    spans = {span.name: span for span in drawn(BROKEN)}
    assert set(spans) == {"turn", "chat"}
    assert spans["turn"].status.description == "chat_unavailable"


def test_of_answers_too_only_a_share_is_drawn() -> None:
    assert drawn(WHOLE, CUT, sample=0.4) == ()
    assert len(drawn(WHOLE, CUT, sample=0.6)) == 6

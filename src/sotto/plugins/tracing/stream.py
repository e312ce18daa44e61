"""One stream's utterances, each a trace: from the sound that began it to its final."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from opentelemetry.trace import Span, SpanContext

from sotto.audio.format import seconds
from sotto.errors import SottoError
from sotto.interfaces.engine import DecodeJob, Hypothesis
from sotto.plugins.tracing.pen import Fact, Facts, Pen
from sotto.runtime.about import About
from sotto.runtime.tracing import FINISHED, BatchRun, Look, Mark, StreamTrace
from sotto.transcript.events import Committed, Event, Final, SpeechEnded, SpeechStarted

Item = TypeVar("Item")

ARRIVALS = 4_096
"""Pieces of sound whose coming is remembered: 40 s of the shortest, and no utterance is longer."""


@dataclass(eq=False)
class _Spoken:
    """One utterance that has no final yet, or whose final was not told yet."""

    span: Span | None
    """None: it is not drawn."""
    began: float
    """Clock time at which the sound came in which the session found speech."""
    busy: float = 0.0
    """Of the door, in seconds, before the utterance began."""
    pieces: int = 0
    """That had come through the door by then."""
    words: int = 0


class OtelStream(StreamTrace):
    """Draws those utterances that `chosen` says."""

    def __init__(
        self, pen: Pen, about: About, caller: SpanContext | None, chosen: Callable[[], bool]
    ) -> None:
        self._pen = pen
        self._about = about
        self._caller = caller
        """The span of the request that opened the stream, in the client's own trace."""
        self._chosen = chosen
        self._came: float | None = None
        """When the message came that is at the door, or was there last."""
        self._busy = 0.0
        self._pieces = 0
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=ARRIVALS)
        """Frames heard, and when they were so many."""
        self._undecided: deque[_Spoken] = deque()
        """Utterances without a final: jobs are the first one's."""
        self._untold: dict[int, _Spoken] = {}
        self.newest: Span | None = None
        """The utterance whose final was told last; None: it is not drawn."""

    async def arriving(self, messages: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """Note when each message comes."""
        try:
            async for message in messages:
                self._came = self._pen.now()
                yield message
        finally:
            if isinstance(messages, AsyncGenerator):
                await messages.aclose()

    async def leaving(self, heard: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """Note how long each was at the door."""
        last: float | None = None
        async for item in heard:
            if self._came is not None and self._came != last:
                last = self._came
                self._busy += self._pen.now() - last
                self._pieces += 1
            yield item

    def hear(self, until: int) -> None:
        """Note when sound was heard."""
        self._arrivals.append((until, self._pen.now()))

    def emit(self, event: Event, frame: int) -> None:
        """Utterances begin, and get their words."""
        match event:
            case SpeechStarted(number):
                self._begin(number)
            case SpeechEnded(number):
                self._draw_door(self._untold[number])
            case Committed(number, words) if words:
                lags = [frame - word.end for word in words]
                self._draw_commit(self._untold[number], len(words), max(lags), frame)
            case Final(segment):
                spoken = self._undecided.popleft()
                if spoken.span is not None:
                    facts: Facts = {
                        "words": spoken.words,
                        "language": segment.language,
                        "audio_seconds": seconds(segment.end - segment.start),
                        "lag_seconds": seconds(frame - segment.end),
                    }
                    self._pen.note(spoken.span, facts)

    def look(self, job: DecodeJob) -> Look:
        """A look at the oldest utterance without a final."""
        span = self._undecided[0].span if self._undecided else None
        if span is None:
            return Look()
        return _OtelLook(self._pen, span, job)

    def keeping(self, utterance: int) -> AbstractContextManager[None]:
        """The span `store`."""
        spoken = self._untold.get(utterance)
        if spoken is None or spoken.span is None:
            return nullcontext()
        return self._draw_store(spoken.span)

    def told(self, event: Event) -> None:
        """An utterance is over with its final."""
        if isinstance(event, Final):
            spoken = self._untold.pop(event.segment.id, None)
            self.newest = spoken.span if spoken else None
            if self.newest is not None:
                self._pen.end(self.newest, self._pen.now())

    def close(self, reason: str) -> None:
        """What has no final by now will have none."""
        for spoken in self._untold.values():
            if spoken.span is not None:
                error = "" if reason == FINISHED else reason
                self._pen.end(spoken.span, self._pen.now(), error=error)
        self._untold.clear()
        self._undecided.clear()

    def _begin(self, number: int) -> None:
        now, span = self._pen.now(), None
        began = now if self._came is None else self._came
        if self._chosen():
            about = self._about
            facts: dict[str, Fact] = {
                "session": about.session,
                "utterance": number,
                "dialect": about.dialect,
                "model": about.model,
            }
            links = []
            if self._caller is not None:
                facts["request.trace_id"] = f"{self._caller.trace_id:032x}"
                links.append(self._caller)
            span = self._pen.begin("utterance", began, facts, links=links)
        spoken = _Spoken(span, began, self._busy, self._pieces)
        self._undecided.append(spoken)
        self._untold[number] = spoken
        if span is not None:
            self._pen.mark(span, "speech_started", now)

    def _draw_door(self, spoken: _Spoken) -> None:
        """From the first of its sound to the last; how long the door was busy is a fact of it."""
        if spoken.span is None:
            return
        now = self._pen.now()
        self._pen.mark(spoken.span, "speech_ended", now)
        facts: Facts = {
            "busy_seconds": self._busy - spoken.busy,
            "pieces": self._pieces - spoken.pieces,
        }
        self._pen.end(self._pen.begin("door", spoken.began, facts, spoken.span), now)

    def _draw_commit(self, spoken: _Spoken, words: int, lag: int, frame: int) -> None:
        """From when the earliest of the words had been heard to their being committed."""
        spoken.words += words
        if spoken.span is None:
            return
        facts: Facts = {"words": words, "lag_seconds": seconds(lag)}
        began = max(self._heard_at(frame - lag), spoken.began)
        self._pen.end(self._pen.begin("commit", began, facts, spoken.span), self._pen.now())

    def _heard_at(self, frame: int) -> float:
        """When so many frames had been heard."""
        heard_at = self._pen.now()
        for until, at in reversed(self._arrivals):
            if until < frame:
                break
            heard_at = at
        return heard_at

    @contextmanager
    def _draw_store(self, parent: Span) -> Iterator[None]:
        span = self._pen.begin("store", self._pen.now(), {}, parent)
        error = "cancelled"
        try:
            yield
            error = ""
        except SottoError as failure:
            error = failure.code
            raise
        finally:
            self._pen.end(span, self._pen.now(), error=error)


class _OtelLook(Look):
    """The spans `look`, and in it `queue` and `decode`."""

    def __init__(self, pen: Pen, utterance: Span, job: DecodeJob) -> None:
        facts: Facts = {
            "priority": job.priority.name.lower(),
            "frames": len(job.mel),
            "prefix_tokens": len(job.prefix),
        }
        self._pen = pen
        self._span = pen.begin("look", pen.now(), facts, utterance)
        self.mark: Mark = self._span.get_span_context()

    def end(self, since: float, run: BatchRun | None, heard: Hypothesis | None) -> None:
        """Draw what is known only now."""
        pen, now = self._pen, self._pen.now()
        if run is None:
            pen.note(self._span, {"outcome": "withdrawn" if heard is None else "elsewhere"})
            pen.end(self._span, now)
            return
        pen.end(pen.begin("queue", since, {}, self._span), run.began)
        links = [run.mark] if isinstance(run.mark, SpanContext) else []
        decode = pen.begin("decode", run.began, {"batch_size": run.size}, self._span, links)
        if heard is not None:
            tokens = sum(len(word.tokens) for word in heard.tail)
            facts: Facts = {
                "words": len(heard.tail),
                "tokens": tokens,
                "language": heard.language,
                "audio_context": heard.audio_context.value,
            }
            pen.note(decode, facts)
        error = "engine_failed" if heard is None else ""
        pen.end(decode, run.ended, error=error)
        pen.end(self._span, now, error=error)

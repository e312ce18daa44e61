"""The core: frames and hypotheses in, events and decode jobs out. No I/O, no clock.

Frames come by `receive`; what they lead to comes out as actions. The driver gives each job's
hypothesis to `receive_result`, whenever it has one. Time is the number of frames received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from sotto.audio.buffer import FrameBuffer
from sotto.audio.chunk import MelChunk
from sotto.interfaces.engine import BUCKET, DecodeJob, Hypothesis, Priority, Traits
from sotto.streaming.actions import Action, Decode, Emit
from sotto.streaming.flights import Flight, Flights
from sotto.streaming.guards import Verdict, judge
from sotto.streaming.language import LanguageMemory
from sotto.streaming.looks import Looks
from sotto.streaming.options import SessionOptions
from sotto.streaming.packing import Piece, ahead, is_empty, pack, share, sound_of
from sotto.streaming.segmenter import Began, Boundary, Ended, Segmenter
from sotto.streaming.utterance import Utterance
from sotto.transcript.events import Committed, Final, Partial, SpeechEnded, SpeechStarted
from sotto.transcript.options import AudioContext

CONTEXT_CHARACTERS = 400
"""Of earlier text that helps the decoder; its prompt holds 223 tokens at most."""

BACKLOG = 8
"""Utterances of a live session that may wait."""
FILE_BACKLOG = 4
"""The same of a file, for each window that may be decoded at once."""


class Session:
    """One stream of sound that becomes text. Not for two threads at once."""

    def __init__(self, traits: Traits, options: SessionOptions) -> None:
        self._traits = traits
        self._options = options
        self._segmenter = Segmenter(options.segmenter.within(traits.longest), options.air)
        self._looks = Looks(options.policy, self._segmenter, whole=options.whole_partials)
        self._buffer = FrameBuffer(traits.n_mels)
        self._utterances: deque[Utterance] = deque()
        self._language = LanguageMemory(options.decode.language)
        self._text = options.text[-CONTEXT_CHARACTERS:]
        self._flights = Flights()
        self._begun = options.first
        self._backlog = max(BACKLOG, FILE_BACKLOG * options.lookahead)
        self._frame = 0
        self._finished = False

    @property
    def frame(self) -> int:
        """Frames received."""
        return self._frame

    @property
    def is_full(self) -> bool:
        """Whether so many utterances wait for their final that no more sound should come yet."""
        return len(self._utterances) > self._backlog

    @property
    def language(self) -> str:
        """What is spoken, as far as is known."""
        known = self._language.given or self._language.likely
        return known or self._traits.languages[0]

    @property
    def utterances(self) -> int:
        """Utterances that have begun."""
        return self._begun - self._options.first

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance is open."""
        return bool(self._utterances) and self._utterances[-1].end is None

    @property
    def is_alert(self) -> bool:
        """Whether an utterance is open, or may be about to."""
        return self._segmenter.is_alert

    @property
    def spoken(self) -> int:
        """The frame after the last that was speech."""
        return self._segmenter.spoken

    @property
    def settled(self) -> int | None:
        """No word to come begins before this frame; None while an utterance is open, or waits."""
        return None if self._utterances else self._segmenter.earliest

    @property
    def newest(self) -> int:
        """The number of the utterance that began last."""
        return self._begun - 1

    @property
    def is_done(self) -> bool:
        """Whether all is said."""
        return self._finished and not self._utterances

    def receive(self, chunk: MelChunk) -> Iterator[Action]:
        """Take the frames that follow. Consume the iterator wholly.

        Actions come out at the frame that leads to them, so that a driver that answers at once
        (`receive_result` between two actions) sees the same events however the sound is cut.
        """
        self._buffer.append(chunk)
        quiet = 0 if self._utterances else self._segmenter.skip_quiet(chunk.speech)
        self._frame += quiet
        for speech in chunk.speech[quiet:].tolist():
            self._frame += 1
            boundaries = self._segmenter.step(speech)
            for boundary in boundaries:
                yield from self._mark(boundary)
            if boundaries or self._is_due():
                yield from self._plan()
        self._forget()

    def receive_result(self, hypothesis: Hypothesis) -> list[Action]:
        """Take what the engine heard for one of the jobs."""
        flight = self._flights.land(hypothesis.job)
        if flight is None:
            return []
        verdict = judge(hypothesis, flight.speech, self._options.guards)
        allowed = self._traits.second_look and not flight.looked_twice
        doubtful = verdict.suspicion and hypothesis.settled  # else nothing of it counts anyway
        if allowed and doubtful and hypothesis.audio_context is not AudioContext.FULL:
            return [self._flights.send_again(flight)]
        if flight.final:
            actions = self._hear_final(flight, hypothesis, verdict)
        else:
            actions = self._hear_partial(flight, hypothesis, verdict)
        return [*actions, *self._plan()]

    def receive_refusal(self) -> None:
        """The job that `replaces` came too late: the one before it has begun, and goes on."""
        running = self._flights.take_back()
        utterance = running.pieces[0].utterance
        utterance.seen = running.pieces[0].end
        utterance.paused = running.paused

    def flush(self) -> list[Action]:
        """End the open utterance here; sound may still follow."""
        ended = self._segmenter.flush()
        return [*self._mark(ended), *self._plan()] if ended else []

    def finish(self) -> list[Action]:
        """No more sound comes."""
        self._finished = True
        return self.flush() or [*self._plan()]

    # ---- boundaries

    def _mark(self, boundary: Boundary) -> Iterator[Action]:
        match boundary:
            case Began(start, at):
                number = self._begun
                self._begun += 1
                utterance = Utterance(number, start, start, told=start, seen=start + BUCKET)
                self._utterances.append(utterance)
                yield Emit(SpeechStarted(number, at))
            case Ended(end, at, missing):
                utterance = self._utterances[-1]
                utterance.end, utterance.missing = end, missing
                yield Emit(SpeechEnded(utterance.id, at))

    def _forget(self) -> None:
        oldest = min((u.window_start for u in self._utterances), default=self._frame)
        self._buffer.forget(min(oldest, self._segmenter.earliest))

    # ---- what to decode next

    def _is_due(self) -> bool:
        if not self._options.partials or not self._utterances:
            return False
        return self._looks.is_due(self._utterances[0], self._frame)

    def _plan(self) -> Iterator[Action]:
        if self._options.is_file:
            yield from self._plan_ahead()
            return
        if self._flights.is_held:
            return
        if self._is_due():
            piece = self._looks.take(self._utterances[0], self._frame)
            yield self._decode((piece,), Priority.PARTIAL)
        while self._utterances and self._utterances[0].end is not None:
            pieces = pack([self._utterances[0]], 0)
            if self._utterances[0].is_heard:
                yield from self._close_heard(self._utterances[0])
            elif not is_empty(pieces):
                yield self._decode(tuple(pieces), Priority.FINAL)
                return
            else:
                yield from self._close_empty(pieces)

    def _plan_ahead(self) -> Iterator[Action]:
        """Finals of a file, as many at once as may be: the decoder takes them in one batch."""
        wanted = self._options.lookahead
        context = self._options.decode.audio_context or self._traits.audio_context
        # One utterance more, and no sound comes until some of them were heard.
        is_all = self._finished or len(self._utterances) >= self._backlog
        ready = ahead(self._utterances, self._flights.utterances, context, is_all=is_all)
        if len(ready) < wanted and not is_all:
            return
        for pieces in ready[: wanted - len(self._flights)]:
            if is_empty(pieces):
                yield from self._close_empty(pieces)
            else:
                yield self._decode(tuple(pieces), Priority.FILE)

    def _close_empty(self, pieces: list[Piece]) -> Iterator[Action]:
        """All that was said is committed already: a window that slid on reached the end."""
        for piece in pieces:
            piece.utterance.close(None, self.language)
        yield from self._release()

    def _close_heard(self, utterance: Utterance) -> Iterator[Action]:
        """What was heard in the pause is its final."""
        assert utterance.early is not None
        utterance.held = utterance.commit(len(utterance.history[-1]))
        utterance.close(utterance.early, utterance.early.language)
        yield from self._release()

    def _decode(self, pieces: tuple[Piece, ...], priority: Priority) -> Decode:
        first = pieces[0].utterance
        mel, speech = sound_of(self._buffer, pieces)
        final = priority is not Priority.PARTIAL
        job = DecodeJob(
            id=self._flights.number(),
            mel=mel,
            options=self._options.decode,
            priority=priority,
            language=self._language.given or first.language,
            likely_language=self._language.likely,
            prefix=first.prefix,
            context=self._text_before(first),
            stop_at=None if final else self._looks.stop_at(pieces[0]),
            replaces=not self._options.is_file and bool(self._flights),
        )
        return self._flights.send(Flight(job, pieces, speech, first.paused, final))

    def _text_before(self, utterance: Utterance) -> str:
        if self._options.is_file or not self._options.use_context:
            return ""
        return (self._text + utterance.left)[-CONTEXT_CHARACTERS:]

    # ---- what was heard

    def _hear_partial(
        self, flight: Flight, hypothesis: Hypothesis, verdict: Verdict
    ) -> Iterator[Action]:
        piece = flight.pieces[0]
        utterance, policy = piece.utterance, self._options.policy
        utterance.language = utterance.language or self._language.learn(hypothesis)
        whole = hypothesis.is_whole
        tail = utterance.hear(verdict.tail, piece.start, whole=whole)
        paused = flight.paused is not None
        final = paused and whole and piece.start == utterance.window_start
        utterance.early = hypothesis if final else None
        safe = policy.commit(utterance.history, piece.end, paused=paused)
        if safe := 0 if verdict.suspicion else min(safe, utterance.own(tail, whole=whole)):
            yield Emit(Committed(utterance.id, utterance.commit(safe)))
            self._segmenter.settle(utterance.committed[-1].end)
        shown = tuple(heard.word for heard in tail[safe:])
        if shown != utterance.shown:
            utterance.shown = shown
            yield Emit(Partial(utterance.id, shown, piece.end))
        if policy.overlap is not None:
            utterance.slide(piece.end, policy.overlap)

    def _hear_final(
        self, flight: Flight, hypothesis: Hypothesis, verdict: Verdict
    ) -> Iterator[Action]:
        for piece, mine in share(flight.pieces, verdict.tail):
            utterance = piece.utterance
            utterance.language = utterance.language or self._language.learn(hypothesis)
            tail = utterance.hear(mine, piece.start - piece.offset)
            utterance.held = utterance.commit(len(tail))
            utterance.close(hypothesis, hypothesis.language)
        yield from self._release()

    def _release(self) -> Iterator[Action]:
        """Finals leave in order, whichever was heard first."""
        while self._utterances and self._utterances[0].final is not None:
            utterance = self._utterances.popleft()
            segment = utterance.final
            assert segment is not None
            if utterance.held:
                yield Emit(Committed(utterance.id, utterance.held))
            text = "".join(word.text for word in segment.words)
            self._text = (self._text + text)[-CONTEXT_CHARACTERS:]
            yield Emit(Final(segment))

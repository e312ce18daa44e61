"""What its listener was told of an answer, so that it can be closed at any moment."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from dataclasses import replace

from sotto.dialogue.events import (
    AudioDelta,
    CallDelta,
    Ending,
    ItemDone,
    ItemStarted,
    Place,
    Reason,
    ResponseDone,
    TalkEvent,
    TextDelta,
    Usage,
)
from sotto.dialogue.heard import ROUNDING, SAMPLES_PER_MS
from sotto.dialogue.items import FunctionCall, Item, Message, Status
from sotto.dialogue.progress import Stopwatch, Tape, message
from sotto.dialogue.request import ResponseRequest
from sotto.errors import BadOption

SAMPLE_BYTES = 2


class Told:
    """One answer, from the side of those who hear it. Its Answer is ahead of that."""

    def __init__(self, request: ResponseRequest, tape: Tape, watch: Stopwatch) -> None:
        """`tape` and `watch`: the Answer's."""
        self.request = request
        self.task: asyncio.Task[None] | None = None
        self.context = copy_context()
        """Of whom a line in the log tells, while it is begun."""
        self.is_over = False
        """Whether nothing more of it is told."""
        self.message: str | None = None
        """The id of what it says."""
        self.samples = 0
        """Of its sound, at OUTPUT_RATE."""
        self._tape = tape
        self._watch = watch
        self._begun: dict[int, tuple[Place, Item]] = {}
        """By output; no item is taken out again."""
        self._done: set[int] = set()
        self._said: dict[int, str] = {}
        """Words, or arguments."""

    @property
    def length(self) -> int:
        """Milliseconds of its sound."""
        return self.samples // SAMPLES_PER_MS

    def check(self, audio_end_ms: int) -> None:
        """Raises BadOption where not so much of its sound was told."""
        if not 0 <= audio_end_ms <= self.length + ROUNDING:
            raise BadOption(
                "audio_end_ms",
                f"expected 0 to {self.length} ms of this item, got {audio_end_ms}",
            )

    def begin(self, event: ItemStarted) -> None:
        """It is going to be told."""
        self._begun[event.at.output] = event.at, event.item
        if isinstance(event.item, Message):
            self.message = event.item.id

    def note(self, event: TalkEvent) -> None:
        """It is told now."""
        match event:
            case TextDelta(at, said) | CallDelta(at, _, said):
                self._said[at.output] = self._said.get(at.output, "") + said
            case AudioDelta(pcm=pcm):
                self.samples += len(pcm) // SAMPLE_BYTES
            case ItemDone(at, item):
                self._begun[at.output] = at, item
                self._done.add(at.output)
            case ResponseDone():
                self.is_over = True
            case _:
                pass

    def stamped(self, event: TalkEvent, generation: int) -> TalkEvent:
        """As it is told now. An answer apart is not interrupted: it is never out of date."""
        if not self.request.is_apart:
            return event
        match event:
            case ItemStarted(at) | TextDelta(at) | AudioDelta(at) | CallDelta(at) | ItemDone(at):
                return replace(event, at=replace(at, generation=generation))
            case _:
                return event

    def close(self, reason: Reason) -> tuple[ItemDone | ResponseDone, ...]:
        """The last events of an answer that was stopped."""
        self.is_over = True
        self._watch.mark("over")
        items = {output: self._item(output) for output in sorted(self._begun)}
        done = ResponseDone(
            request=self.request,
            ending=Ending.CANCELLED,
            items=tuple(items.values()),
            usage=Usage(spoken=self.samples),
            timing=self._watch.timing,
            reason=reason,
        )
        undone = [output for output in items if output not in self._done]
        return (*(ItemDone(self._begun[output][0], items[output]) for output in undone), done)

    def _item(self, output: int) -> Item:
        """As far as it was told."""
        _, item = self._begun[output]
        said = self._said.get(output, "")
        if output in self._done:
            return item
        if isinstance(item, FunctionCall):
            return replace(item, arguments=said, status=Status.INCOMPLETE)
        heard = (phrase for phrase in self._tape.phrases() if phrase.start < self.samples)
        phrases = tuple(heard) if self.request.manner.speaks else None
        return message(item.id, said, Status.INCOMPLETE, phrases)

"""What is told of an utterance on its road: to nobody here, or to who draws it as a trace.

Each method is called on the event loop and comes back at once. None is told a word that was said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from sotto.interfaces.engine import DecodeJob, Hypothesis
from sotto.runtime.about import About
from sotto.transcript.events import Event

Item = TypeVar("Item")

Mark: TypeAlias = object | None
"""By which one trace refers to another, known to who draws them alone; None: it is not drawn."""


FINISHED = "finished"
"""Why most streams end."""


@dataclass(frozen=True)
class BatchRun:
    """The batch in which a job ran; in an engine that is joined at any step, the job's own time."""

    began: float
    """Clock time."""
    ended: float
    """Clock time."""
    size: int
    """Jobs; where they join at any step, those that were in when it had joined."""
    mark: Mark = None


@dataclass(frozen=True)
class AnswerRun:
    """An answer of a conversation that is over. Seconds since its turn's text, or the request, was
    there; None: it never came to that."""

    response: str
    ending: str
    """`completed`, or how else it ended."""
    took: float
    """To its end."""
    heard: float | None = None
    """From the end of the turn's speech to its text."""
    first_word: float | None = None
    """Of the language model."""
    last_word: float | None = None
    first_phrase: float | None = None
    """That could be spoken."""
    first_sound: float | None = None
    last_sound: float | None = None
    error: str = ""
    """What broke, by its code."""


class BatchTrace:
    """Told of one batch."""

    mark: Mark = None

    def end(self, *, error: str = "") -> None:
        """The engine is done with it; `error`: what broke, by its code."""


class Look:
    """Told of one job: a look at an utterance."""

    mark: Mark = None

    def end(self, since: float, run: BatchRun | None, heard: Hypothesis | None) -> None:
        """It is done, or was withdrawn.

        `since`: Clock time of handing in. `run`: None where it was withdrawn before it ran, or ran
        in another process. `heard`: None where it was not decoded.
        """


class StreamTrace:
    """Told of one stream."""

    def arriving(self, messages: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """The same messages, on their way to the door."""
        return messages

    def leaving(self, heard: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """The same chunks, as they come from the door."""
        return heard

    def hear(self, until: int) -> None:
        """The session is about to hear the sound up to that frame."""

    def emit(self, event: Event, frame: int) -> None:
        """The session said something; it had heard so many frames by then."""

    def look(self, job: DecodeJob) -> Look:
        """A job of the oldest utterance that has no final yet is about to be handed in."""
        return Look()

    def keeping(self, utterance: int) -> AbstractContextManager[None]:
        """For as long as its final is being stored."""
        return nullcontext()

    def told(self, event: Event) -> None:
        """The client was told, or is gone."""

    def close(self, reason: str) -> None:
        """The stream is over: FINISHED, or the code of what ended it."""


class Tracing:
    """One server's."""

    def stream(self, about: About) -> StreamTrace:
        """A stream begins."""
        return StreamTrace()

    def batch(self, model: str, jobs: Sequence[tuple[DecodeJob, Mark]]) -> BatchTrace:
        """A batch is about to run, or a job that has joined others."""
        return BatchTrace()

    def answered(self, about: About, run: AnswerRun) -> None:
        """An answer is over just now."""

    def close(self) -> None:
        """Send what waits, in a bounded time, and let go. Blocks: not for the event loop."""

"""Drivers without threads or clocks: a session and an engine, played through at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from sotto.audio.chunk import MelChunk
from sotto.interfaces.engine import DecodeJob, Engine
from sotto.streaming.actions import Action, Emit
from sotto.streaming.session import Session
from sotto.transcript.events import Event


def cut(chunk: MelChunk, lengths: Iterable[int]) -> Iterator[MelChunk]:
    """The chunk in pieces of these lengths; what is left is the last piece."""
    at = chunk.start
    for length in lengths:
        if at >= chunk.end:
            return
        yield chunk.between(at, at + length)
        at += length
    if at < chunk.end:
        yield chunk.between(at, chunk.end)


def drive(session: Session, engine: Engine, chunks: Iterable[MelChunk]) -> list[Event]:
    """All events, where each job is answered before another frame is heard."""
    events: list[Event] = []

    def act(action: Action) -> None:
        if isinstance(action, Emit):
            events.append(action.event)
            return
        for following in session.receive_result(engine.decode([action.job])[0]):
            act(following)

    for chunk in chunks:
        for action in session.receive(chunk):
            act(action)
    for action in session.finish():
        act(action)
    return events


class SlowDriver:
    """Answers a job only when told to, as a loaded server does; keeps what a batcher keeps."""

    def __init__(self, session: Session, engine: Engine) -> None:
        self.session = session
        self.events: list[Event] = []
        self.refused = 0
        self._engine = engine
        self._waiting: deque[DecodeJob] = deque()
        self._begun: deque[DecodeJob] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether no job is out."""
        return not self._waiting and not self._begun

    def act(self, actions: Iterable[Action]) -> None:
        """Do what a session asks for."""
        for action in actions:
            if isinstance(action, Emit):
                self.events.append(action.event)
            elif action.job.replaces and self._begun:
                self.refused += 1
                self.session.receive_refusal()
            else:
                if action.job.replaces:
                    self._waiting.clear()
                self._waiting.append(action.job)

    def begin(self) -> None:
        """The engine takes the jobs that wait."""
        self._begun.extend(self._waiting)
        self._waiting.clear()

    def answer(self, *, last: bool = False) -> None:
        """The engine gives the result of its first job, or of its last."""
        self.begin()
        if self._begun:
            job = self._begun.pop() if last else self._begun.popleft()
            self.act(self.session.receive_result(self._engine.decode([job])[0]))

"""The streams that are open now: what can be said of them, and how one is ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sotto.clock import Clock, SystemClock
from sotto.errors import UnknownSession
from sotto.runtime.names import Hold
from sotto.streaming.session import Session


@dataclass(frozen=True, eq=False)
class LiveStream:
    """One stream, from its beginning to its last word."""

    id: str
    dialect: str
    model: str
    owner: str | None
    """None: everybody's."""
    session: Session
    hold: Hold
    since: float = 0.0
    """Clock time of its beginning; `present` notes it."""

    @property
    def is_ending(self) -> bool:
        """Whether no more of its sound is taken."""
        return self.hold.wanted.is_set()

    def end(self) -> None:
        """Take no more of its sound: what was heard is decoded, stored and told, and it is over."""
        self.hold.wanted.set()


class LiveStreams:
    """Those of one process, by their ids. Lives in one event loop."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self._open: dict[str, LiveStream] = {}

    @contextmanager
    def present(self, stream: LiveStream) -> Iterator[None]:
        """The stream is among them for as long as the context lasts."""
        stream = self._open[stream.id] = replace(stream, since=self.clock.monotonic())
        try:
            yield
        finally:
            if self._open.get(stream.id) is stream:
                del self._open[stream.id]

    def snapshot(self) -> list[LiveStream]:
        """All of them, the one that began first first."""
        return list(self._open.values())

    def find(self, name: str) -> LiveStream:
        """Raises UnknownSession."""
        try:
            return self._open[name]
        except KeyError:
            raise UnknownSession(name, "is open") from None

"""One open stream, for whoever brings its sound and takes its events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sotto.errors import Superseded
from sotto.interfaces.engine import Traits
from sotto.runtime.carrying import Start
from sotto.runtime.closing import Closing, End
from sotto.runtime.door import WayIn
from sotto.runtime.front_end import FrontEnd
from sotto.runtime.intake import Message, hear_stream
from sotto.runtime.names import Hold
from sotto.runtime.quota import metered
from sotto.runtime.requests import Place
from sotto.runtime.runner import Heard, Listener, Surroundings, run_session
from sotto.runtime.until import until
from sotto.streaming.session import Session
from sotto.transcript.events import Warned

STALLED = 60.0
"""Seconds in which a client that comes back may send nothing, and no word is cut for it: it says
itself that its sound pauses, so that more likely its line does not carry any."""


@dataclass(frozen=True)
class Stream:
    """One open stream."""

    id: str
    model: str
    traits: Traits
    session: Session
    warnings: tuple[Warned, ...]
    """What the client should know before it sends sound."""
    start: Start
    """Where it begins on the clock of its session, which is its listener's."""
    _place: Place | None
    _door: WayIn
    _front_end: FrontEnd
    _around: Surroundings
    _idle: float
    _hold: Hold
    _closing: Closing

    @property
    def frame(self) -> int:
        """The session's frame up to which sound was heard."""
        return self.start.origin + self.session.frame

    async def run(
        self,
        messages: AsyncIterator[Message],
        listener: Listener,
        through: Callable[[AsyncIterator[Heard]], AsyncIterator[Heard]] | None = None,
    ) -> None:
        """From the first message to the last event; see `run_session`.

        What the client missed of the session comes first. What is heard passes `through`, where
        somebody wants to see it. Raises also why it was ended early: Draining, RateLimited;
        Superseded where another stream carries the session on.
        """
        end = End(self._hold.wanted, self.session)
        try:
            with self._closing.stream(end):
                for event in self.start.told_again():
                    await listener(event)
                trace = self._around.watch.trace
                taken = trace.arriving(self._taken(end.noticed(messages), end))
                heard = trace.leaving(metered(self.start.heard(self._hear(taken)), end.at_pause))
                if through is not None:
                    heard = through(heard)
                await run_session(self.session, heard, end.watched(listener), self._around)
        finally:
            self._door.close()
        end.check()

    def _hear(self, messages: AsyncIterator[Message]) -> AsyncIterator[Heard]:
        idle = STALLED if self._comes_back else self._idle
        return hear_stream(
            messages, self._door, self._front_end, idle=idle, comes_back=self._comes_back
        )

    @property
    def _comes_back(self) -> bool:
        return self._place is not None and self._place.comes_back

    async def _taken(self, messages: AsyncIterator[Message], end: End) -> AsyncIterator[Message]:
        """The messages while the session is this stream's.

        Raises Superseded; of a client that comes back also why it ends, so that no word is begun
        which it says again elsewhere.
        """
        async for message in until(messages, self._hold.wanted):
            yield message
        if self._hold.is_superseded and self._place is not None:
            raise Superseded("expected the session's newest stream, got one that is carried on")
        if self._comes_back:
            end.check()

"""Finals on their way into the store, and what of the sound may be forgotten for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sotto.errors import StoreUnavailable
from sotto.interfaces.store import TranscriptStore
from sotto.transcript.words import Segment

log = logging.getLogger(__name__)

SILENCE = 500
"""Frames in which nobody spoke, after which they are acknowledged too."""
LEAD = 100
"""Frames before those that may still become words, which are not acknowledged: a detector that
hears them again knows the room by then."""


@dataclass(frozen=True)
class Keeping:
    """Where one stream's finals go."""

    store: TranscriptStore
    session: str
    """Its name in the store."""
    stream: int | None = None
    """The number of the stream in its session: once a newer one has begun, nothing is kept."""
    is_needed: bool = True
    """Whether a final that cannot be kept ends the stream; else it is told all the same."""
    leave: Callable[[Segment], None] | None = None
    """Given what was understood of an utterance that a cut left open: the client comes back with
    its sound. None: it does not, and that is kept as any other."""


class Keeper:
    """Of one stream."""

    def __init__(self, keeping: Keeping, failed: Callable[[], None]) -> None:
        """`failed`: told of each final that is not kept."""
        self.is_whole = True
        """Whether all finals are kept."""
        self._keeping = keeping
        self._failed = failed
        self._acknowledged = 0

    async def keep(self, segment: Segment) -> None:
        """Raises StoreUnavailable where the stream cannot do without; Superseded."""
        to = self._keeping
        try:
            await to.store.append(to.session, segment, stream=to.stream)
        except StoreUnavailable as error:
            if to.is_needed:
                raise
            if self.is_whole:
                log.warning("session %s goes on, and is not stored: %s", to.session, error)
            self.is_whole = False
            self._failed()

    def leave(self, segment: Segment) -> None:
        """What was understood of the utterance that the cut left open."""
        assert self._keeping.leave is not None
        self._keeping.leave(segment)

    def silence(self, settled: int | None) -> int | None:
        """Up to where a silence may be forgotten by now; None: no further than before.

        `settled`: the frame before which no word begins any more; None: somebody speaks.
        """
        if settled is None or settled - LEAD < self._acknowledged + SILENCE:
            return None
        self._acknowledged = settled - LEAD
        return self._acknowledged

    def acknowledged(self, until: int) -> None:
        """The client forgets the sound up to here."""
        self._acknowledged = max(self._acknowledged, until)

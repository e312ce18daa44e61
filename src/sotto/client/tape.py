"""What was made and is not settled yet: a client owns its sound until its words are stored.

Nothing here knows a socket or a clock. Places are samples of one channel since the run's first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Sound to be sent as one message."""

    at: int
    data: bytes
    """None of it: here the open utterance ends (`flush`)."""


class Tape:
    """Its keeper bounds what is unsettled; it drops nothing by itself."""

    def __init__(self, width: int) -> None:
        self._width = width
        """Bytes of one sample over all channels."""
        self._taken: deque[Piece] = deque()
        """By the open stream."""
        self._waiting: deque[Piece] = deque()
        self.end = 0
        """The place of the next sample."""
        self.settled = 0
        """Nobody will ask for what is before this place."""

    @property
    def taken(self) -> int:
        """Up to where the open stream took it."""
        return self._waiting[0].at if self._waiting else self.end

    @property
    def has_waiting(self) -> bool:
        """Whether there is a piece to take."""
        return bool(self._waiting)

    @property
    def unsettled(self) -> int:
        """Samples that are kept."""
        return self.end - self.settled

    def add(self, data: bytes) -> None:
        """The samples that follow; whole ones."""
        self._waiting.append(Piece(self.end, data))
        self.end += len(data) // self._width

    def mark(self) -> None:
        """Here the open utterance ends."""
        self._waiting.append(Piece(self.end, b""))

    def take(self) -> Piece | None:
        """The next piece to send; None where all are sent."""
        if not self._waiting:
            return None
        piece = self._waiting.popleft()
        self._taken.append(piece)
        return piece

    def settle(self, place: int) -> None:
        """Forget what is before a place; not what was not even sent."""
        self.settled = max(self.settled, min(place, self.taken))
        while self._taken and self._end(self._taken[0]) <= self.settled:
            self._taken.popleft()

    def rewind(self) -> int:
        """Another stream begins, at the place that is told: all from there on is sent again."""
        self._waiting.extendleft(reversed(self._taken))
        self._taken.clear()
        if self._waiting and self._waiting[0].at < self.settled:
            first = self._waiting.popleft()
            rest = first.data[(self.settled - first.at) * self._width :]
            self._waiting.appendleft(Piece(self.settled, rest))
        return self.settled

    def _end(self, piece: Piece) -> int:
        return piece.at + len(piece.data) // self._width

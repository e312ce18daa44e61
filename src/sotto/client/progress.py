"""How far a run has come: what was said of the sound, and so what of it must still be kept. Pure.

Two things let sound go: a final, or an acknowledgment, of what was said up to there; and that
nobody spoke, which no message says. So where no utterance is open, and the server is known to have
read the sound, all but the last 30 s of that is taken to have been heard.
"""

from __future__ import annotations

from sotto.audio.format import PcmFormat
from sotto.client.events import Event, Resumed
from sotto.client.tape import Piece, Tape
from sotto.client.timeline import Timeline

KEPT_SECONDS = 120
"""Of sound that is kept at most; then whoever sends waits. An utterance has 30 s at most."""
UNREAD_SECONDS = 10
"""Of sound that the server did not read yet. More would delay its own keepalive, which gives up
after 20 s."""
ASKED_SECONDS = 1
"""Of sound between two questions how far it did."""
QUIET_SECONDS = 30
"""Of sound that the server has read and may not have heard yet: what it reads at once is no more
than `UNREAD_SECONDS`."""
PIECE_SECONDS = 0.25
PIECE_BYTES = 64 * 1024
"""One message holds no more than either."""


class Progress:
    """Of one run, over all its streams."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._rate = pcm.sample_rate
        self._tape = Tape(pcm.bytes_per_frame)
        self._timeline = Timeline(self._rate)
        self._read = 0
        samples = min(int(PIECE_SECONDS * self._rate), PIECE_BYTES // pcm.bytes_per_frame)
        self.piece_bytes = samples * pcm.bytes_per_frame
        """The longest message; whole samples."""

    @property
    def has_room(self) -> bool:
        """Whether more sound may be added."""
        return self._tape.unsettled < KEPT_SECONDS * self._rate

    @property
    def taken(self) -> int:
        """The place up to which the open stream took the sound."""
        return self._tape.taken

    @property
    def has_waiting(self) -> bool:
        """Whether there is a piece to take."""
        return self._tape.has_waiting

    @property
    def is_unread(self) -> bool:
        """Whether it is worth asking how far the server has read."""
        return self._tape.taken - self._read >= ASKED_SECONDS * self._rate

    @property
    def may_send(self) -> bool:
        """Whether the server reads fast enough for more."""
        return self._tape.taken - self._read < UNREAD_SECONDS * self._rate

    def add(self, data: bytes) -> None:
        """Sound that follows: whole samples, at most `piece_bytes`."""
        self._tape.add(data)

    def mark(self) -> None:
        """Here the open utterance ends."""
        self._tape.mark()

    def take(self) -> Piece | None:
        """The next piece to send; None where all are sent."""
        return self._tape.take()

    def receive(self, event: Event) -> Event:
        """An event of the open stream in the run's own terms."""
        told = self._timeline.receive(event)
        self._tape.settle(self._timeline.settled)
        return told

    def was_read(self, place: int) -> None:
        """The server has read what was sent up to here."""
        self._read = max(self._read, place)
        if not self._timeline.is_open:
            self._tape.settle(self._read - QUIET_SECONDS * self._rate)

    def resume(self) -> Resumed:
        """Another stream begins: what is not settled is sent again."""
        self._read = self._tape.rewind()
        return self._timeline.resume(self._read)

"""How far a run has come: what was said of the sound, and so what of it must still be kept. Pure.

A final, or an acknowledgment, lets the sound before it go; long silence is acknowledged too.
"""

from __future__ import annotations

from sotto.audio.format import PcmFormat
from sotto.client.events import Acknowledged, Event, Final, Ready, Resumed
from sotto.client.tape import Piece, Tape
from sotto.client.wire import Place

LEAD_SECONDS = 2.0
"""Of sound before what is not stored, at least: a detector that hears it again knows the room by
then, and so finds speech where it would have found it without a cut."""
STEP_SECONDS = 0.16
"""A stream begins at a multiple of it: five of the detector's windows, sixteen frames."""
KEPT_SECONDS = 120
"""Of sound that is kept at most; then whoever sends waits. An utterance has 30 s at most."""
UNREAD_SECONDS = 10
"""Of sound that the server did not read yet. More would delay its own keepalive, which gives up
after 20 s."""
ASKED_SECONDS = 1
"""Of sound between two questions how far it did."""
PIECE_SECONDS = 0.25
PIECE_BYTES = 64 * 1024
"""One message holds no more than either."""


class Progress:
    """Of one run, over all its streams."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._rate = pcm.sample_rate
        self._tape = Tape(pcm.bytes_per_frame)
        self._session: str | None = None
        self._received = 0
        """Utterances whose finals came."""
        self._stored = 0
        """The place before which the server has stored all that was said."""
        self._read = 0
        samples = min(int(PIECE_SECONDS * self._rate), PIECE_BYTES // pcm.bytes_per_frame)
        self.piece_bytes = samples * pcm.bytes_per_frame
        """The longest message; whole samples."""

    @property
    def place(self) -> Place:
        """From where on the next stream is to hear."""
        return Place(
            self._session,
            self._tape.settled / self._rate,
            self._received,
            self._stored / self._rate,
        )

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
        piece = self._tape.take()
        self._forget()  # finals that were told again came before it
        return piece

    def receive(self, event: Event) -> None:
        """What was said in the open stream."""
        match event:
            case Ready(session=session):
                self._session = session
            case Final(utterance=utterance, end=end):
                self._received = utterance + 1
                # It is stored before it is told, and it must not be told again.
                self._settle(end)
            case Acknowledged(until):
                self._settle(until)

    def was_read(self, place: int) -> None:
        """The server has read what was sent up to here."""
        self._read = max(self._read, place)

    def resume(self) -> Resumed:
        """Another stream begins: what is not settled is sent again."""
        self._read = self._tape.rewind()
        return Resumed(round(max(self._read, self._stored) / self._rate, 3), self._received)

    def _settle(self, seconds: float) -> None:
        self._stored = max(self._stored, round(seconds * self._rate))
        self._forget()

    def _forget(self) -> None:
        step = round(STEP_SECONDS * self._rate)
        self._tape.settle((self._stored - round(LEAD_SECONDS * self._rate)) // step * step)

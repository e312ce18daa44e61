"""The jobs of a session that are out, and what their results will mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sotto.audio.chunk import Speech
from sotto.interfaces.engine import DecodeJob
from sotto.streaming.actions import Decode
from sotto.streaming.packing import Piece
from sotto.transcript.options import AudioContext


@dataclass
class Flight:
    """A job that is out, and what its result will mean."""

    job: DecodeJob
    pieces: tuple[Piece, ...]
    speech: Speech
    """float32[n], for each frame of the job's window."""
    paused: int | None
    """Where the window ends, if it was looked at in a pause."""
    final: bool
    looked_twice: bool = False
    begun: bool = False
    """Known to be decoded right now: nothing can take its place."""


class Flights:
    """Those that are out, by their jobs' ids."""

    def __init__(self) -> None:
        self._out: dict[int, Flight] = {}
        self._replaced: Flight | None = None
        self._jobs = 0

    def __len__(self) -> int:
        return len(self._out)

    def __iter__(self) -> Iterator[Flight]:
        return iter(self._out.values())

    @property
    def is_held(self) -> bool:
        """Whether one is out whose place no other may take."""
        return any(flight.begun or flight.final for flight in self)

    @property
    def utterances(self) -> set[int]:
        """The numbers of those that are in a window now."""
        return {piece.utterance.id for flight in self for piece in flight.pieces}

    def number(self) -> int:
        """The id of the next job."""
        self._jobs += 1
        return self._jobs

    def send(self, flight: Flight) -> Decode:
        """One more, or one instead of the one that is out where its job `replaces`."""
        if flight.job.replaces:
            self._replaced = next(iter(self))
            self._out.clear()
        self._out[flight.job.id] = flight
        return Decode(flight.job)

    def send_again(self, flight: Flight) -> Decode:
        """The same window once more, in full context and to its end."""
        job = replace(
            flight.job,
            id=self.number(),
            audio_context=AudioContext.FULL,
            stop_at=None,
            replaces=False,
        )
        return self.send(replace(flight, job=job, looked_twice=True, begun=True))

    def land(self, job: int) -> Flight | None:
        """The flight of a job that is done; None where another took its place."""
        return self._out.pop(job, None)

    def take_back(self) -> Flight:
        """The flight that was to be replaced and has begun: it is the one that is out."""
        running = self._replaced
        assert running is not None
        running.begun = True
        self._out = {running.job.id: running}
        return running

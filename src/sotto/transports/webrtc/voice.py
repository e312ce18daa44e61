"""The track that a client hears. Needs aiortc."""

from __future__ import annotations

import asyncio
from fractions import Fraction

from aiortc import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from sotto.dialogue.items import OUTPUT_RATE
from sotto.transports.webrtc.playout import PIECE, PIECES_PER_SECOND, Playout

LATE = 0.2
"""Seconds by which pieces may be late and still all be sent; after that the clock is set anew."""
_BASE = Fraction(1, OUTPUT_RATE)


class Pace:
    """20 ms after 20 ms, whatever each takes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()

    async def next(self) -> None:
        """Come back when the next piece is due."""
        now = self._loop.time()
        if now - self._due > LATE:
            self._due = now
        await asyncio.sleep(self._due - now)
        self._due += 1 / PIECES_PER_SECOND


class Voice(MediaStreamTrack):
    """What is played, and silence where nothing is."""

    kind = "audio"

    def __init__(self, playout: Playout) -> None:
        super().__init__()
        self._playout = playout
        self._pace: Pace | None = None
        self._at = 0
        """Samples."""

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when it is time for them."""
        if self.readyState != "live":
            raise MediaStreamError
        self._pace = self._pace or Pace()
        await self._pace.next()
        frame = AudioFrame(format="s16", layout="mono", samples=PIECE)
        frame.planes[0].update(self._playout.take())
        frame.pts, frame.sample_rate, frame.time_base = self._at, OUTPUT_RATE, _BASE
        self._at += PIECE
        return frame


async def play_to_nobody(playout: Playout) -> None:
    """Play where there is no track: the client only reads. Until cancelled."""
    pace = Pace()
    while True:
        await pace.next()
        playout.take()

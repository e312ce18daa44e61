"""An answer's sound on its way to a track: what waits, what was played, and what clients are told.

Sound comes faster than it is played. It leaves in pieces of 20 ms, one for each that the track
asks for; the track's clock is the only one here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from sotto.dialogue.events import AudioDelta, Place
from sotto.dialogue.items import OUTPUT_RATE
from sotto.transports.webrtc.teller import Teller

PIECES_PER_SECOND = 50
PIECE = OUTPUT_RATE // PIECES_PER_SECOND  # 480
"""Samples that leave at once: 20 ms."""
SAMPLE_BYTES = 2
PIECE_BYTES = PIECE * SAMPLE_BYTES  # 960
SILENCE = bytes(PIECE_BYTES)
MAX_AHEAD = 300 * OUTPUT_RATE * SAMPLE_BYTES
"""Bytes that wait, 5 minutes; whoever brings more waits, too."""


@dataclass
class _Stretch:
    """Sound of one item that was not played yet."""

    at: Place
    pcm: memoryview
    """None of it: the item is over here."""


class Playout:
    """The way out for the speech of one call; an `Outlet`."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._waiting: deque[_Stretch] = deque()
        self._bytes = 0
        self._overs = 0
        """Ends of items among what waits."""
        self._is_held = False
        self._sounding = ""
        """The response that is played, from `started` to `stopped` or `cleared`."""
        self._is_over = False
        """Whether the last piece had the end of what is played."""
        self._newest = ""
        """The item of which sound came last."""
        self._played = 0
        """Samples of it."""
        self._room = asyncio.Event()

    # ---- what a session does

    async def sound(self, delta: AudioDelta) -> None:
        """Sound more."""
        if not delta.pcm:
            return
        while self._bytes > MAX_AHEAD:
            self._room.clear()
            await self._room.wait()
        if delta.at.item != self._newest:
            self._newest, self._played = delta.at.item, 0
        self._waiting.append(_Stretch(delta.at, memoryview(delta.pcm)))
        self._bytes += len(delta.pcm)

    async def finish(self, at: Place) -> None:
        """The item's sound is whole."""
        self._waiting.append(_Stretch(at, memoryview(b"")))
        self._overs += 1

    async def hold(self, response: str) -> None:
        """From the next piece on there is silence."""
        self._is_held = True

    async def resume(self, response: str) -> None:
        """From the next piece on it sounds again."""
        self._is_held = False

    async def clear(self, response: str) -> None:
        """From the next piece on there is silence, and nothing waits."""
        if not (self._sounding or self._waiting):
            self._is_held = False
            return
        sounding = self._sounding or self._waiting[0].at.response
        self._waiting.clear()
        self._bytes = self._overs = 0
        self._is_held = self._is_over = False
        self._sounding = ""
        self._room.set()
        self._say("cleared", sounding)
        await self._teller.settled()

    def played(self) -> int | None:
        """Milliseconds of the newest item's sound that left; None: no sound came yet."""
        return self._played * 1_000 // OUTPUT_RATE if self._newest else None

    # ---- what the track does

    def take(self) -> bytes:
        """The next 20 ms, s16le, mono, OUTPUT_RATE: silence where there is nothing."""
        if self._is_held:
            return SILENCE
        if self._bytes < PIECE_BYTES and not self._overs:  # the rest of a piece is still to come
            if not self._waiting:
                self._stop()
            return SILENCE
        piece = bytearray()
        while self._waiting and len(piece) < PIECE_BYTES:
            self._move(piece)
        while self._waiting and not self._waiting[0].pcm:  # ends that lie exactly here
            self._move(piece)
        self._room.set()
        return bytes(piece).ljust(PIECE_BYTES, b"\0")

    def _move(self, piece: bytearray) -> None:
        """Some of the first stretch, to the piece."""
        first = self._waiting[0]
        if not first.pcm:
            self._overs -= 1
            self._is_over |= first.at.response == self._sounding
            self._waiting.popleft()
            return
        self._start(first.at.response)
        taken = first.pcm[: PIECE_BYTES - len(piece)]
        piece += taken
        self._bytes -= len(taken)
        if first.at.item == self._newest:
            self._played += len(taken) // SAMPLE_BYTES
        first.pcm = first.pcm[len(taken) :]
        if not first.pcm:
            self._waiting.popleft()

    def _start(self, response: str) -> None:
        self._is_over = False
        if response == self._sounding:
            return
        if self._sounding:
            self._say("stopped", self._sounding)
        self._sounding = response
        self._say("started", response)

    def _stop(self) -> None:
        """What was played is over, one piece after its last."""
        if self._is_over and self._sounding:
            self._say("stopped", self._sounding)
            self._sounding = ""
        self._is_over = False

    def _say(self, what: str, response: str) -> None:
        self._teller.say({"type": f"output_audio_buffer.{what}", "response_id": response})

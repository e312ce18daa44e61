"""The door's work for all live streams: one thread, and while one round runs, the next one fills.

A thread for each stream's message would cost more in hand-overs than in work: threads wait for the
interpreter up to 5 ms at each. What comes within `PACE` is heard together instead, since the
detector hears many streams for little more than half of what they cost one by one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sotto.audio.chunk import MelChunk
from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.errors import SottoError
from sotto.interfaces.detector import DetectorFactory
from sotto.runtime.door import Door, WayIn
from sotto.runtime.ear import Ear

PACE = 0.02
"""Seconds from the beginning of a round to that of the next, at least; half as many as the shortest
piece of the last round sounds, where that is less: else who sends such pieces falls behind."""
HURRY = 0.001
"""Seconds from the end of a round to the next, for a stream whose next piece waited already."""
TURN = SAMPLE_RATE
"""Samples of one stream in a round, 1 s: nobody waits for another's backlog."""
LONG = 65_536
"""Bytes of an image that others should not wait for: 8 s of 80 bands."""


@dataclass(eq=False)
class _Asked:
    """What one stream sent."""

    begin: Callable[[], Samples | MelChunk]
    ear: Ear | None
    """None: it begins and is done."""
    result: asyncio.Future[MelChunk]
    rest: Samples | None = None
    """Sound that is still to be heard, once it has begun."""
    length: int = 0
    """Samples of all its sound."""
    chunks: list[MelChunk] = field(default_factory=list)
    error: SottoError | None = None

    def start(self) -> None:
        """Its first part."""
        if self.rest is not None:
            return
        try:
            begun = self.begin()
        except SottoError as error:
            self.error = error
        else:
            if isinstance(begun, MelChunk):
                self.chunks.append(begun)
            else:
                self.rest, self.length = begun, len(begun)

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to hear."""
        return self.rest is None or not len(self.rest)

    def tell(self) -> None:
        """Let who waits for it go on."""
        if self.result.done():
            return
        if self.error is not None:
            self.result.set_exception(self.error)
        else:
            self.result.set_result(MelChunk.join(self.chunks))


class FrontEnd:
    """Belongs to one event loop at a time. A stream asks for one thing after the other."""

    def __init__(self, detectors: DetectorFactory) -> None:
        self.detectors = detectors
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="front-end")
        self._waiting: list[_Asked] = []
        self._is_busy = False
        """Whether a round runs."""
        self._began = self._ended = -math.inf
        """Loop times, of the last round."""
        self._pace = PACE
        self._last: frozenset[Ear | None] = frozenset()
        """Who was heard in it."""
        self._hurries = False
        """Whether somebody sends faster than others speak."""
        self._timer: asyncio.TimerHandle | None = None
        """Of the next round."""
        self._due = 0.0
        """Loop time at which it ends: not every loop's timers can be asked."""

    def ear(self, n_mels: int) -> Ear:
        """At the start of a stream."""
        return Ear(n_mels, self.detectors())

    async def receive(self, door: WayIn, message: bytes) -> MelChunk:
        """`door.receive`, together with what other streams sent. Raises BadAudio."""
        if isinstance(door, Door):
            if door.reader.decodes:
                samples = await asyncio.to_thread(door.reader.receive, message)
                return await self._ask(lambda: samples, door.ear)
            return await self._ask(lambda: door.reader.receive(message), door.ear)
        if len(message) > LONG:
            return await asyncio.to_thread(door.receive, message)
        return await self._ask(lambda: door.receive(message), None)

    async def _ask(self, begin: Callable[[], Samples | MelChunk], ear: Ear | None) -> MelChunk:
        loop = asyncio.get_running_loop()
        asked = _Asked(begin, ear, loop.create_future())
        self._waiting.append(asked)
        if ear in self._last and loop.time() < self._ended + HURRY:
            self._hurries = True
        self._go_on()
        return await asked.result

    def _go_on(self) -> None:
        """See to it that a round begins in time, if any is needed."""
        if self._is_busy or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        due = self._began + min(self._pace, PACE)
        if self._hurries:
            due = min(due, self._ended + HURRY)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
            self._timer = None
        if loop.time() < due:
            self._timer, self._due = loop.call_at(due, self._begin), due
        else:
            self._begin()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_busy, self._hurries, self._timer = True, False, None
        self._began = loop.time()
        asked, self._waiting = self._waiting, []
        self._last = frozenset(each.ear for each in asked if each.ear is not None)
        heard = loop.run_in_executor(self._thread, _hear, asked, self.detectors)
        heard.add_done_callback(lambda heard: self._end(heard, asked))

    def _end(self, heard: asyncio.Future[None], asked: list[_Asked]) -> None:
        self._is_busy, self._ended = False, asyncio.get_running_loop().time()
        broken = None if heard.cancelled() else heard.exception()
        for each in asked:
            if broken is not None and not each.result.done():
                each.result.set_exception(broken)
            elif each.is_done:
                each.tell()
        lengths = (each.length / SAMPLE_RATE for each in asked if each.length)
        self._pace = min(lengths, default=2 * PACE) / 2
        # Nobody waits for sound whose stream was given up.
        rest = [each for each in asked if not (each.is_done or each.result.done())]
        self._waiting += rest
        self._hurries = self._hurries or bool(rest)
        self._go_on()


def _hear(asked: list[_Asked], detectors: DetectorFactory) -> None:
    """One round: of each stream as much as its turn allows."""
    listening: list[_Asked] = []
    ears: list[Ear] = []
    pieces: list[Samples] = []
    for each in asked:
        each.start()
        if each.ear is not None and each.rest is not None:
            listening.append(each)
            ears.append(each.ear)
            pieces.append(each.rest[:TURN])
            each.rest = each.rest[TURN:]
    if not ears:
        return
    for each, chunk in zip(listening, Ear.receive_all(ears, pieces, detectors), strict=True):
        each.chunks.append(chunk)

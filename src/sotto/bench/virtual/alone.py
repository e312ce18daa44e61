"""What streams come to without an engine's time: how late words are, and what the sessions cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.client import Log
from sotto.bench.streams.plan import Track
from sotto.bench.streams.sound import MESSAGES_PER_SECOND
from sotto.bench.virtual.crowd import Crowd
from sotto.bench.virtual.instant import Instant
from sotto.bench.virtual.reading import Listener
from sotto.bench.virtual.tape import FrameTape
from sotto.runtime.replay import play
from sotto.runtime.runner import Heard


@dataclass
class Paused:
    """A clock that goes on only when it is told to."""

    now: float = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def wall(self) -> float:
        """The same."""
        return self.now


async def unhurried(crowd: Crowd, track: Track) -> Log:
    """What one stream would see if the engine, and all else, took no time.

    The words, and where they lie, are the engine's own. Raises what the engine does.
    """
    log, tape = Log(track.client), FrameTape(crowd.sounds, track)
    clock = Paused()
    listener = Listener(log, clock, 0.0)

    async def voice() -> AsyncIterator[Heard]:
        for number in range(tape.messages):
            clock.now = (number + 1) / MESSAGES_PER_SECOND
            yield tape.chunk(number)
        yield tape.rest()

    async with crowd.service.open_stream(crowd.request, "floor") as stream:
        await play(stream.session, voice(), crowd.recognizer, listener)
    return log


@dataclass(frozen=True)
class Cost:
    """Of sessions whose recognizer answers at once, in the driver that a server has them in."""

    cores: float
    """Of processor time in each second of a stream."""
    jobs: float
    """That it asks for in a second."""


async def cost(crowd: Crowd, tracks: tuple[Track, ...]) -> Cost:
    """All at once and as fast as it goes: less than at the pace of speech, where each message has
    a moment of its own; so no more streams can be borne than that leaves room for."""
    instant = Instant(crowd.recognizer.traits)
    hurried = replace(crowd, recognizer=instant, sleep=_at_once)
    began = time.thread_time()
    await hurried.speak(tracks, asyncio.Event())
    spent = time.thread_time() - began
    seconds = sum(track.length for track in tracks) / SAMPLE_RATE
    return Cost(spent / seconds, instant.jobs / seconds)


async def _at_once(wait: float) -> None:
    """Others have their turn."""
    await asyncio.sleep(0)

"""From what arrives to what is heard: the door's work, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias

from sotto.audio.chunk import MelChunk
from sotto.audio.format import SAMPLE_RATE, WINDOW_FRAMES, Samples
from sotto.errors import CallerError, TooLarge
from sotto.runtime.door import WayIn
from sotto.runtime.ear import Ear
from sotto.runtime.front_end import FrontEnd
from sotto.runtime.runner import LEAVING, Flush, Heard
from sotto.runtime.until import unless_idle

Message: TypeAlias = bytes | Flush
"""A piece of sound, or a word about it."""


async def hear_stream(
    messages: AsyncIterator[Message],
    door: WayIn,
    front_end: FrontEnd,
    *,
    idle: float,
    comes_back: bool = False,
) -> AsyncIterator[Heard]:
    """What a client sends, as chunks; a Flush where nothing comes for `idle` seconds.

    Where the messages end in a CallerError, what came before it is heard first. Of a client that
    `comes_back` after a cut, not what waits at the door for the frames behind it.
    """
    failure: CallerError | None = None
    try:
        async for message in unless_idle(messages, idle, Flush()):
            if isinstance(message, Flush):
                if waiting := await asyncio.to_thread(door.release):
                    yield waiting
                yield message
                continue
            async for piece in in_pieces(await front_end.receive(door, message)):
                yield piece
    except CallerError as error:
        failure = error
    if not (comes_back and isinstance(failure, LEAVING)):
        yield await asyncio.to_thread(door.finish)
    if failure := failure or door.fault:
        raise failure


def at_most(most: float, pieces: Iterator[Samples]) -> Iterator[Samples]:
    """The pieces of a file, while they are no more than `most` seconds. Raises TooLarge."""
    heard = 0
    for piece in pieces:
        heard += len(piece)
        if heard > most * SAMPLE_RATE:
            raise TooLarge(f"expected at most {most:g} s of sound in one file, got more")
        yield piece


async def hear_file(pieces: Iterator[Samples], ear: Ear) -> AsyncIterator[Heard]:
    """What a file holds, as chunks, no faster than they are taken."""
    while True:
        chunk = await asyncio.to_thread(_next_chunk, pieces, ear)
        if chunk is None:
            break
        yield chunk
    yield await asyncio.to_thread(ear.finish)


def _next_chunk(pieces: Iterator[Samples], ear: Ear) -> Heard | None:
    samples = next(pieces, None)
    return None if samples is None else ear.receive(samples)


async def in_pieces(chunk: MelChunk) -> AsyncIterator[Heard]:
    """A chunk that may be long, piece by piece, so that others have their turn between."""
    for start in range(chunk.start, chunk.end, WINDOW_FRAMES):
        if start > chunk.start:
            await asyncio.sleep(0)
        yield chunk.between(start, min(start + WINDOW_FRAMES, chunk.end))

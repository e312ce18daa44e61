"""From what arrives to what is heard: the door's work, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias

from sotto.audio.chunk import MelChunk
from sotto.audio.format import SAMPLE_RATE, WINDOW_FRAMES, Samples
from sotto.errors import CallerError, TooLarge
from sotto.runtime.door import Ear, WayIn
from sotto.runtime.runner import Flush, Heard

Message: TypeAlias = bytes | Flush
"""A piece of sound, or a word about it."""


async def hear_stream(
    messages: AsyncIterator[Message], door: WayIn, *, idle: float
) -> AsyncIterator[Heard]:
    """What a client sends, as chunks; a Flush where nothing comes for `idle` seconds.

    Where the messages end in a CallerError, what came before it is heard first.
    """
    failure: CallerError | None = None
    try:
        async for message in _with_idle(messages, idle):
            if isinstance(message, Flush):
                if waiting := await asyncio.to_thread(door.release):
                    yield waiting
                yield message
                continue
            async for piece in in_pieces(await asyncio.to_thread(door.receive, message)):
                yield piece
    except CallerError as error:
        failure = error
    yield await asyncio.to_thread(door.finish)
    if failure := failure or door.fault:
        raise failure


async def _with_idle(messages: AsyncIterator[Message], idle: float) -> AsyncIterator[Message]:
    following = asyncio.ensure_future(anext(messages, None))
    try:
        while True:
            done, _ = await asyncio.wait({following}, timeout=idle)
            if not done:
                yield Flush()
            message = await following
            if message is None:
                return
            following = asyncio.ensure_future(anext(messages, None))
            yield message
    finally:
        following.cancel()
        if following.done() and not following.cancelled():
            following.exception()  # it came too late to matter: somebody must have looked at it


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
        yield chunk.between(start, min(start + WINDOW_FRAMES, chunk.end))
        await asyncio.sleep(0)

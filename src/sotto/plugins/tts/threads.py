"""Engines that block, in threads: their sound, piece by piece, for who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from typing import TypeAlias

from sotto.audio.format import Samples

Tell: TypeAlias = Callable[[Samples], bool]
"""Hands on a piece; False: nobody wants any more."""


async def told_by(worker: Executor, work: Callable[[Tell], None]) -> AsyncGenerator[Samples]:
    """What `work` tells in the worker's thread, as it comes. Raises what it raises.

    Closing it does not wait for the thread: a model is not stopped in the middle of a piece.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[Samples | None] = asyncio.Queue()  # no longer than one phrase
    is_wanted = True

    def tell(piece: Samples) -> bool:
        if is_wanted:
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # the loop was closed just now
                return False
        return is_wanted

    job = loop.run_in_executor(worker, work, tell)
    job.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        await job
    finally:
        is_wanted = False
        job.cancel()  # where it has not begun

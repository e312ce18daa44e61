"""Transcripts are forgotten once they are old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sotto.clock import Clock
from sotto.errors import StoreUnavailable
from sotto.interfaces.store import TranscriptStore

log = logging.getLogger(__name__)

PERIOD = 3600.0
"""Seconds from one look for old sessions to the next."""


@asynccontextmanager
async def expiring(store: TranscriptStore, keep: float, clock: Clock) -> AsyncIterator[None]:
    """Forget what was last heard `keep` seconds ago, now and each hour; 0 keeps all for ever.

    How much sound was used is forgotten by the store, whatever is kept.
    """
    await _expire(store, keep, clock)
    hourly = asyncio.create_task(_hourly(store, keep, clock))
    try:
        yield
    finally:
        hourly.cancel()
        with suppress(asyncio.CancelledError):
            await hourly


async def _hourly(store: TranscriptStore, keep: float, clock: Clock) -> None:
    while True:
        await asyncio.sleep(min(PERIOD, keep or PERIOD))
        await _expire(store, keep, clock)


async def _expire(store: TranscriptStore, keep: float, clock: Clock) -> None:
    try:
        count = await store.expire(clock.wall() - keep if keep else 0)
    except StoreUnavailable as error:
        log.error("old transcripts could not be forgotten, and will be later: %s", error)
        return
    if count:
        log.info("forgot %d sessions that were last heard %g s ago or earlier", count, keep)

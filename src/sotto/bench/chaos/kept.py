"""What the store holds of what clients were told, read as anybody reads it: `/v1/sessions`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from sotto.bench import figures
from sotto.bench.calls import get
from sotto.bench.chaos.differing import Difference, Word, differences
from sotto.clock import Clock
from sotto.errors import ServerError

LEAVING = 30.0
"""Seconds in which the server may notice that all clients are gone, and store their last words."""
TICK = 0.2


async def once_all_left(address: str, clock: Clock) -> None:
    """Return once the server counts no stream more, or has had its time for it."""
    until = clock.monotonic() + LEAVING
    while clock.monotonic() < until:
        told = await asyncio.to_thread(figures.read, address)
        if told is None or not told.total("sotto_sessions"):
            return
        await asyncio.sleep(TICK)


def missing(address: str, sessions: Sequence[str], told: Sequence[Word]) -> list[Difference]:
    """Words that were told and are not stored (`lost`), or the other way round (`doubled`).

    Raises ServerError where a session cannot be read.
    """
    kept = [word for session in sessions for word in read(address, session)]
    if len(sessions) == 1:
        return differences(told, kept)
    # Each session counts its own time: their words are compared in order alone.
    return differences([_timeless(word) for word in told], [_timeless(word) for word in kept])


def read(address: str, session: str) -> list[Word]:
    """Of a session, in order. Raises ServerError."""
    answer = get(f"{address}/v1/sessions/{quote(session, safe='')}/transcript.json")
    try:
        found = json.loads(answer)["words"]
        return [Word(word["word"], float(word["start"]), float(word["end"])) for word in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(f"expected a transcript, got {answer[:80]!r}") from error


def _timeless(word: Word) -> Word:
    return replace(word, start=0.0, end=0.0)

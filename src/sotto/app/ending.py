"""How every socket ends, a WebSocket or bare TCP: here stands their outermost handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sotto.errors import CallerError, Gone, ServerError, SottoError
from sotto.runtime.metrics import Metrics

log = logging.getLogger(__name__)

LAST_WORD_TIMEOUT = 2.0
"""Seconds in which a client must take the error that ends its socket; and in which one that may
hang up by itself then does."""


async def to_the_end(
    serving: Awaitable[None],
    dialect: str,
    metrics: Metrics,
    end: Callable[[SottoError], Awaitable[None]],
) -> None:
    """Serve one socket; `end` is told what ended it early, unless nobody is there any more."""
    try:
        await serving
    except SottoError as error:
        failure = error
    except Exception:  # the outermost handler: a client never sees a traceback
        log.exception("a socket of the dialect %s broke", dialect)
        failure = ServerError("the server broke; see its log")
    else:
        return
    metrics.errors.labels(failure.code).inc()
    if not isinstance(failure, Gone):
        await end(failure)


async def in_time(parting: Awaitable[None]) -> bool:
    """Whether the client took what it is told at the end, or did what it may do then."""
    try:
        async with asyncio.timeout(LAST_WORD_TIMEOUT):
            await parting
    except (CallerError, TimeoutError):
        return False
    return True

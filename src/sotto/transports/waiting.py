"""Work that is done for one request, for as long as somebody waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from sotto.errors import Gone

T = TypeVar("T")


async def while_awaited(http: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; the request's body must have been read.

    Raises Gone where the client hangs up before, and what the work raises.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_hung_up(http))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Gone("the client hung up before its answer was there")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait({working, leaving})  # before what the work reads is closed


async def _hung_up(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass

"""The functions that an answer wants called, as the model's pieces of them come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from sotto.dialogue.events import CallDelta, ItemDone, Place
from sotto.dialogue.items import FunctionCall, Item, Status
from sotto.dialogue.partner import Limits
from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import CallPiece

MAX_NAME = 256
"""Characters of a function's name, and of the model's name for a call."""


class Calls:
    """Those of one answer."""

    def __init__(
        self,
        begin: Callable[[Item], Awaitable[Place]],
        tell: Callable[[CallDelta | ItemDone], Awaitable[None]],
        make_id: Callable[[str], str],
        limits: Limits,
    ) -> None:
        """`begin`: tells that an item follows; its place."""
        self._begin = begin
        self._tell = tell
        self._make_id = make_id
        self._limits = limits
        self._calls: dict[int, tuple[Place, FunctionCall]] = {}

    async def take(self, piece: CallPiece) -> None:
        """Some more of a call. Raises ChatUnavailable for what cannot be one."""
        if piece.index not in self._calls:
            await self._open(piece)
        at, call = self._calls[piece.index]
        if not piece.arguments:
            return
        call = replace(call, arguments=call.arguments + piece.arguments)
        if len(call.arguments) > self._limits.characters:
            most = self._limits.characters
            raise ChatUnavailable(f"expected a call of at most {most:,} characters, got more")
        self._calls[piece.index] = at, call
        await self._tell(CallDelta(at, call.call_id, piece.arguments))

    async def finish(self, status: Status) -> None:
        """No more of any of them."""
        for at, call in self._calls.values():
            await self._tell(ItemDone(at, replace(call, status=status)))

    async def _open(self, piece: CallPiece) -> None:
        if not 0 < len(piece.name) <= MAX_NAME or len(piece.id) > MAX_NAME:
            raise ChatUnavailable(f"expected a call to begin with a name, got {piece.name[:50]!r}")
        if len(self._calls) >= self._limits.calls:
            raise ChatUnavailable(f"expected at most {self._limits.calls} calls, got more")
        call_id = piece.id or self._make_id("call")
        call = FunctionCall(self._make_id("item"), call_id, piece.name, "", Status.IN_PROGRESS)
        self._calls[piece.index] = await self._begin(call), call

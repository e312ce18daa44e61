"""The handles with which replicas reach each other, as far as they are used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol


class Call(Protocol):
    """A method elsewhere, that answers once."""

    def remote(self, *args: Any) -> Awaitable[Any]:
        """Call it on any replica. Raises Ray's and Serve's errors, at the latest when awaited."""
        ...


class Answers(Protocol):
    """What a method elsewhere says, one after the other."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    def cancel(self) -> None:
        """Nobody listens any more."""
        ...


class Stream(Protocol):
    """A method elsewhere, that answers several times."""

    def remote(self, *args: Any) -> Answers:
        """Call it on any replica."""
        ...


class EngineStreams(Protocol):
    """An engine's handle with `stream` set."""

    decode: Stream


class EngineHandle(Protocol):
    """A model's deployment."""

    traits: Call

    def options(self, *, stream: bool) -> EngineStreams:
        """The same, for methods that answer several times."""
        ...


class Keeper(Protocol):
    """The keeper's deployment."""

    report: Call
    figures: Call
    store: Call
    share: Call
    shared: Call

"""Who may ask, and how much at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sotto.clock import Clock


class Scope(StrEnum):
    """What a caller may do."""

    FILES = "files"
    """Have files written down."""
    STREAMS = "streams"
    """Open sockets."""
    MODELS = "models"
    """See which models there are."""


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in."""

    name: str = "anyone"
    meeting: str | None = None
    """The only meeting that this caller may join; None: any."""
    speaker: str | None = None
    """The only speaker that this caller may be; None: any."""


@dataclass(frozen=True)
class Secret:
    """A token that the server made up, good for a while."""

    value: str
    expires_at: int
    """Seconds since 1970."""


class Access(Protocol):
    """Decides who is let in."""

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Who holds the token. Raises Unauthorized, or Forbidden where the scope is not theirs."""
        ...

    def enter(self, caller: Caller, scope: Scope) -> AbstractContextManager[None]:
        """For as long as a request or socket lasts. Raises RateLimited where it is one too many."""
        ...

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token for that long, with which its holder is let in as the caller."""
        ...


@dataclass(frozen=True)
class Open:
    """Lets in everyone."""

    clock: Clock

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Anyone, whatever the token."""
        return Caller()

    @contextmanager
    def enter(self, caller: Caller, scope: Scope) -> Iterator[None]:
        """As many as come."""
        yield

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token that is as good as none."""
        return Secret(f"ek_{secrets.token_urlsafe(24)}", round(self.clock.wall()) + seconds)

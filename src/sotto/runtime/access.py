"""Who may ask, and how much at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sotto.clock import Clock
from sotto.errors import Forbidden

SECRET_PREFIX = "ek_"
"""With which the tokens begin that a server makes up for a while; OpenAI's do."""


class Scope(StrEnum):
    """What a caller may do."""

    FILES = "files"
    """Have files written down."""
    STREAMS = "streams"
    """Open sockets."""
    MODELS = "models"
    """See which models there are."""
    SESSIONS = "sessions"
    """Read, find and delete what was said in one's own streams."""


@dataclass(frozen=True)
class Allowance:
    """How much a caller may ask of the server; None: as much as it gives."""

    rate: int | None = None
    """Requests made and sockets opened in any minute."""
    concurrent: int | None = None
    """Requests and sockets at once."""


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in."""

    name: str = "anyone"
    """Of the key that let it in. What is counted, is counted by name."""
    meeting: str | None = None
    """The only meeting that this caller may join; None: any."""
    speaker: str | None = None
    """The only speaker that this caller may be; None: any."""
    scopes: frozenset[Scope] = frozenset(Scope)
    allowance: Allowance = Allowance()
    until: float | None = None
    """Seconds since 1970 at which its token expires; None: it does not."""
    key: str | None = None
    """Which of the credentials' keys it is, where one can be taken back; see `Credentials`."""
    anonymous: bool = False
    """Whether nobody asked who it is."""

    @property
    def owner(self) -> str | None:
        """Whose its sessions are in the store; None: everybody's."""
        return None if self.anonymous else self.name

    def may_join(self, meeting: str, speaker: str | None = None) -> None:
        """Raises Forbidden where the token is bound to another meeting, or another speaker."""
        if self.meeting is not None and meeting != self.meeting:
            raise Forbidden("expected the meeting of the token, got another")
        if self.speaker is not None and speaker is not None and speaker != self.speaker:
            raise Forbidden("expected the speaker of the token, got another")


@dataclass(frozen=True)
class Secret:
    """A token that the server made up, good for a while."""

    value: str
    expires_at: int
    """Seconds since 1970."""


class Credentials(Protocol):
    """One kind of token, and who holds which."""

    async def caller(self, token: str) -> Caller | None:
        """Who holds the token; None where it is not of this kind.

        Raises Unauthorized where it is, but is not good; KeysUnavailable.
        """
        ...

    def stands(self, caller: Caller) -> bool:
        """False where the key that once let this caller in was taken back."""
        ...


class Access(Protocol):
    """Decides who is let in."""

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Who holds the token.

        Raises Unauthorized; Forbidden where the scope is not theirs; KeysUnavailable.
        """
        ...

    def enter(self, caller: Caller, scope: Scope) -> AbstractContextManager[None]:
        """For as long as a request or socket lasts. Raises RateLimited where it is one too many."""
        ...

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token for so long, or less, with which its holder may open streams as the caller.

        Raises Forbidden where the caller may open none, RateLimited where it has too many.
        """
        ...


@dataclass(frozen=True)
class Open:
    """Lets in everyone."""

    clock: Clock

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Anyone, whatever the token."""
        return Caller(anonymous=True)

    @contextmanager
    def enter(self, caller: Caller, scope: Scope) -> Iterator[None]:
        """As many as come."""
        yield

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token that is as good as none."""
        return Secret(made_up(), round(self.clock.wall()) + seconds)


def made_up() -> str:
    """A new token of 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)

"""Who may ask, and how much at once."""

from __future__ import annotations

import ipaddress
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sotto.clock import Clock
from sotto.errors import Forbidden, RateLimited

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
    ADMIN = "admin"
    """See what the server does, load and unload models, end anybody's streams."""


USUAL = frozenset(Scope) - {Scope.ADMIN}
"""What a key is good for that was made without scopes. Who may end others' streams is named so."""


@dataclass(frozen=True)
class Allowance:
    """How much a caller may ask of the server; None: as much as it gives."""

    rate: int | None = None
    """Requests made and sockets opened in any minute."""
    concurrent: int | None = None
    """Requests and sockets at once."""
    minutes: int | None = None
    """Of sound that is heard in a day, by UTC."""


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in."""

    name: str = "anyone"
    """Of the key that let it in. What is counted, is counted by name."""
    meeting: str | None = None
    """The only meeting that this caller may join; None: any."""
    speaker: str | None = None
    """The only speaker that this caller may be; None: any."""
    scopes: frozenset[Scope] = USUAL
    allowance: Allowance = Allowance()
    until: float | None = None
    """Seconds since 1970 at which its token expires; None: it does not."""
    key: str | None = None
    """Which of the credentials' keys it is, where one can be taken back; see `Credentials`."""
    anonymous: bool = False
    """Whether nobody asked who it is."""
    subject: str | None = None
    """Whom its token was made for, where each of them has minutes of their own."""
    address: str = ""
    """Of its machine, as far as is known."""

    @property
    def account(self) -> str:
        """On which its minutes are counted."""
        return self.name if self.subject is None else f"{self.name}:{self.subject}"

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
    per_address: int | None = field(default=None, kw_only=True)
    """Requests and sockets at once of one address, or of one network of IPv6; None: any."""
    _open: Counter[str] = field(default_factory=Counter, init=False, repr=False, compare=False)
    """Network → what it has under way."""

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Anyone, whatever the token."""
        return Caller(anonymous=True, scopes=frozenset(Scope))

    @contextmanager
    def enter(self, caller: Caller, scope: Scope) -> Iterator[None]:
        """As many as come, unless too many come from one address. Raises RateLimited then."""
        network = network_of(caller.address)
        if self.per_address is not None and self._open[network] >= self.per_address:
            raise RateLimited(
                f"expected at most {self.per_address} requests and sockets at once from one "
                "address, got one more"
            )
        self._open[network] += 1
        try:
            yield
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token that is as good as none."""
        return Secret(made_up(), round(self.clock.wall()) + seconds)


@dataclass(frozen=True)
class OpenButAdmin(Open):
    """Lets in everyone, wherever they are; but who would run the server needs a key."""

    keys: Callable[[], Access]
    """Called when somebody asks: without that, no keys have to be readable."""

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Raises Unauthorized, Forbidden and KeysUnavailable for `admin` alone."""
        if scope is Scope.ADMIN:
            return await self.keys().admit(token, scope)
        return Caller(anonymous=True)


def network_of(address: str) -> str:
    """What one machine cannot have many of: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


def made_up() -> str:
    """A new token of 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)

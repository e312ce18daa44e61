"""Access for those who have a key or a token, as often as they may."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from sotto.clock import Clock
from sotto.errors import Forbidden, RateLimited, Unauthorized
from sotto.runtime.access import SECRET_PREFIX, Caller, Credentials, Scope, Secret, made_up
from sotto.runtime.quota import Quotas

MAX_TOKEN = 8_192
"""Characters; a signed token of a large meeting server has about 1,500."""
MAX_SECRETS = 10_000
MAX_SECRETS_EACH = 1_000
"""Of one caller, so that one cannot take the room of all."""
MAX_SECRET_SECONDS = 7_200
"""OpenAI's limit."""
MINUTE = 60.0
HEARING = frozenset({Scope.FILES, Scope.STREAMS})
"""For what minutes are used."""
BUSY = 1.0
"""Seconds after which a caller with too much under way may ask again."""


class Guarded:
    """Lets in whom one of the credentials knows."""

    def __init__(
        self, credentials: Sequence[Credentials], clock: Clock, quotas: Quotas | None = None
    ) -> None:
        """`quotas`: who has used how many minutes; None: nobody's are counted."""
        self._credentials = tuple(credentials)
        self._clock = clock
        self._quotas = quotas
        self._usage: dict[str, _Usage] = {}
        self._secrets = _Secrets(clock)

    async def admit(self, token: str | None, scope: Scope) -> Caller:
        """Who holds the token.

        Raises Unauthorized, Forbidden, KeysUnavailable; RateLimited where its minutes are used up.
        """
        caller = await self._caller(token)
        if scope not in caller.scopes:
            theirs = ", ".join(sorted(caller.scopes)) or "nothing"
            raise Forbidden(f"expected a key for {scope}, got one for {theirs}")
        if self._quotas is not None and scope in HEARING:
            await self._quotas.check(caller)
        return caller

    @contextmanager
    def enter(self, caller: Caller, scope: Scope) -> Iterator[None]:
        """For as long as a request or socket lasts; what is heard in it counts for the caller.

        Raises RateLimited.
        """
        now = self._clock.monotonic()
        if caller.name not in self._usage:
            self._usage = {name: of for name, of in self._usage.items() if not of.is_idle(now)}
        usage = self._usage.setdefault(caller.name, _Usage())
        usage.begin(caller, now)
        try:
            with nullcontext() if self._quotas is None else self._quotas.counting(caller):
                yield
        finally:
            usage.open -= 1

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """A token for streams alone, since it is made to be handed on; it outlives no other.

        Raises Forbidden, RateLimited.
        """
        if Scope.STREAMS not in caller.scopes:
            raise Forbidden(f"expected a key for {Scope.STREAMS}, got one without")
        return self._secrets.issue(caller, seconds)

    async def _caller(self, token: str | None) -> Caller:
        if not token:
            raise Unauthorized("expected a key or a token, got none")
        if len(token) > MAX_TOKEN or not token.isascii():
            raise Unauthorized(f"expected a key or a token of at most {MAX_TOKEN:,} ASCII letters")
        if token.startswith(SECRET_PREFIX):
            caller = self._secrets.caller(token)
            if not all(each.stands(caller) for each in self._credentials):
                raise Unauthorized("expected a secret whose key is good still, got one without")
            return caller
        for each in self._credentials:
            if (found := await each.caller(token)) is not None:
                return found
        raise Unauthorized("expected a key or a token of this server, got another")


@dataclass
class _Usage:
    """What one caller does, and has lately begun."""

    open: int = 0
    begun: deque[float] = field(default_factory=deque)
    """When, in the last minute; counted only where there is a rate, and never more than that."""

    def begin(self, caller: Caller, now: float) -> None:
        """One more. Raises RateLimited."""
        may = caller.allowance
        if may.concurrent is not None and self.open >= may.concurrent:
            raise RateLimited(
                f"expected at most {may.concurrent} requests and sockets at once, got one more",
                BUSY,
            )
        if may.rate is not None:
            self._drop_old(now)
            if len(self.begun) >= may.rate:
                raise RateLimited(
                    f"expected at most {may.rate} requests and sockets in a minute, got one more",
                    self.begun[-may.rate] + MINUTE - now,
                )
            self.begun.append(now)
        self.open += 1

    def is_idle(self, now: float) -> bool:
        """Whether nothing would change if it was forgotten."""
        self._drop_old(now)
        return not self.open and not self.begun

    def _drop_old(self, now: float) -> None:
        while self.begun and self.begun[0] <= now - MINUTE:
            self.begun.popleft()


class _Secrets:
    """Tokens that the server made up.

    They are kept by their SHA-256, so that how long a look-up takes tells of no token; and nobody
    can guess 256 random bits, so that a slow hash would protect nothing more.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._callers: dict[bytes, Caller] = {}
        """`until` says how long each is good."""

    def issue(self, caller: Caller, seconds: int) -> Secret:
        """One more. Raises RateLimited."""
        now = self._clock.wall()
        self._callers = {
            digest: kept for digest, kept in self._callers.items() if not _is_over(kept, now)
        }
        of_caller = sum(kept.name == caller.name for kept in self._callers.values())
        if of_caller >= MAX_SECRETS_EACH or len(self._callers) >= MAX_SECRETS:
            raise RateLimited("expected fewer secrets at once, got one more", MINUTE)
        until = now + min(seconds, MAX_SECRET_SECONDS)
        if caller.until is not None:
            until = min(until, caller.until)
        value = made_up()
        scopes = frozenset({Scope.STREAMS})
        self._callers[_digest(value)] = replace(caller, scopes=scopes, until=until)
        return Secret(value, int(until))

    def caller(self, token: str) -> Caller:
        """Who holds it. Raises Unauthorized."""
        caller = self._callers.get(_digest(token))
        if caller is None or _is_over(caller, self._clock.wall()):
            raise Unauthorized("expected a secret that holds still, got another")
        return caller


def _is_over(caller: Caller, now: float) -> bool:
    return caller.until is not None and caller.until <= now


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

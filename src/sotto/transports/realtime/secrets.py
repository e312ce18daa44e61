"""The sessions that were asked for with a client secret, until it expires."""

from __future__ import annotations

from dataclasses import dataclass

from sotto.clock import Clock
from sotto.errors import Overloaded
from sotto.runtime.access import Secret
from sotto.transports.realtime.events import Json

MOST = 2_000
"""Secrets that carry a session, at once; each may be as long as a session is."""


@dataclass(frozen=True)
class Wanted:
    """What was set for a session before it began."""

    fragment: Json
    beta: bool


class Secrets:
    """Which session belongs to which secret."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[int, Wanted]] = {}
        """By the secret: when it expires, in seconds since 1970."""

    def keep(self, secret: Secret, wanted: Wanted) -> None:
        """Keep a session until its secret expires. Raises Overloaded."""
        now = self._clock.wall()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        if len(self._kept) >= MOST:
            raise Overloaded(f"expected at most {MOST} client secrets at once, got one more")
        self._kept[secret.value] = (secret.expires_at, wanted)

    def session(self, token: str | None) -> Wanted | None:
        """What was set for whoever holds the token."""
        expires_at, wanted = self._kept.get(token or "", (0, None))
        return wanted if expires_at > self._clock.wall() else None

"""What a token claims, once its signature is known to be good (RFC 7519)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sotto.errors import Unauthorized
from sotto.runtime.access import Allowance, Caller, Scope

Claims: TypeAlias = Mapping[str, Any]

MAX_TIME = 2.0**40
"""Seconds since 1970; the year 36,812."""
MAX_NAME = 256
"""Characters of a meeting's or a speaker's name."""
ANY = "*"
"""How Jitsi's tokens name every room."""


@dataclass(frozen=True)
class Rules:
    """What a server asks of its callers' tokens."""

    audiences: frozenset[str]
    """Of which a token must name one."""
    leeway: float = 0.0
    """Seconds by which clocks may differ."""
    meeting: str | None = None
    """The claim that names the only meeting to join; None: tokens are good for all."""
    speaker: str | None = None
    """The claim that names the only speaker to be; None: tokens are good for all."""
    scopes: frozenset[Scope] = frozenset(Scope)
    allowance: Allowance = field(default_factory=Allowance)


def parse_claims(payload: bytes) -> Claims:
    """The claims in a token. Raises Unauthorized."""
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise Unauthorized("expected a token with claims as a JSON object, got another")
    return claims


def check(claims: Claims, rules: Rules, now: float) -> float:
    """Seconds since 1970 until which the token is good. Raises Unauthorized."""
    expires = _time(claims, "exp")
    if expires is None:
        raise Unauthorized("expected a token that expires (exp), got one that never does")
    until = expires + rules.leeway
    if now >= until:
        raise Unauthorized(f"expected a token that holds still, got one {now - expires:.0f} s old")
    begins = _time(claims, "nbf")
    if begins is not None and now < begins - rules.leeway:
        raise Unauthorized(f"expected a token that holds already, got one {begins - now:.0f} s off")
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if not any(isinstance(one, str) and one in rules.audiences for one in audiences):
        raise Unauthorized("expected a token for this server (aud), got one for another")
    return until


def caller(name: str, claims: Claims, rules: Rules, now: float) -> Caller:
    """Whoever holds the token, and what they are bound to. Raises Unauthorized."""
    until = check(claims, rules, now)
    return Caller(
        name=name,
        meeting=_bound(claims, rules.meeting),
        speaker=_bound(claims, rules.speaker),
        scopes=rules.scopes,
        allowance=rules.allowance,
        until=until,
    )


def _time(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # What Python reads as JSON may be NaN, which is after nothing, or have thousands of digits.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_TIME:
        raise Unauthorized(f"expected {name} to be seconds since 1970, got something else")
    return float(value)


def _bound(claims: Claims, path: str | None) -> str | None:
    """What the claim says: `room`, or `context.user.id` for one within others."""
    if path is None:
        return None
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise Unauthorized(f"expected a token with a name in its claim {path}, got none")
    return None if value == ANY else value

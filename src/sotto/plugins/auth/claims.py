"""What a token claims, once its signature is known to be good (RFC 7519)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from sotto.errors import Unauthorized
from sotto.runtime.access import USUAL, Allowance, Caller, Scope

Claims: TypeAlias = Mapping[str, Any]

MAX_TIME = 2.0**40
"""Seconds since 1970; the year 36,812."""
MAX_NAME = 256
"""Characters of a meeting's or a speaker's name."""
MAX_MINUTES = 1_000_000
"""A day; a thousand streams use no more."""
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
    minutes: str | None = None
    """The claim that says how many minutes a day its subject may have heard; where there is none,
    `allowance` says how many all tokens of one key may have together."""
    scopes: frozenset[Scope] = USUAL
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
    allowance, minutes = rules.allowance, _minutes(claims, rules.minutes)
    return Caller(
        name=name,
        meeting=_bound(claims, rules.meeting),
        speaker=_bound(claims, rules.speaker),
        scopes=rules.scopes,
        allowance=allowance if minutes is None else replace(allowance, minutes=minutes),
        until=until,
        subject=None if minutes is None else _subject(claims),
    )


def _time(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # What Python reads as JSON may be NaN, which is after nothing, or have thousands of digits.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_TIME:
        raise Unauthorized(f"expected {name} to be seconds since 1970, got something else")
    return float(value)


def _minutes(claims: Claims, path: str | None) -> int | None:
    """None where the token says nothing of it."""
    value = None if path is None else _at(claims, path)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_MINUTES:
        raise Unauthorized(f"expected 1 to {MAX_MINUTES:,} minutes in the claim {path}, got others")
    return value


def _subject(claims: Claims) -> str:
    value = claims.get("sub")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise Unauthorized("expected a token with minutes to name whose they are (sub), got none")
    return value


def _bound(claims: Claims, path: str | None) -> str | None:
    """The name in the claim."""
    if path is None:
        return None
    value = _at(claims, path)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise Unauthorized(f"expected a token with a name in its claim {path}, got none")
    return None if value == ANY else value


def _at(claims: Claims, path: str) -> object:
    """What the claim says: `room`, or `context.user.id` for one within others; None: nothing."""
    if path in claims:
        return claims[path]
    value: object = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value

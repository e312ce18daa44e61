"""Credentials: signed tokens, JWT (RFC 7519, 8725).

Which key checks a token follows from its algorithm, before any is looked for: the server's own
secret for HS256, an RSA key for RS256, a key on P-256 for ES256. So a public key, which everybody
has, is never taken for a secret; and what names no algorithm, or another, is refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWS, PyJWTError

from sotto.clock import Clock
from sotto.errors import BadOption, KeysUnavailable, Unauthorized
from sotto.plugins.auth.claims import Rules, caller, parse_claims
from sotto.plugins.auth.key_sources import KeySource
from sotto.plugins.auth.public_keys import PublicKey, check_kid
from sotto.runtime.access import Caller

LEAST_SECRET = 32
"""Bytes: as many as the hash of HS256 has (RFC 7518, 3.2)."""

KINDS: dict[str, type[PublicKey]] = {"RS256": RSAPublicKey, "ES256": EllipticCurvePublicKey}
"""Algorithm → what its keys must be."""
WITH_SECRET = "HS256"


@dataclass(frozen=True)
class Head:
    """The part of a token that says how to check the rest."""

    algorithm: str
    kid: object
    """Whatever was said; not checked yet."""


def parse_head(token: str) -> Head | None:
    """The head; None for what is no token. Raises Unauthorized for one that is out of order."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[0] + "=" * (-len(parts[0]) % 4)
        head = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict):
        raise Unauthorized("expected a token with a JSON object as its head, got another")
    if "crit" in head:
        raise Unauthorized("expected a token without extensions (crit), got one with")
    algorithm = head.get("alg")
    known = (*KINDS, WITH_SECRET)
    if algorithm not in known:
        raise Unauthorized(f"expected a token signed by {', '.join(known)}, got another")
    return Head(algorithm, head.get("kid"))


class Tokens:
    """Who holds which token."""

    def __init__(
        self, sources: Sequence[KeySource], secret: str | None, rules: Rules, clock: Clock
    ) -> None:
        """Raises BadOption where the secret is too short."""
        if secret is not None and len(secret.encode()) < LEAST_SECRET:
            raise BadOption(
                "auth.jwt_secret",
                f"expected auth.jwt_secret to be {LEAST_SECRET} bytes or more, got fewer",
            )
        self._sources = tuple(sources)
        self._secret = secret
        self._rules = rules
        self._clock = clock
        self._signatures = PyJWS(algorithms=[*KINDS, WITH_SECRET])

    async def caller(self, token: str) -> Caller | None:
        """Who holds the token; None for what is none. Raises Unauthorized, KeysUnavailable."""
        head = parse_head(token)
        if head is None:
            return None
        name: str
        key: PublicKey | bytes
        if head.algorithm == WITH_SECRET:
            name, key = "jwt", self._own_secret()
        else:
            kid = check_kid(head.kid)
            name, key = f"jwt:{kid}", await self._public_key(kid, KINDS[head.algorithm])
        claims = parse_claims(self._verified(token, key, head.algorithm))
        return caller(name, claims, self._rules, self._clock.wall())

    def stands(self, caller: Caller) -> bool:
        """True: what is made of a token ends when the token does."""
        return True

    def _own_secret(self) -> bytes:
        if self._secret is None:
            raise Unauthorized(f"expected a token signed by {', '.join(KINDS)}, got {WITH_SECRET}")
        return self._secret.encode()

    async def _public_key(self, kid: str, kind: type[PublicKey]) -> PublicKey:
        """Raises Unauthorized; KeysUnavailable where a source that cannot be asked may have it."""
        fault: KeysUnavailable | None = None
        for source in self._sources:
            try:
                key = await source.find(kid)
            except KeysUnavailable as error:
                fault = error
                continue
            if isinstance(key, kind):
                return key
        if fault is not None:
            raise fault
        raise Unauthorized("expected a token signed with a key that this server knows, got another")

    def _verified(self, token: str, key: PublicKey | bytes, algorithm: str) -> bytes:
        """What the token says, its signature being good. Raises Unauthorized."""
        try:
            whole = self._signatures.decode_complete(token, key, algorithms=[algorithm])
        except (PyJWTError, ValueError, RecursionError):
            raise Unauthorized("expected a token with a good signature, got another") from None
        payload: bytes = whole["payload"]
        return payload

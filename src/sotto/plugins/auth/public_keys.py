"""Public keys: from bytes, and only those that are fit to check a token with."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import BaseModel, ConfigDict, ValidationError

from sotto.errors import KeysUnavailable, Unauthorized

MAX_KID = 256
"""Characters."""
LEAST_RSA_BITS = 2_048
"""NIST SP 800-131A."""

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey

_PRINTABLE = re.compile(r"[!-\[\]-~]+")
"""ASCII without space and backslash."""


def check_kid(kid: object) -> str:
    """The name of a key. Raises Unauthorized for what is none, or leads elsewhere as a path.

    No kid becomes a path as it is; but who sends one that could be an attack is refused before
    anything is asked for it. Jitsi's names have a slash: `jitsi/default`.
    """
    if not isinstance(kid, str) or not kid:
        raise Unauthorized("expected a token that names its key (kid), got none")
    if len(kid) > MAX_KID or not _PRINTABLE.fullmatch(kid):
        raise Unauthorized(f"expected a kid of at most {MAX_KID} ASCII letters, got another")
    if kid.startswith("/") or not {".", ".."}.isdisjoint(kid.split("/")):
        raise Unauthorized("expected a kid that is a name, got a path")
    return kid


def pem_name(kid: str) -> str:
    """The file of a key, as Jitsi's servers name them."""
    return f"{hashlib.sha256(kid.encode()).hexdigest()}.pem"


def read_pem(data: bytes) -> PublicKey:
    """The key. Raises ValueError where it is none, or is unfit."""
    try:
        return fit(load_pem_public_key(data))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def fit(key: object) -> PublicKey:
    """The key, if tokens may be signed with it. Raises ValueError."""
    if isinstance(key, RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            raise ValueError(f"expected RSA of {LEAST_RSA_BITS} bits or more, got {key.key_size}")
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError("expected a public key of RSA or of the curve P-256, got another")


class _Jwk(BaseModel):
    """One of a set; a private key's own fields are not even read."""

    model_config = ConfigDict(frozen=True)

    kid: str
    kty: str
    use: str = "sig"
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


def read_jwks(data: bytes, *, most: int) -> dict[str, PublicKey]:
    """kid → key of those in a set (RFC 7517) that are fit; the others are left out.

    Raises KeysUnavailable where it is no set.
    """
    try:
        rows = json.loads(data)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        raise KeysUnavailable("expected a JSON object with keys, got another")
    found: dict[str, PublicKey] = {}
    for row in rows[:most]:
        try:
            jwk = _Jwk.model_validate(row)
            found[check_kid(jwk.kid)] = _from_jwk(jwk)
        except (ValidationError, ValueError, PyJWTError, UnsupportedAlgorithm, Unauthorized):
            continue
    return found


def _from_jwk(jwk: _Jwk) -> PublicKey:
    """Raises ValueError, PyJWTError."""
    fields = jwk.model_dump()
    match jwk.kty, jwk.use:
        case "RSA", "sig":
            return fit(RSAAlgorithm.from_jwk(fields))
        case "EC", "sig":
            return fit(ECAlgorithm.from_jwk(fields))
    raise ValueError(f"expected RSA or EC for signatures, got {jwk.kty} for {jwk.use}")

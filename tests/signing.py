"""Keys, signed tokens, a clock, and a small server of keys on loopback, for tests."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE = "jitsi"
SECRET = "a secret of more than thirty-two bytes"


class FakeClock:
    """Stands still unless it is told."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self.passed = 0.0
        self._wall = wall

    def monotonic(self) -> float:
        return 50.0 + self.passed

    def wall(self) -> float:
        return self._wall + self.passed


def rsa_key(name: str = "a", bits: int = 2048) -> rsa.RSAPrivateKey:
    """One of each name."""
    return _rsa_key(name, bits)


def ec_key(name: str = "a", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> Any:
    """One of each name and curve."""
    return _ec_key(name, curve)


@cache
def _rsa_key(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


@cache
def _ec_key(name: str, curve: type[ec.EllipticCurve]) -> Any:
    return ec.generate_private_key(curve())


def pem(private: Any) -> bytes:
    """Its public part."""
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(private: Any, kid: str, **more: Any) -> dict[str, Any]:
    """Its public part, as a set has it."""
    is_rsa = isinstance(private, rsa.RSAPrivateKey)
    algorithm = jwt.algorithms.RSAAlgorithm if is_rsa else jwt.algorithms.ECAlgorithm
    row: dict[str, Any] = algorithm.to_jwk(private.public_key(), as_dict=True)
    return {**row, "kid": kid, "use": "sig", **more}


def jwks(**keys: Any) -> bytes:
    return json.dumps({"keys": [jwk(private, kid) for kid, private in keys.items()]}).encode()


def claims(now: float | None = None, **more: Any) -> dict[str, Any]:
    """Good for a minute; None takes a claim away."""
    now = time.time() if now is None else now
    every = {"aud": AUDIENCE, "iss": "jigasi", "nbf": now - 1, "exp": now + 60, **more}
    return {name: value for name, value in every.items() if value is not None}


def signed(
    private: Any, payload: dict[str, Any], kid: str | None = "a", algorithm: str | None = None
) -> str:
    """A token by a library that is not ours."""
    if algorithm is None:
        algorithm = "RS256" if isinstance(private, rsa.RSAPrivateKey) else "ES256"
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(payload, private, algorithm=algorithm, headers=headers)


def by_hand(head: Any, payload: Any, signature: bytes = b"") -> str:
    """A token that no library would make."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)
    ]
    return ".".join(b64(part) for part in (*parts, signature))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class KeyServer:
    """Serves what `files` has by path, and notes what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.status = 200
        """Of each answer, where it is not 200."""
        self.url = ""


@contextmanager
def key_server() -> Iterator[KeyServer]:
    state = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            body = state.files.get(self.path)
            status = state.status if state.status != 200 else 404 if body is None else 200
            self.send_response(status)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()

"""Where a server is, and the key that it is asked with."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sotto.errors import BadOption

_SECURE = {"": False, "http": False, "ws": False, "https": True, "wss": True}
_SENDABLE = re.compile(r"[\x21-\x7e]{1,8192}")
"""Visible ASCII, as headers carry it, and no longer than servers read."""
STREAM = "/stream"


@dataclass(frozen=True)
class Address:
    """A server, with the path that it lies under."""

    host: str
    port: int
    path: str
    """Without a slash at its end."""
    secure: bool
    query: str = field(default="", repr=False)
    """What the server is told in its address, which may be a key: no sentence repeats it."""
    api_key: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """None: the system's own certificates."""

    @property
    def stream(self) -> str:
        """Of the WebSocket, for people."""
        return self.socket(STREAM)

    def socket(self, path: str) -> str:
        """Of a WebSocket at a path below this server's, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.secure else 'ws'}://{host}:{self.port}{self.path}{path}"

    def asked(self, url: str) -> str:
        """An address or a path below this server's, as it is connected to."""
        return f"{url}?{self.query}" if self.query else url

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}

    @property
    def context(self) -> ssl.SSLContext | None:
        """None where nothing is encrypted."""
        return (self.tls or ssl.create_default_context()) if self.secure else None


def parse_address(
    url: str, api_key: str | None = None, tls: ssl.SSLContext | None = None
) -> Address:
    """From what people write: `host:8000`, `http://host`, `wss://host/sotto/stream?token=…`.

    Raises BadOption, which never shows the key.
    """
    if api_key is not None and not _SENDABLE.fullmatch(api_key):
        raise BadOption("api_key", "expected visible ASCII of 1 to 8192 characters, got others")
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port == 0 or parts.scheme not in _SECURE or parts.username:
        raise BadOption("url", "expected an address such as ws://localhost:8000, got another")
    secure = _SECURE[parts.scheme]
    path = parts.path.rstrip("/").removesuffix(STREAM)
    port = port or (443 if secure else 80)
    return Address(host, port, path, secure, parts.query, api_key, tls)

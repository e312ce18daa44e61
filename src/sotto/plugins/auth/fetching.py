"""Small files over HTTP, from a server that whoever runs this one has named."""

from __future__ import annotations

import asyncio
import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

from sotto.clock import Clock
from sotto.errors import BadOption, KeysUnavailable

log = logging.getLogger(__name__)

MAX_BYTES = 1024**2
TIMEOUT = 5.0
"""Seconds for each answer to begin, and again for its body to end."""
PIECE = 65_536
ABSENT = (403, 404, 410)
"""Object stores answer 403 for what is not there."""


def check_url(param: str, url: str) -> str:
    """The address. Raises BadOption where it is not one of HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadOption(param, f"expected {param} to be an address of http or https, got {url!r}")
    return url


@dataclass(frozen=True)
class Fetcher:
    """Fetches in a thread."""

    clock: Clock

    async def __call__(self, url: str) -> bytes | None:
        """The file; None where there is none. Raises KeysUnavailable."""
        try:
            return await asyncio.to_thread(self._fetch, url)
        except (OSError, HTTPException, ValueError) as error:
            raise unavailable(f"cannot get {url}: {error}") from error

    def _fetch(self, url: str) -> bytes | None:
        request = urllib.request.Request(url, headers={"User-Agent": "sotto"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return self._read(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in ABSENT:
                return None
            raise

    def _read(self, answer: HTTPResponse) -> bytes:
        late, body = self.clock.monotonic() + TIMEOUT, bytearray()
        while piece := answer.read1(PIECE):
            body += piece
            if len(body) > MAX_BYTES:
                raise ValueError(f"expected at most {MAX_BYTES:,} bytes, got more")
            if self.clock.monotonic() > late:
                raise TimeoutError(f"expected all of it within {TIMEOUT:g} s")
        if answer.length:  # which `read1`, unlike `read`, does not mind
            raise ValueError(f"expected {answer.length:,} bytes more, got none")
        return bytes(body)


def unavailable(why: str) -> KeysUnavailable:
    """The error for a caller, who has no business with our addresses: the log has them."""
    log.warning("%s", why)
    return KeysUnavailable("the server cannot get the keys that tokens are signed with")

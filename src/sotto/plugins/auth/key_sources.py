"""Where the public keys of tokens are found by their `kid`: a folder, an HTTP base, a JWKS."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Protocol, TypeAlias

from sotto.clock import Clock
from sotto.errors import KeysUnavailable
from sotto.plugins.auth.fetching import unavailable
from sotto.plugins.auth.public_keys import PublicKey, pem_name, read_jwks, read_pem

log = logging.getLogger(__name__)

MAX_KEYS = 512
"""Kept of each source."""
PAUSE = 10.0
"""Seconds before the same thing is asked for in vain again."""
MAX_STRANGERS = 60
"""Names that are not known, of which a base is asked in any minute."""
MINUTE = 60.0
GRACE = 2
"""Times the time to live: so long a key holds while its source cannot be reached."""

Fetch: TypeAlias = Callable[[str], Awaitable[bytes | None]]
"""The file at an address, None where there is none. Raises KeysUnavailable."""

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class KeySource(Protocol):
    """Public keys by name."""

    async def find(self, kid: str) -> PublicKey | None:
        """The key; None where there is none of that name. Raises KeysUnavailable."""
        ...


@dataclass(frozen=True)
class KeyFolder:
    """PEM files, named as `pem_name` does, or `{kid}.pem`. They are read for each token, about
    0.1 ms, so that a file that is put there or taken away tells at once."""

    folder: Path

    async def find(self, kid: str) -> PublicKey | None:
        """The key; None where there is no file, or none that can be used."""
        names = [pem_name(kid)]
        if _FILE_NAME.fullmatch(kid):
            names.append(f"{kid}.pem")
        for name in names:
            try:
                return read_pem((self.folder / name).read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                log.warning("cannot use the key %s: %s", self.folder / name, error)
        return None


@dataclass(frozen=True)
class _Kept:
    key: PublicKey
    since: float


class KeyBase:
    """`{base}/{sha256hex(kid)}.pem` over HTTP.

    Only keys that were found are kept, so that made-up names push out none; how often made-up
    names are asked for is bounded too.
    """

    def __init__(self, base: str, fetch: Fetch, clock: Clock, *, ttl: float) -> None:
        """`ttl`: seconds for which a key holds before it is asked for again."""
        self._base = base.rstrip("/")
        self._fetch = fetch
        self._clock = clock
        self._ttl = ttl
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._absent: OrderedDict[str, float] = OrderedDict()
        self._strangers: deque[float] = deque(maxlen=MAX_STRANGERS)
        self._failed = -inf
        self._one = asyncio.Lock()

    async def find(self, kid: str) -> PublicKey | None:
        """The key; None where the server has none. Raises KeysUnavailable."""
        if self._must_ask(kid):
            async with self._one:
                if self._must_ask(kid):
                    await self._ask(kid)
        kept = self._kept.get(kid)
        if kept is None:
            return None
        self._kept.move_to_end(kid)
        return kept.key

    def _must_ask(self, kid: str) -> bool:
        """Raises KeysUnavailable where one should, but cannot just now."""
        now = self._clock.monotonic()
        kept = self._kept.get(kid)
        age = inf if kept is None else now - kept.since
        if age < self._ttl or now - self._absent.get(kid, -inf) < PAUSE:
            return False
        if now - self._failed >= PAUSE:
            return True
        if age < GRACE * self._ttl:
            return False
        raise KeysUnavailable("the server cannot get the keys that tokens are signed with")

    async def _ask(self, kid: str) -> None:
        now = self._clock.monotonic()
        kept = self._kept.get(kid)
        if kept is None:
            if len(self._strangers) == MAX_STRANGERS and now - self._strangers[0] < MINUTE:
                raise KeysUnavailable("expected fewer tokens of unknown keys, got one more")
            self._strangers.append(now)
        try:
            data = await self._fetch(f"{self._base}/{pem_name(kid)}")
        except KeysUnavailable:
            self._failed = self._clock.monotonic()
            if kept is None or now - kept.since >= GRACE * self._ttl:
                raise
            return
        self._learn(kid, data)

    def _learn(self, kid: str, data: bytes | None) -> None:
        now = self._clock.monotonic()
        self._kept.pop(kid, None)
        self._absent.pop(kid, None)
        try:
            if data is not None:
                self._kept[kid] = _Kept(read_pem(data), now)
        except ValueError as error:
            log.warning("cannot use the key %s/%s: %s", self._base, pem_name(kid), error)
        if kid not in self._kept:
            self._absent[kid] = now
        for table in (self._kept, self._absent):
            if len(table) > MAX_KEYS:
                table.popitem(last=False)


class KeySet:
    """A JWKS, in a file or at an address; it is read anew for a name that is not in it."""

    def __init__(self, place: str, fetch: Fetch, clock: Clock, *, ttl: float) -> None:
        """`ttl`: seconds for which the set holds before it is read again."""
        self._place = place
        self._fetch = fetch
        self._clock = clock
        self._ttl = ttl
        self._keys: dict[str, PublicKey] = {}
        self._read = -inf
        self._tried = -inf
        self._one = asyncio.Lock()

    async def find(self, kid: str) -> PublicKey | None:
        """The key; None where the set has none. Raises KeysUnavailable."""
        if self._must_read(kid):
            async with self._one:
                if self._must_read(kid):
                    await self._refresh()
        if self._clock.monotonic() - self._read >= GRACE * self._ttl:
            raise KeysUnavailable("the server cannot get the keys that tokens are signed with")
        return self._keys.get(kid)

    def _must_read(self, kid: str) -> bool:
        now = self._clock.monotonic()
        wanted = kid not in self._keys or now - self._read >= self._ttl
        return wanted and now - self._tried >= PAUSE

    async def _refresh(self) -> None:
        """The set anew; where it cannot be had, the old one holds for a while."""
        try:
            data = await self._fetch(self._place)
            if data is None:
                raise unavailable(f"expected a JWKS at {self._place}, got none")
            self._keys = read_jwks(data, most=MAX_KEYS)
            self._read = self._clock.monotonic()
        except KeysUnavailable as error:
            log.warning("the set of keys %s: %s", self._place, error)
        self._tried = self._clock.monotonic()  # only now: who came meanwhile waited


async def read_file(place: str) -> bytes | None:
    """A `Fetch` of a file on this machine. Raises KeysUnavailable."""
    try:
        return await asyncio.to_thread(Path(place).read_bytes)
    except OSError as error:
        raise unavailable(f"cannot read {place}: {error.strerror}") from error

"""Credentials: the API keys of a file, as it is at the moment."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path

from sotto.errors import KeysUnavailable, Unauthorized
from sotto.plugins.auth.key_file import KEY_PREFIX, Key, KeyFile, Stamp, digest
from sotto.runtime.access import Allowance, Caller

log = logging.getLogger(__name__)


class Keys:
    """Who holds which key.

    Keys are found by their digest: what the time of a look-up could tell is of the digest, from
    which no key follows. The file is read when it was written anew, so that a key that is taken
    back is good for nothing from the next request on.
    """

    def __init__(self, path: Path, default: Allowance) -> None:
        """`default` holds for keys without limits of their own. Raises KeysUnavailable."""
        self._file = KeyFile(path)
        self._default = default
        self._stamp: Stamp | None = None
        self._keys: dict[str, Key] = {}
        self._fault: str | None = None
        self._reread()

    async def caller(self, token: str) -> Caller | None:
        """Who holds the key; None for what is none. Raises Unauthorized, KeysUnavailable."""
        if not token.startswith(KEY_PREFIX):
            return None
        self._refresh()
        given = digest(token)
        key, default = self._keys.get(given), self._default
        if key is None or not hmac.compare_digest(key.sha256, given):
            raise Unauthorized("expected a key that this server knows, got another")
        return Caller(
            name=key.name,
            scopes=key.scopes,
            allowance=Allowance(
                rate=default.rate if key.rate is None else key.rate,
                concurrent=default.concurrent if key.concurrent is None else key.concurrent,
                minutes=default.minutes if key.minutes is None else key.minutes,
            ),
            key=key.sha256,
        )

    def stands(self, caller: Caller) -> bool:
        """Whether the key that let the caller in is in the file still. Raises KeysUnavailable."""
        self._refresh()
        return caller.key is None or caller.key in self._keys

    def _refresh(self) -> None:
        """The keys of the file as it is now: one `stat`, some microseconds, where it is the same.

        Raises KeysUnavailable: with a file that cannot be read nobody is let in, since whoever
        wrote it may have meant to take a key back.
        """
        try:
            if self._fault is not None or self._file.stamp() != self._stamp:
                self._reread()
            self._fault = None
        except KeysUnavailable as error:
            if error.message != self._fault:
                log.error("%s", error)
            self._fault = error.message
            raise KeysUnavailable("the server cannot read its keys; see its log") from error

    def _reread(self) -> None:
        stamp = self._file.stamp()  # before the keys: a file that changes between is read again
        self._keys = {key.sha256: key for key in self._file.read()}
        self._stamp = stamp

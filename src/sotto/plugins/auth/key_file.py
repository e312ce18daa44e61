"""API keys in one JSON file, which holds none of them: only their digests.

A digest is plain SHA-256. Slow, salted hashes protect what people can think of; a key has 256
random bits, which nobody finds by trying, however quick the hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.errors import BadOption, KeysUnavailable
from sotto.runtime.access import USUAL, Scope

KEY_PREFIX = "sk-sotto-"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Without `:`, which stands in the names of callers whose tokens somebody else signed."""
MAX_RATE = 10_000

Stamp: TypeAlias = tuple[int, ...]
"""Differs where a file was written anew."""


class Key(BaseModel):
    """A key without itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=f"^{NAME}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = USUAL
    rate: int | None = Field(None, ge=1, le=MAX_RATE)
    """Requests and sockets a minute."""
    concurrent: int | None = Field(None, ge=1)
    """Requests and sockets at once."""
    minutes: int | None = Field(None, ge=1)
    """Of sound in a day, by UTC."""
    created: int = 0
    """Seconds since 1970."""


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: list[Key]


@dataclass(frozen=True)
class KeyFile:
    """The file; where there is none, there are no keys."""

    path: Path

    def stamp(self) -> Stamp | None:
        """Of the file as it is now; None where there is none. Raises KeysUnavailable."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeysUnavailable(f"cannot read {self.path}: {error.strerror}") from error
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size

    def read(self) -> tuple[Key, ...]:
        """All keys, oldest first. Raises KeysUnavailable where the file cannot be understood."""
        try:
            text = self.path.read_text(encoding="utf-8")
            return tuple(_Keys.model_validate_json(text).keys)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise KeysUnavailable(f"cannot read {self.path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise KeysUnavailable(
                f"expected keys in {self.path}, but {place}: {first['msg']}"
            ) from None
        except UnicodeDecodeError:
            raise KeysUnavailable(f"expected keys in {self.path}, got bytes") from None

    def add(self, key: Key) -> None:
        """Keep one more. Raises BadOption where its name is taken, KeysUnavailable."""
        with self._locked():
            keys = self.read()
            if any(other.name == key.name for other in keys):
                raise BadOption("name", f"expected a new name, got {key.name!r}, which is taken")
            self._write((*keys, key))

    def revoke(self, name: str) -> None:
        """Take one back. Raises BadOption where there is none of that name, KeysUnavailable."""
        with self._locked():
            keys = self.read()
            kept = tuple(key for key in keys if key.name != name)
            if len(kept) == len(keys):
                names = ", ".join(key.name for key in keys) or "no keys at all"
                raise BadOption("name", f"expected the name of a key ({names}), got {name!r}")
            self._write(kept)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands at once must not lose each other's keys."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(
                self.path.with_name(f"{self.path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600
            )
        except OSError as error:
            raise KeysUnavailable(f"cannot write {self.path}: {error.strerror}") from error
        try:
            with suppress(ImportError):  # Windows, which has no such locks
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, keys: tuple[Key, ...]) -> None:
        """All or nothing: a server reads the old file or the new one."""
        body = _Keys(keys=list(keys)).model_dump(mode="json", exclude_none=True)
        for row in body["keys"]:
            row["scopes"].sort()
        written: str | None = None
        try:
            handle, written = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp made it 0600
                json.dump(body, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(written).replace(self.path)
        except OSError as error:
            if written is not None:
                Path(written).unlink(missing_ok=True)
            raise KeysUnavailable(f"cannot write {self.path}: {error.strerror}") from error


def new_key() -> str:
    """A key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """As the file has it."""
    return hashlib.sha256(key.encode()).hexdigest()

"""Where the keys of tokens are, as settings say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sotto.clock import Clock
from sotto.plugins.auth.claims import Rules
from sotto.plugins.auth.fetching import Fetcher, check_url
from sotto.plugins.auth.key_sources import KeyBase, KeyFolder, KeySet, KeySource, read_file
from sotto.plugins.auth.tokens import Tokens


@dataclass(frozen=True)
class Places:
    """Each may be left out; what there is, is asked in this order."""

    folder: Path | None = None
    """Of PEM files."""
    jwks: str | None = None
    """A file, or an address of HTTP."""
    bases: tuple[str, ...] = ()
    """Addresses under which each key is a PEM file."""
    secret: str | None = None
    """For HS256."""
    ttl: float = 600.0
    """Seconds for which a key from elsewhere holds."""

    def sources(self, clock: Clock) -> Iterator[KeySource]:
        """Of public keys. Raises BadOption for an address that is none."""
        fetch = Fetcher(clock)
        if self.folder is not None:
            yield KeyFolder(self.folder)
        if self.jwks is not None:
            if "://" in self.jwks:
                yield KeySet(check_url("auth.jwt_jwks", self.jwks), fetch, clock, ttl=self.ttl)
            else:
                path = str(Path(self.jwks).expanduser())
                yield KeySet(path, read_file, clock, ttl=self.ttl)
        for base in self.bases:
            yield KeyBase(check_url("auth.jwt_bases", base), fetch, clock, ttl=self.ttl)


def tokens_of(places: Places, rules: Rules, clock: Clock) -> Tokens:
    """The tokens whose keys are there. Raises BadOption."""
    return Tokens(tuple(places.sources(clock)), places.secret, rules, clock)

"""The one process of a cluster that keeps what there is one of: figures, and perhaps the store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from operator import attrgetter

from sotto.app import logs
from sotto.app.build import build_store
from sotto.app.ray.figures import PERIOD
from sotto.app.ray.wire import Failed, pack, unpack
from sotto.app.settings import Settings
from sotto.app.webhook import build_webhook
from sotto.clock import SystemClock
from sotto.errors import SottoError
from sotto.interfaces.store import TranscriptStore
from sotto.runtime.metrics import Metrics
from sotto.runtime.webhook import delivering

FRESH = 3 * PERIOD
"""Seconds for which a replica's figures are told; one that is gone is forgotten then."""
MOST_SECRETS = 20_000
METHODS = frozenset(
    {
        *("begin", "append", "segments", "record", "sessions", "delete", "expire", "spend"),
        *(f"conversations.{name}" for name in ("claim", "save", "load", "delete", "expire")),
    }
)
"""Of the store, that may be called."""


def is_kept(settings: Settings) -> bool:
    """Whether the store is the keeper's: all but a database that each process reaches itself."""
    return not settings.store.url.startswith("postgresql")


class StoreDesk:
    """A store whose methods are called from elsewhere."""

    def __init__(self, store: TranscriptStore) -> None:
        self._store = store

    async def call(self, parcel: bytes) -> bytes:
        """What the method gives, or what it raises of our errors."""
        method, args, kwargs = unpack(parcel)
        assert method in METHODS, "expected a method of the store"
        try:
            return pack(await attrgetter(method)(self._store)(*args, **kwargs))
        except SottoError as error:
            return pack(Failed.of(error))


class KeeperReplica:
    """Asked by all other replicas. Where PostgreSQL is configured, it keeps no store."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]  # Serve awaits it
        """Raises StoreUnavailable, BadOption."""
        logs.configure(settings.log)
        self._clock, self._metrics = SystemClock(), Metrics()
        self._pages: dict[str, tuple[float, bytes]] = {}
        """By the replica: when it told them, and its figures."""
        self._secrets: dict[bytes, tuple[int, bytes]] = {}
        """By the secret's digest: when it expires, and what belongs to it."""
        self._desk: StoreDesk | None = None
        self._open = AsyncExitStack()
        if is_kept(settings):
            await self._open_store(settings)

    async def _open_store(self, settings: Settings) -> None:
        """The store, and what goes out of its outbox: nobody else reaches it."""
        store = build_store(settings)
        await store.open()
        self._open.push_async_callback(store.close)
        posting = delivering(build_webhook(settings, store), self._metrics)
        await self._open.enter_async_context(posting)
        self._desk = StoreDesk(store)

    async def store(self, parcel: bytes) -> bytes:
        """Call a method of the store."""
        assert self._desk is not None, "expected a keeper with a store"
        return await self._desk.call(parcel)

    async def report(self, replica: str, page: bytes) -> None:
        """Keep a replica's figures."""
        now = self._clock.monotonic()
        self._pages = {n: kept for n, kept in self._pages.items() if kept[0] > now - FRESH}
        self._pages[replica] = now, page

    async def figures(self) -> Mapping[str, bytes]:
        """The newest of each replica that is there still."""
        oldest = self._clock.monotonic() - FRESH
        fresh = {name: page for name, (told, page) in self._pages.items() if told > oldest}
        return {**fresh, "keeper": self._metrics.render()}

    async def share(self, digest: bytes, expires_at: int, parcel: bytes) -> None:
        """Keep what belongs to a secret until it expires."""
        now = self._clock.wall()
        self._secrets = {d: kept for d, kept in self._secrets.items() if kept[0] > now}
        if len(self._secrets) < MOST_SECRETS:
            self._secrets[digest] = expires_at, parcel

    async def shared(self, digest: bytes) -> bytes | None:
        """What belongs to a secret; None where it is not known, or not good any more."""
        expires_at, parcel = self._secrets.get(digest, (0, b""))
        return parcel if expires_at > self._clock.wall() else None

    async def __del__(self) -> None:
        """Serve calls it at the end."""
        await self._open.aclose()

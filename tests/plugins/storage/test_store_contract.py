"""The stores keep the stores' contract: in memory, in SQLite, in a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from sotto.clock import Clock
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.storage.memory import MemoryStore
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.store_contract import StoreContract


class TestMemory(StoreContract):
    def make(self, clock: Clock) -> TranscriptStore:
        return MemoryStore(clock=clock)


class TestSqlite(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path / 'of' / 'transcripts.db'}"

    def make(self, clock: Clock) -> TranscriptStore:
        return SqlStore(self.url, clock)


class TestPostgres(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, database: str) -> None:
        self.url = database

    def make(self, clock: Clock) -> TranscriptStore:
        return SqlStore(self.url, clock)

"""Stores keep conversations too: in memory, in SQLite, in a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from sotto.clock import Clock
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.storage.conversations import MemoryConversations
from sotto.plugins.storage.memory import MemoryStore
from sotto.plugins.storage.sql import SqlStore
from sotto.testing.conversation_contract import ConversationContract, put
from sotto.testing.stores import Wall


class TestMemory(ConversationContract):
    def make(self, clock: Clock) -> TranscriptStore:
        return MemoryStore(clock=clock)


class TestSqlite(ConversationContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path / 'transcripts.db'}"

    def make(self, clock: Clock) -> TranscriptStore:
        return SqlStore(self.url, clock)


class TestPostgres(ConversationContract):
    @pytest.fixture(autouse=True)
    def _place(self, database: str) -> None:
        self.url = database

    def make(self, clock: Clock) -> TranscriptStore:
        return SqlStore(self.url, clock)


async def test_what_is_kept_is_there_for_the_next_server(url: str) -> None:
    first, second = SqlStore(url, Wall()), SqlStore(url, Wall())
    await first.open()
    await put(first.conversations, "anna", "a", ['{"said":"東京"}'])
    await second.open()
    assert await second.conversations.load("anna", "a") == ('{"said":"東京"}',)
    await put(second.conversations, "anna", "a", ["1"])
    await first.close()
    await second.close()
    third = SqlStore(url, Wall())
    await third.open()
    assert await third.conversations.load("anna", "a") == ("1",)
    await third.close()


async def test_memory_forgets_the_oldest() -> None:
    few = MemoryConversations(Wall(), max_conversations=2)
    for name in "abac":
        await put(few, None, name, ["1"])
    assert [await few.load(None, name) for name in "abc"] == [("1",), None, ("1",)]
    small = MemoryConversations(Wall(), max_characters=10)
    for name in "ab":
        await put(small, None, name, ["x" * 5])
    await put(small, None, "a", ["x" * 6])
    assert [await small.load(None, name) for name in "ab"] == [("x" * 6,), None]
    await put(small, None, "c", ["x" * 11])
    assert [await small.load(None, name) for name in "ac"] == [None, ("x" * 11,)]


async def test_a_deleted_conversation_is_in_the_file_no_more(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'of' / 'transcripts.db'}", Wall())
    await store.open()
    await put(store.conversations, "anna", "a", ['"kaleidoscope"'])
    await store.conversations.delete("anna", "a")
    await store.close()
    for file in (tmp_path / "of").iterdir():
        assert b"kaleidoscope" not in file.read_bytes()

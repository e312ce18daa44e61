"""Conversations that are kept: across servers, and where the store is away or broken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sotto.clock import SystemClock
from sotto.errors import StoreUnavailable
from sotto.plugins.storage.conversations import MemoryConversations
from sotto.plugins.storage.memory import MemoryStore
from tests.asking import eventually
from tests.transports.kept_talks import TEXT, history, opened, restored, words


async def test_it_outlives_the_server(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        key = house.key()
        async with house.talk(key, "old", "&model=any") as talk:
            await talk.ask("hello", **TEXT)
    with opened(tmp_path) as house:
        async with house.talk(key, "old") as talk:
            assert words(await restored(talk, 2)) == ["hello", "You said hello. Good day."]


class Away(MemoryConversations):
    """A store of conversations that is away for a while."""

    is_away = True

    async def claim(self, owner: str | None, id: str, holder: str) -> tuple[str, ...]:
        self._look()
        return await super().claim(owner, id, holder)

    async def save(self, owner: str | None, id: str, documents: Sequence[str], holder: str) -> bool:
        self._look()
        return await super().save(owner, id, documents, holder)

    def _look(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the disk is full")


class Elsewhere(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.away = Away(SystemClock())

    @property
    def conversations(self) -> Away:
        return self.away


async def test_a_store_that_is_away_ends_no_conversation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Elsewhere()
    with opened(tmp_path, store) as house:
        key = house.key()
        async with house.talk(key, "away") as talk:
            for word in ("one", "two", "three"):
                await talk.say(word)
            assert await history(talk) == "one\ntwo\nthree\nhistory"
            store.away.is_away = False
            await talk.say("four")
            eventually(lambda: house.words(key, "away")[:1] == ["one"])
            store.away.is_away = True
            await talk.say("five")
        async with house.talk(key, "away") as talk:
            await talk.say("six")
    lines = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert lines == ["conversation away is not kept for now: the disk is full"] * 3
    kept = await store.away.load("key1", "away")
    assert kept is not None
    assert '"four"' in kept[-1]

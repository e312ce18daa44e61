"""What is memory's own: its bounds."""

from __future__ import annotations

from sotto.interfaces.store import Query
from sotto.plugins.storage.memory import MemoryStore
from sotto.plugins.storage.usage import MAX_USED
from sotto.testing.stores import final


async def names(store: MemoryStore) -> list[str]:
    return [record.id for record in (await store.sessions(Query(limit=100))).records]


async def test_of_too_many_words_the_session_heard_longest_ago_goes() -> None:
    store = MemoryStore(max_words=12)  # of which a final is one more
    for name in "abc":
        await store.append(name, final(0, "nine", "two", "five"))
    await store.append("a", final(1))
    assert await names(store) == ["c", "a"]
    await store.append("c", final(1, "six", "six"))
    assert await names(store) == ["c", "a"]
    await store.append("c", final(2))
    assert await names(store) == ["c"]
    assert len(await store.segments("c")) == 3


async def test_of_one_session_with_too_many_words_its_first_go() -> None:
    store = MemoryStore(max_words=10)
    for number in range(20):
        await store.append("a", final(number, "nine", "two"))
    assert [segment.id for segment in await store.segments("a")] == [17, 18, 19]
    await store.append("a", final(20, *["word"] * 50))  # more than all, and kept all the same
    assert [segment.id for segment in await store.segments("a")] == [20]


async def test_what_is_forgotten_makes_room() -> None:
    store = MemoryStore(max_words=8)
    for name in "ab":
        await store.append(name, final(0, "nine", "two", "five"))
    await store.delete("a")
    await store.append("c", final(0, "nine", "two", "five"))
    assert await names(store) == ["c", "b"]


async def test_of_too_many_owners_the_one_that_used_sound_longest_ago_is_forgotten() -> None:
    store = MemoryStore()
    for number in range(MAX_USED):
        await store.spend(f"k{number}", "2026-11-22", 1)
    await store.spend("k0", "2026-11-22", 1)
    await store.spend("one more", "2026-11-22", 1)
    assert await store.spend("k0", "2026-11-22", 0) == 2
    assert await store.spend("k1", "2026-11-22", 0) == 0
    assert await store.spend("k2", "2026-11-22", 0) == 1

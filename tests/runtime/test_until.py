"""What waits can be stopped, and grows impatient; nothing is lost on the way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sotto.errors import BadAudio
from sotto.runtime.until import unless_idle, until

IDLE = "idle"


async def given(*items: str, queue: asyncio.Queue[str] | None = None) -> AsyncIterator[str]:
    for item in items:
        yield item
    while queue is not None:
        yield await queue.get()


async def test_all_items_come_where_nothing_happens() -> None:
    assert [item async for item in until(given("a", "b"), asyncio.Event())] == ["a", "b"]


async def test_what_waits_is_stopped() -> None:
    event = asyncio.Event()
    heard: list[str] = []

    async def listen() -> None:
        async for item in until(given("a", queue=asyncio.Queue()), event):
            heard.append(item)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    assert not task.done()
    event.set()
    await asyncio.wait_for(task, 5)
    assert heard == ["a"]


async def test_nothing_comes_after_the_event() -> None:
    event = asyncio.Event()
    event.set()
    assert [item async for item in until(given("a"), event)] == []


async def test_a_timeout_of_the_items_is_theirs() -> None:
    async def items() -> AsyncIterator[str]:
        yield "a"
        raise TimeoutError

    heard: list[str] = []
    with pytest.raises(TimeoutError):
        async for item in until(items(), asyncio.Event()):
            heard.append(item)
    assert heard == ["a"]


async def test_whoever_waits_can_be_cancelled() -> None:
    closed = asyncio.Event()

    async def items() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.set()

    task = asyncio.create_task(anext(until(items(), asyncio.Event()), None))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_idleness_is_told_once_until_something_comes() -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()
    items = unless_idle(given("a", queue=queue), 0.02, IDLE)
    assert [await anext(items) for _ in range(2)] == ["a", IDLE]
    following = asyncio.ensure_future(anext(items))
    done, _ = await asyncio.wait({following}, timeout=0.1)
    assert not done, "expected idleness to be told once"
    queue.put_nowait("b")
    assert await following == "b"
    assert await anext(items) == IDLE
    await items.aclose()


async def test_no_item_is_lost_to_idleness() -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()
    heard: list[str] = []

    async def listen() -> None:
        async for item in unless_idle(given(queue=queue), 0.001, IDLE):
            heard.append(item)
            if item == "99":
                return

    task = asyncio.create_task(listen())
    for number in range(100):
        queue.put_nowait(str(number))
        if number % 7 == 0:
            await asyncio.sleep(0.002)
    await asyncio.wait_for(task, 10)
    assert [item for item in heard if item != IDLE] == [str(number) for number in range(100)]
    assert IDLE in heard


async def test_an_error_comes_after_what_came_before_it() -> None:
    async def items() -> AsyncIterator[str]:
        yield "a"
        yield "b"
        raise BadAudio("expected sound, got none")

    heard: list[str] = []
    with pytest.raises(BadAudio):
        async for item in unless_idle(items(), 60, IDLE):
            heard.append(item)
    assert heard == ["a", "b"]


async def test_who_stops_listening_closes_the_items() -> None:
    closed = asyncio.Event()

    async def items() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    listening = unless_idle(items(), 60, IDLE)
    assert await anext(listening) == "a"
    await listening.aclose()
    assert closed.is_set()


async def test_an_item_is_asked_for_once_the_last_is_dealt_with() -> None:
    dealt: list[int] = []

    async def items() -> AsyncIterator[str]:
        for number in range(5):
            assert dealt == list(range(number))
            yield str(number)

    async for item in unless_idle(items(), 60, IDLE):
        await asyncio.sleep(0)
        dealt.append(int(item))
    assert dealt == list(range(5))


async def test_who_is_busy_is_not_told_of_idleness() -> None:
    heard: list[str] = []
    async for item in unless_idle(given("a", "b"), 0.01, IDLE):
        heard.append(item)
        await asyncio.sleep(0.05)
    assert heard == ["a", "b"]

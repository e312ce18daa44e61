"""One stream of a name at a time: the newest; and what the older one heard is stored by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import TypeVar

import pytest

from sotto.runtime.names import Names
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service
from sotto.runtime.until import until
from sotto.transcript.events import Committed, Event, Final
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

Result = TypeVar("Result")


async def hold(names: Names, name: str, log: list[str], who: str) -> None:
    async with names.hold(name) as held:
        log.append(f"{who} has {name}")
        await held.wanted.wait()
        await asyncio.sleep(0)  # its last word takes a while
        log.append(f"{who} lets go")


async def turns() -> None:
    """As many as it takes for all that can run to have run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_comes_waits_until_the_other_has_let_go() -> None:
    names, log = Names(), list[str]()
    tasks = []
    for who in ("old", "new", "newest"):
        tasks.append(asyncio.create_task(hold(names, "m", log, who)))
        await turns()
    assert log == [
        "old has m",
        "old lets go",
        "new has m",
        "new lets go",
        "newest has m",
    ]
    tasks[-1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_names_do_not_disturb_each_other() -> None:
    names, log = Names(), list[str]()
    tasks = [asyncio.create_task(hold(names, name, log, name)) for name in "abc"]
    await turns()
    assert log == ["a has a", "b has b", "c has c"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_name_is_free_after_what_broke_or_was_given_up() -> None:
    names = Names()
    with pytest.raises(ValueError, match="broke"):
        async with names.hold("m"):
            raise ValueError("broke")
    log: list[str] = []
    first = asyncio.create_task(hold(names, "m", log, "first"))
    await turns()
    first.cancel()
    async with asyncio.timeout(10), names.hold("m") as held:
        assert not held.wanted.is_set()
    assert names._held == {}


async def test_who_gives_up_waiting_leaves_the_name_to_the_next() -> None:
    names = Names()
    release = asyncio.Event()
    log: list[str] = []

    async def keep() -> None:
        async with names.hold("m"):
            log.append("keeps")
            await release.wait()

    async def want(who: str) -> None:
        async with names.hold("m"):
            log.append(who)

    keeper = asyncio.create_task(keep())
    await turns()
    impatient, patient = (asyncio.create_task(want(who)) for who in ("impatient", "patient"))
    await turns()
    impatient.cancel()
    release.set()
    await asyncio.gather(keeper, patient, impatient, return_exceptions=True)
    assert log == ["keeps", "patient"]
    assert names._held == {}


# ---- until


async def numbers(*items: int, then: asyncio.Event | None = None) -> AsyncIterator[int]:
    for item in items:
        yield item
    if then is not None:
        await then.wait()


async def test_the_items_come_up_to_their_end() -> None:
    assert [item async for item in until(numbers(0, 1, 2), asyncio.Event())] == [0, 1, 2]


class Source:
    """Two items, and then none; it notes that it was stopped."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()
        self.stopped = False

    async def items(self) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
            self.waits.set()
            await asyncio.Event().wait()
        finally:
            self.stopped = True


async def take(source: Source, event: asyncio.Event, heard: list[int]) -> None:
    async for item in until(source.items(), event):
        heard.append(item)


async def test_the_items_come_up_to_the_event() -> None:
    source, event, heard = Source(), asyncio.Event(), list[int]()
    taking = asyncio.create_task(take(source, event, heard))
    await source.waits.wait()
    assert not taking.done()
    event.set()
    await taking
    assert (heard, source.stopped) == ([1, 2], True)


async def test_who_takes_the_items_may_be_stopped_and_leaves_nothing_behind() -> None:
    source, heard = Source(), list[int]()
    taking = asyncio.create_task(take(source, asyncio.Event(), heard))
    await source.waits.wait()
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await turns()
    assert (heard, source.stopped) == ([1, 2], True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_breaks_the_items_breaks_out() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broke")

    heard = []
    with pytest.raises(ValueError, match="broke"):
        async for item in until(source(), asyncio.Event()):
            heard.append(item)
    assert heard == [1]


# ---- streams


def on(server: Served, work: Coroutine[object, object, Result]) -> Result:
    """Done where the service lives."""
    return asyncio.run_coroutine_threadsafe(work, server.loop).result(60)


async def speak(then: asyncio.Event | None) -> AsyncIterator[bytes]:
    """The clip's sound; after it nothing comes, and nothing ends, until the event."""
    data = pcm_s16le(CLIP).data
    for at in range(0, len(data), 3_200):
        yield data[at : at + 3_200]
    if then is not None:
        await then.wait()


async def listen(
    service: Service, log: list[str], who: str, words: asyncio.Event, then: asyncio.Event | None
) -> None:
    """Hear the clip under a name; `words` is set once some were heard."""

    async def listener(event: Event) -> None:
        if isinstance(event, Committed):
            words.set()
        if isinstance(event, Final):
            log.append(f"{who} {event.segment.id}: {event.segment.text}")

    # no pause ends an utterance, and no idle time: what is open, only hanging up ends
    request = StreamRequest(session="the-meeting", pause=20.0, idle=600.0)
    async with service.open_stream(request, "stream") as stream:
        stored = await service.store.segments(stream.id)
        log.append(f"{who} begins after {len(stored)}")
        await stream.run(speak(then), listener)
    log.append(f"{who} is over")


def test_the_newest_stream_of_a_name_wins_and_the_last_word_of_the_old_is_stored_first(
    server: Served,
) -> None:
    log: list[str] = []

    async def play() -> None:
        words, never = asyncio.Event(), asyncio.Event()
        async with asyncio.timeout(50), asyncio.TaskGroup() as tasks:
            tasks.create_task(listen(server.service, log, "old", words, never))
            await words.wait()
            tasks.create_task(listen(server.service, log, "new", asyncio.Event(), None))

    on(server, play())
    stored = on(server, server.service.store.segments("the-meeting"))
    finals = [line for line in log if ":" in line]
    old = [line.partition(": ")[2] for line in finals if line.startswith("old")]
    assert old
    begins = log.index(f"new begins after {len(old)}")
    assert [line for line in log[:begins] if line.startswith("new")] == []
    assert [line for line in log[begins:] if line.startswith("old")] in ([], ["old is over"])
    assert [segment.id for segment in stored] == list(range(len(stored)))
    assert [segment.text for segment in stored] == [line.partition(": ")[2] for line in finals]
    assert " ".join(segment.text for segment in stored[len(old) :]) == CLIP_TEXT
    assert CLIP_TEXT.startswith(" ".join(old))
    assert server.service.open_streams == 0

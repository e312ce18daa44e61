"""Sessions that are carried on: from where, what is told again, and what a cut leaves open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.audio.format import HOP
from sotto.errors import Draining, Forbidden, Gone, Superseded
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime.carrying import carried_on
from sotto.runtime.closing import LULL, Closing
from sotto.runtime.intake import Message
from sotto.runtime.requests import Place, StreamRequest
from sotto.runtime.service import Service
from sotto.runtime.tails import Tail, Tails
from sotto.testing.stores import final
from sotto.transcript.events import Acknowledged, Event, Final
from sotto.transcript.words import Segment
from tests.loud_sound import loud_service, sound_of

THREE = [("alpha", 30, 70), ("bravo", 200, 240), ("charlie", 400, 440)]
SOUND = sound_of(THREE, 600)
LEAD = 100
"""Frames before what it has that a client sends again."""
ALL = ["alpha", "bravo", "charlie"]


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = loud_service()
    await service.models.start()
    await service.models.settled()
    yield service
    await service.tails.close()
    await service.models.close()


def frames_of(start: int, end: int, sound: bytes = SOUND) -> bytes:
    return sound[start * HOP * 2 : end * HOP * 2]


async def once(sound: bytes, error: Exception | None = None) -> AsyncIterator[Message]:
    yield sound
    if error is not None:
        raise error


class Client:
    """What one stream after the other tells; gone at the final that `misses` it."""

    def __init__(
        self,
        service: Service,
        *,
        misses: int | None = None,
        session: str = "s",
        sound: bytes = SOUND,
    ) -> None:
        self.events: list[Event] = []
        self.misses = misses
        self._session = session
        self._sound = sound
        self.service = service

    @property
    def finals(self) -> list[Segment]:
        return [event.segment for event in self.events if isinstance(event, Final)]

    @property
    def settled(self) -> int:
        return self.finals[-1].end if self.finals else 0

    async def listen(self, event: Event) -> None:
        if isinstance(event, Final) and event.segment.id == self.misses:
            self.misses = None
            raise Gone("the line broke at this very message")
        self.events.append(event)

    async def stream(
        self,
        at: int,
        end: int = 600,
        *,
        heard: int = 0,
        error: Exception | None = None,
        owner: str | None = None,
        messages: AsyncIterator[Message] | None = None,
    ) -> None:
        received = self.finals[-1].id + 1 if self.finals else 0
        request = StreamRequest(session=self._session, place=Place(at, received, heard))
        async with self.service.open_stream(request, "stream", owner) as stream:
            sent = messages or once(frames_of(at, end, self._sound), error)
            await stream.run(sent, self.listen)


async def stored(service: Service) -> list[str]:
    return [segment.text for segment in await service.store.segments("s")]


@pytest.mark.parametrize("misses", [0, 1, 2])
async def test_a_final_that_is_stored_and_not_told_is_told_by_the_next_stream(
    service: Service, misses: int
) -> None:
    loud = loud_service()
    unbroken = Client(loud)
    await loud.models.start()
    await loud.models.settled()
    await unbroken.stream(0)
    client = Client(service, misses=misses)
    with pytest.raises(Gone):
        await client.stream(0)
    await client.stream(client.settled)
    assert client.finals == unbroken.finals
    assert await service.store.segments("s") == unbroken.finals


async def test_a_word_that_a_cut_left_open_is_heard_whole_by_the_next_stream(
    service: Service,
) -> None:
    client = Client(service)
    with pytest.raises(Gone):
        await client.stream(0, 220, error=Gone("the line broke in the second word"))
    assert await stored(service) == ["alpha"]
    await client.stream(client.settled)
    assert await stored(service) == [segment.text for segment in client.finals] == ALL


@pytest.mark.parametrize("end", [*range(200, 216), 230])
async def test_a_server_that_stops_begins_no_word_that_its_client_says_again(
    service: Service, end: int
) -> None:
    """Neither where the word has begun, nor where its beginning lies at the door still."""
    client, why = Client(service), Draining("the server is about to stop")

    async def until_stopped() -> AsyncIterator[Message]:
        yield frames_of(0, end)
        service.closing.end_streams(why)
        await asyncio.sleep(4 * LULL)
        service.closing.cut_streams(why)  # it speaks, and does not pause
        await asyncio.Event().wait()

    with pytest.raises(Draining):
        await client.stream(0, messages=until_stopped())
    assert await stored(service) == [segment.text for segment in client.finals] == ["alpha"]
    service.closing = Closing()
    await client.stream(client.settled)
    assert await stored(service) == [segment.text for segment in client.finals] == ALL


@pytest.mark.parametrize("forgets", [False, True])
async def test_the_second_before_what_the_client_has_is_sent_again_and_not_told_again(
    service: Service, forgets: bool
) -> None:
    """Also not by a server that does not know the session any more."""
    loud = loud_service()
    await loud.models.start()
    await loud.models.settled()
    unbroken = Client(loud, session="unbroken")
    await unbroken.stream(0)
    client = Client(service, misses=2)
    with pytest.raises(Gone):
        await client.stream(0)
    assert client.finals == unbroken.finals[:2]
    bravo = client.finals[-1]
    at = bravo.end - LEAD
    assert at < 240 - 20  # so that the second word could be heard again
    if forgets:
        client.service = loud
    await client.stream(at, heard=bravo.end)
    assert client.finals == unbroken.finals
    kept = await client.service.store.segments("s")
    assert kept == (unbroken.finals[2:] if forgets else unbroken.finals)


async def test_what_follows_at_once_has_the_same_frames_after_a_cut(service: Service) -> None:
    """Its window begins where the one before it ended, and not in silence that was none."""
    for length in range(30, 46):
        second = 30 + length + 60  # the first frame that cannot belong to the first utterance
        sound = sound_of([("alpha", 30, 30 + length), ("bravo", second, second + 40)], 400)
        whole = Client(service, session=f"whole-{length}", sound=sound)
        await whole.stream(0)
        cut = Client(service, session=f"cut-{length}", sound=sound)
        with pytest.raises(Gone):
            await cut.stream(0, second + 10, error=Gone("just then"))
        await cut.stream(cut.settled)
        assert cut.finals == whole.finals
        assert len(cut.finals) == 2


class Tells(MemoryStore):
    """When a second final is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.second = asyncio.Event()

    async def append(self, session: str, segment: Segment, *, stream: int | None = None) -> None:
        await super().append(session, segment, stream=stream)
        if segment.id == 1:
            self.second.set()


async def test_what_a_cut_left_open_is_stored_where_nobody_comes_back(service: Service) -> None:
    service.tails = Tails(patience=0.01)
    service.store = store = Tells()
    client = Client(service)
    with pytest.raises(Gone):
        await client.stream(0, 225, error=Gone("for good"))
    async with asyncio.timeout(30):
        await store.second.wait()
    assert await stored(service) == ["alpha", "bravo"]


async def test_what_is_not_sent_again_is_stored(service: Service) -> None:
    """The client goes on behind what it said last."""
    client = Client(service)
    with pytest.raises(Gone):
        await client.stream(0, 245, error=Gone("and what came last is not kept"))
    await client.stream(300)
    assert await stored(service) == [segment.text for segment in client.finals] == ALL


async def test_a_stream_is_ended_by_the_next_one_of_its_session(service: Service) -> None:
    old, new = Client(service), Client(service)
    hears, never = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[Message]:
        yield frames_of(0, 220)
        hears.set()
        await never.wait()

    async def hear() -> None:
        request = StreamRequest(session="s", place=Place(0, 0))
        async with service.open_stream(request, "stream") as stream:
            await stream.run(endless(), old.listen)

    async with asyncio.timeout(30):
        hearing = asyncio.create_task(hear())
        await hears.wait()
        await new.stream(0)
        with pytest.raises(Superseded):
            await hearing
    assert [segment.text for segment in new.finals] == await stored(service) == ALL


async def test_another_owners_session_is_not_carried_on_nor_ended(service: Service) -> None:
    hers, his = Client(service), Client(service)
    with pytest.raises(Gone):
        await hers.stream(0, 220, error=Gone("for a moment"), owner="her")
    with pytest.raises(Forbidden):
        await his.stream(0, owner="him")
    assert his.events == []
    await hers.stream(hers.settled, owner="her")
    assert await stored(service) == ALL


@given(st.integers(0, 3_000), st.integers(0, 3_000), st.integers(0, 5), st.integers(0, 4))
def test_where_a_stream_begins_nothing_is_doubled_or_kept_back(
    at: int, heard: int, received: int, kept: int
) -> None:
    earlier = [final(number, "one", "two") for number in range(kept)]
    start = carried_on(Place(at, received, heard), earlier)
    end = earlier[-1].end if earlier else 0
    assert start.origin == at + start.skip == max(at, heard, end)
    assert start.first == max(kept, received)
    assert [segment.id for segment in start.untold] == list(range(received, kept))
    told = start.told_again()
    assert [event.segment.id for event in told if isinstance(event, Final)] == [
        segment.id for segment in start.untold
    ]
    known = [event.until for event in told if isinstance(event, Acknowledged)]
    assert known == ([end] if end > heard else [])


async def test_tails_have_a_bound_and_end_with_the_process() -> None:
    """One too many, and the oldest is stored; the next process hears the others again."""
    store, tails = MemoryStore(), Tails(most=2)
    for number in range(4):
        tails.keep(store, Tail(None, f"s{number}", final(0, "one"), None))
        await asyncio.sleep(0)
    await tails.close()
    kept = [[one.text for one in await store.segments(f"s{number}")] for number in range(4)]
    assert kept == [["one"], ["one"], [], []]

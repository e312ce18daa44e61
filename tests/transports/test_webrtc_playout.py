"""A call's way out for sound, without a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sotto.dialogue.events import AudioDelta, Place
from sotto.errors import Gone
from sotto.transports.realtime.events import Json
from sotto.transports.webrtc.playout import MAX_AHEAD, PIECE_BYTES, SILENCE, Playout
from sotto.transports.webrtc.teller import Teller


class Ordered:
    """A playout whose events are kept."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.teller = Teller(self._tell)
        self.playout = Playout(self.teller)

    async def _tell(self, event: Json) -> None:
        self.told.append((event["type"].removeprefix("output_audio_buffer."), event["response_id"]))

    def take(self, pieces: int) -> list[bool]:
        """Of so many pieces: which of them sound."""
        taken = [self.playout.take() for _ in range(pieces)]
        assert all(len(piece) == PIECE_BYTES for piece in taken)
        return [piece != SILENCE for piece in taken]


@pytest.fixture
async def out() -> AsyncIterator[Ordered]:
    ordered = Ordered()
    telling = asyncio.create_task(ordered.teller.run())
    yield ordered
    telling.cancel()


def place(response: str = "resp_1", item: str = "item_1") -> Place:
    return Place(0, response, 0, item)


def sound(pieces: float, response: str = "resp_1", item: str = "item_1") -> AudioDelta:
    return AudioDelta(place(response, item), 0, b"\1\1" * round(pieces * PIECE_BYTES / 2))


async def test_sound_leaves_piece_by_piece_and_the_client_knows_when(out: Ordered) -> None:
    assert out.playout.played() is None
    assert out.take(2) == [False, False]
    await out.playout.sound(sound(1.5))
    assert out.take(2) == [True, False]  # half a piece waits for its other half
    assert out.playout.played() == 20
    await out.playout.sound(sound(1))
    await out.playout.finish(place())
    assert out.take(2) == [True, True]
    assert out.playout.played() == 50
    await out.teller.settled()
    assert out.told == [("started", "resp_1")]  # what left last is being played
    assert out.take(2) == [False, False]
    await out.teller.settled()
    assert out.told == [("started", "resp_1"), ("stopped", "resp_1")]


async def test_silence_in_the_middle_of_an_answer_does_not_end_it(out: Ordered) -> None:
    await out.playout.sound(sound(1))
    assert out.take(3) == [True, False, False]
    await out.playout.sound(sound(1, item="item_2"))
    await out.playout.finish(place(item="item_2"))
    assert out.take(3) == [True, False, False]
    await out.teller.settled()
    assert out.told == [("started", "resp_1"), ("stopped", "resp_1")]


async def test_the_end_of_another_answer_is_not_the_end_of_this_one(out: Ordered) -> None:
    await out.playout.sound(sound(1))
    assert out.take(1) == [True]
    await out.playout.finish(place("resp_2", "item_2"))  # it had no sound
    assert out.take(2) == [False, False]
    await out.playout.sound(sound(1))
    assert out.take(1) == [True]
    await out.teller.settled()
    assert out.told == [("started", "resp_1")]


async def test_one_answer_follows_another(out: Ordered) -> None:
    await out.playout.sound(sound(1))
    await out.playout.finish(place())
    await out.playout.sound(sound(1, "resp_2", "item_2"))
    await out.playout.finish(place("resp_2", "item_2"))
    assert out.playout.played() == 0  # of the newest
    assert out.take(4) == [True, True, False, False]
    await out.teller.settled()
    kinds = [("started", "resp_1"), ("stopped", "resp_1")]
    assert out.told == [*kinds, ("started", "resp_2"), ("stopped", "resp_2")]
    assert out.playout.played() == 20


async def test_what_is_held_goes_on_where_it_paused(out: Ordered) -> None:
    await out.playout.sound(sound(3))
    await out.playout.finish(place())
    assert out.take(1) == [True]
    await out.playout.hold("resp_1")
    assert out.take(5) == [False] * 5
    assert out.playout.played() == 20
    await out.playout.resume("resp_1")
    assert out.take(3) == [True, True, False]
    await out.teller.settled()
    assert out.told == [("started", "resp_1"), ("stopped", "resp_1")]


async def test_what_is_cleared_is_silent_from_the_next_piece_on(out: Ordered) -> None:
    await out.playout.sound(sound(100))
    assert out.take(3) == [True] * 3
    await out.playout.hold("resp_1")
    await out.playout.clear("resp_1")
    await out.playout.clear("resp_1")
    assert out.told == [("started", "resp_1"), ("cleared", "resp_1")]  # once, and by then
    assert out.take(3) == [False] * 3
    assert out.playout.played() == 60
    await out.playout.sound(sound(1, "resp_2", "item_2"))
    assert out.take(1) == [True]  # and it is not held any more
    await out.teller.settled()
    assert out.told[-1] == ("started", "resp_2")


async def test_whoever_brings_minutes_waits_and_is_let_go_by_a_clear(out: Ordered) -> None:
    await out.playout.sound(AudioDelta(place(), 0, bytes(MAX_AHEAD + 2)))
    more = asyncio.create_task(out.playout.sound(sound(1)))
    await asyncio.sleep(0)
    assert not more.done()
    await out.playout.clear("resp_1")
    await more


async def test_who_tells_nobody_waits_for_nobody() -> None:
    async def gone(event: Json) -> None:
        raise Gone("the client hung up")

    teller = Teller(gone)
    playout = Playout(teller)
    await playout.sound(sound(1))
    playout.take()
    await teller.run()  # comes back
    await playout.clear("resp_1")

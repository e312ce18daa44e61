from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import zip_longest
from pathlib import Path

import pytest

from sotto.app.build import build_service, running
from sotto.app.settings import load
from sotto.audio.format import PcmFormat
from sotto.errors import BadOption, EngineFailed, Gone, Overloaded, SottoError
from sotto.runtime.intake import Message
from sotto.runtime.requests import StreamRequest
from sotto.runtime.runner import Flush
from sotto.runtime.service import Service
from sotto.runtime.stream import Stream
from sotto.runtime.voices import MAX_WAITING, Voices
from sotto.transcript.events import Event, Final
from tests.digits import orders, spoken
from tests.speech import CLIP_TEXT, manifest, needs_data, pcm_s16le

PIECE = 16_000
"""Bytes: half a second."""
LONG = 60.0
"""Seconds; a test that takes them is stuck."""


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with running(build_service(load(environ={}))) as service:
        await service.models.settled()
        yield service


def cut(sound: bytes, size: int = PIECE) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    assert condition()


class Room:
    """Voices of one service, and what each was told."""

    def __init__(self, service: Service, name: str = "room", *, rate: int = 16_000) -> None:
        self.finals: dict[str, list[str]] = {}
        self.numbers: dict[str, list[int]] = {}
        self.failures: dict[str, SottoError] = {}
        self.stall: dict[str, asyncio.Event] = {}
        """Listeners that wait, by their voice."""
        self.gates: dict[str, asyncio.Event] = {}
        """Streams that wait to be opened, by their voice."""
        self.hung_up: set[str] = set()
        self.told = asyncio.Condition()
        self._service = service
        self._name = name
        self._sound = PcmFormat(sample_rate=rate)

    @asynccontextmanager
    async def open(self, voice: str) -> AsyncIterator[Stream]:
        if voice in self.gates:
            await self.gates[voice].wait()
        request = StreamRequest(session=f"{self._name}/{voice}", sound=self._sound)
        async with self._service.open_stream(request, "test") as stream:
            yield stream

    async def listen(self, voice: str, event: Event) -> None:
        if voice in self.stall:
            await self.stall[voice].wait()
        if voice in self.hung_up:
            raise Gone("the client hung up")
        if isinstance(event, Final):
            self.finals.setdefault(voice, []).append(event.segment.text)
            self.numbers.setdefault(voice, []).append(event.segment.id)
            async with self.told:
                self.told.notify_all()

    def failed(self, voice: str, error: SottoError) -> None:
        self.failures[voice] = error

    def voices(
        self, tasks: asyncio.TaskGroup, *, most: int = 100, linger: float | None = None
    ) -> Voices:
        return Voices(tasks, self.open, self.listen, most=most, linger=linger, failed=self.failed)

    async def until_told(self, voice: str, count: int = 1) -> None:
        async with asyncio.timeout(LONG), self.told:
            await self.told.wait_for(lambda: len(self.finals.get(voice, [])) >= count)

    def text(self, voice: str) -> str:
        return " ".join(filter(None, self.finals.get(voice, [])))


async def hear(
    service: Service, sounds: dict[str, bytes], name: str = "together", *, rate: int = 16_000
) -> dict[str, str]:
    """What each voice said, where all are sent piece by piece in turns."""
    room = Room(service, name, rate=rate)
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks)
        for pieces in zip_longest(*map(cut, sounds.values())):
            for voice, piece in zip(sounds, pieces, strict=True):
                if piece is not None:
                    await voices.send(voice, piece)
        await voices.finish()
    assert room.failures == {}
    return {voice: room.text(voice) for voice in sounds}


async def alone(
    service: Service, sounds: dict[str, bytes], *, rate: int = 16_000
) -> dict[str, str]:
    found: dict[str, str] = {}
    for voice, sound in sounds.items():
        found |= await hear(service, {voice: sound}, f"alone {voice}", rate=rate)
    return found


async def test_eight_voices_at_once_do_not_mix(service: Service) -> None:
    """No two say the digits in the same order."""
    sounds = {f"voice {n}": spoken(*order) for n, order in enumerate(orders())}
    together = await hear(service, sounds)
    assert together == await alone(service, sounds)
    said = [" ".join(order) for order in orders()]
    assert sum(a == b for a, b in zip(together.values(), said, strict=True)) >= 6
    assert len(set(together.values())) == 8


@pytest.mark.data
@needs_data
async def test_eight_people_at_once_do_not_mix(service: Service) -> None:
    entries = manifest("digit_strings")
    clips = [pcm_s16le(Path(entry["path"])) for entry in entries[:: len(entries) // 8][:8]]
    (rate,) = {clip.rate for clip in clips}
    sounds = {str(number): clip.data for number, clip in enumerate(clips)}
    together = await hear(service, sounds, rate=rate)
    assert together == await alone(service, sounds, rate=rate)
    assert len(set(together.values())) == 8


async def test_a_slow_listener_delays_no_other_voice(service: Service) -> None:
    room = Room(service)
    room.stall["slow"] = asyncio.Event()
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks)
        for piece in cut(spoken("nine", "two") + bytes(2 * PIECE)):
            for voice in ("slow", "quick"):
                await voices.send(voice, piece)
        await room.until_told("quick", 2)
        assert room.finals["quick"] == ["nine", "two"]
        assert "slow" not in room.finals
        room.stall["slow"].set()
        await voices.finish()
    assert room.text("slow") == "nine two"


async def test_a_stream_that_opens_slowly_delays_no_other_voice(service: Service) -> None:
    room = Room(service)
    room.gates["slow"] = asyncio.Event()
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks)
        for piece in cut(spoken("nine") + bytes(2 * PIECE)):
            for voice in ("slow", "quick"):
                await voices.send(voice, piece)
        await room.until_told("quick")
        room.gates["slow"].set()
        await voices.finish()
    assert room.finals == {"quick": ["nine"], "slow": ["nine"]}


async def test_a_sender_waits_where_a_voice_is_far_behind(service: Service) -> None:
    room = Room(service)
    room.gates["slow"] = asyncio.Event()
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks)
        await voices.send("slow", bytes(MAX_WAITING))
        waiting = asyncio.create_task(voices.send("slow", spoken("nine")))
        await voices.send("quick", spoken("two") + bytes(2 * PIECE))
        await room.until_told("quick")
        assert not waiting.done()
        room.gates["slow"].set()
        await waiting
        await voices.finish()
    assert room.text("slow") == "nine"


async def test_all_are_told_at_once(service: Service) -> None:
    room = Room(service)
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks)
        for voice in "ab":
            await voices.send(voice, spoken("nine"))
        await voices.send_all(Flush())
        await room.until_told("a")
        await room.until_told("b")
        await voices.finish()
    assert (room.text("a"), room.text("b")) == ("nine", "nine")


async def test_one_that_hangs_up_is_stored_and_leaves_the_others(service: Service) -> None:
    room = Room(service)
    room.hung_up.add("gone")
    sound = spoken(*CLIP_TEXT.split())
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks)
        for piece in cut(sound):
            for voice in ("gone", "here"):
                await voices.send(voice, piece)
        await voices.finish()
    assert room.text("here") == CLIP_TEXT
    assert isinstance(room.failures.pop("gone"), Gone)
    assert room.failures == {}
    kept = await service.store.segments("room/gone")
    assert " ".join(segment.text for segment in kept) == CLIP_TEXT


async def test_one_whose_stream_broke_is_opened_anew(service: Service) -> None:
    room = Room(service)
    broken = True
    open_stream = room.open

    @asynccontextmanager
    async def open_once(voice: str) -> AsyncIterator[Stream]:
        nonlocal broken
        if broken:
            broken = False
            raise EngineFailed("broke")
        async with open_stream(voice) as stream:
            yield stream

    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = Voices(tasks, open_once, room.listen, most=1, failed=room.failed)
        await voices.send("a", spoken("nine"))
        await eventually(lambda: bool(room.failures))
        await voices.send("a", spoken("two"))
        await voices.finish()
    assert room.text("a") == "two"


async def test_without_a_word_for_it_a_failure_ends_all(service: Service) -> None:
    room = Room(service)

    @asynccontextmanager
    async def open_none(voice: str) -> AsyncIterator[Stream]:
        raise EngineFailed("broke")
        yield  # type: ignore[unreachable]

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
            await Voices(tasks, open_none, room.listen, most=1).send("a", b"")
            await asyncio.Event().wait()
    assert raised.group_contains(EngineFailed)


async def test_a_voice_that_falls_silent_is_closed_and_carried_on(service: Service) -> None:
    room = Room(service)
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks, most=1, linger=0.05)
        for count, digit in enumerate(("nine", "two", "five"), 1):
            await voices.send("a", spoken(digit))
            await room.until_told("a", count)
            await eventually(lambda: service.open_streams == 0)
        await voices.send("b", spoken("eight"))  # there is room for one: a's stream is closed
        await voices.finish()
    assert room.finals == {"a": ["nine", "two", "five"], "b": ["eight"]}
    assert room.numbers == {"a": [0, 1, 2], "b": [0]}


async def test_one_voice_too_many(service: Service) -> None:
    room = Room(service)
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        voices = room.voices(tasks, most=2)
        for voice in "aab":
            await voices.send(voice, bytes(PIECE))
        with pytest.raises(Overloaded, match="at most 2 voices"):
            await voices.send("c", bytes(PIECE))
        await voices.finish()
    assert service.open_streams == 0


async def test_a_voice_that_is_carried_on_elsewhere_ends_here(service: Service) -> None:
    old, new = Room(service), Room(service)
    async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
        before, after = old.voices(tasks), new.voices(tasks)
        await before.send("a", spoken("nine"))
        await eventually(lambda: service.open_streams == 1)
        await after.send("a", spoken("two"))
        await old.until_told("a")  # its last word, though it was not told to finish
        await after.finish()
        with pytest.raises(Gone, match="another connection"):
            await before.send("a", spoken("five"))
        await before.finish()
    assert (old.finals, old.numbers) == ({"a": ["nine"]}, {"a": [0]})
    assert (new.finals, new.numbers) == ({"a": ["two"]}, {"a": [1]})


async def test_no_voice_is_stuck_where_much_comes_at_once(service: Service) -> None:
    """A long piece asks for several looks before a job of the voice's own has begun."""
    sound = spoken("nine", "two", "five")
    for turn in range(4):
        room = Room(service, f"turn {turn}")
        said: list[Message] = [sound[:PIECE], sound[PIECE:]]
        async with asyncio.timeout(LONG), asyncio.TaskGroup() as tasks:
            voices = room.voices(tasks)
            for piece in said:
                for number in range(8):
                    await voices.send(str(number), piece)
            await voices.finish()
        assert {room.text(str(number)) for number in range(8)} == {"nine two five"}


@pytest.mark.parametrize("longest", [0.0, 0.9, 30.1, -1.0])
async def test_an_utterance_is_cut_after_1_to_30_seconds(service: Service, longest: float) -> None:
    with pytest.raises(BadOption, match="expected 1 to 30 s"):
        async with service.open_stream(StreamRequest(longest=longest), "test"):
            pass
    assert service.open_streams == 0

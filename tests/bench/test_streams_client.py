"""One client against servers that behave in their own ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from sotto.bench.streams.client import Client, Log
from sotto.bench.streams.dialect import (
    Committed,
    Failed,
    Final,
    HungUp,
    Message,
    Observation,
    Over,
    Shown,
    TakenBack,
)
from sotto.bench.streams.plan import silent
from sotto.bench.streams.sotto_stream import SottoStream
from sotto.bench.streams.sound import MESSAGE, Pcm, Tape

MESSAGES = 12


@dataclass
class Time:
    """Passes when it is waited for."""

    now: float = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Line:
    """A connection whose server is the test."""

    time: Time = field(default_factory=Time)
    stuck_at: int | None = None
    """The message that the server takes half a second for."""
    hangs_up_at: int | None = None
    sent: list[Message] = field(default_factory=list)
    answers: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """All has been said."""
    closed: bool = False

    async def send(self, message: Message) -> None:
        if len(self.sent) == self.stuck_at:
            await self.time.sleep(0.5)
        self.sent.append(message)
        if message == "bye":
            self.left.set()
        if len(self.sent) == self.hangs_up_at:
            self.answers.put_nowait(None)

    async def receive(self) -> Message:
        answer = await self.answers.get()
        if answer is None:
            raise HungUp("close code 1011")
        return answer

    async def close(self) -> None:
        self.closed = True


class Plain:
    """Says what it is sent as JSON lists of two: what, and a text."""

    name = "plain"
    says_over = True

    async def connect(self, address: str) -> Line:
        raise NotImplementedError

    def message(self, pcm: Pcm) -> Message:
        return pcm.tobytes()

    def goodbye(self) -> Sequence[Message]:
        return ("bye",)

    def reader(self) -> Plain:
        return self

    def read(self, message: Message) -> Sequence[Observation]:
        kind, text = json.loads(message)
        return {"over": (Over(),), "failed": (Failed(text),), "shown": (Shown(text),)}[kind]


def client(line: Line, patience: float = 5.0) -> tuple[Client, Log]:
    tape = Tape((), silent(0, MESSAGES / 10))
    return Client(Plain(), line, tape, line.time, line.time.sleep, patience), Log(0)


async def test_everything_is_said_and_heard_in_order():
    line = Line()
    talker, log = client(line)
    talking = asyncio.create_task(talker.talk(log, line.time.now))
    await line.left.wait()
    for answer in ('["shown", "one"]', '["over", ""]'):
        line.answers.put_nowait(answer)
    await talking
    assert [len(message) for message in line.sent[:-1]] == [2 * MESSAGE] * MESSAGES
    assert line.sent[-1] == "bye"
    assert [arrival.heard for arrival in log.arrivals] == [(Shown("one"),), (Over(),)]
    assert (log.failure, line.closed) == (None, True)
    assert len(log.sent) == len(log.own) == MESSAGES


async def test_who_is_held_up_catches_up_at_once_and_moves_nothing():
    line = Line(stuck_at=2)
    talker, log = client(line)
    talking = asyncio.create_task(talker.talk(log, line.time.now))
    await line.left.wait()
    line.answers.put_nowait('["over", ""]')
    await talking
    late = [0, 0, 0.5, 0.4, 0.3, 0.2, 0.1, 0, 0, 0, 0, 0]
    assert log.sent == [pytest.approx(seconds, abs=1e-9) for seconds in late]
    assert log.own == [pytest.approx(0, abs=1e-9)] * MESSAGES


async def test_what_comes_is_timed_from_when_the_client_began():
    line = Line()
    talker, log = client(line)
    talking = asyncio.create_task(talker.talk(log, line.time.now - 7))
    await line.left.wait()
    line.answers.put_nowait('["over", ""]')
    await talking
    assert log.arrivals[0].at == pytest.approx(7)
    # The generator began seven seconds late: the messages were, by its own fault.
    assert log.own[0] == pytest.approx(6.9)


async def test_a_server_that_hangs_up_early_is_a_failure():
    line = Line(hangs_up_at=3)
    talker, log = client(line)
    await talker.talk(log, line.time.now)
    assert log.failure == "the server hung up: close code 1011"
    assert len(line.sent) < MESSAGES
    assert line.closed


async def test_a_server_that_says_why():
    line = Line()
    line.answers.put_nowait('["failed", "overloaded"]')
    talker, log = client(line)
    await talker.talk(log, line.time.now)
    assert log.failure == "overloaded"


async def test_a_server_that_never_ends():
    line = Line()
    talker, log = client(line, patience=0.05)
    await talker.talk(log, line.time.now)
    assert log.failure == "the last words did not come within 0.05 s"
    assert line.closed


@pytest.mark.parametrize("nonsense", ["{", '["what", ""]', "7"])
async def test_messages_that_are_none(nonsense):
    line = Line()
    line.answers.put_nowait(nonsense)
    talker, log = client(line)
    await talker.talk(log, line.time.now)
    assert log.failure.startswith("expected plain's messages, got others")


def word(text: str, start: float, end: float) -> dict[str, object]:
    return {"word": text, "start": start, "end": end, "probability": 1.0}


def read(*messages: dict[str, object]) -> list[Observation]:
    reader = SottoStream().reader()
    return [one for message in messages for one in reader.read(json.dumps(message))]


NINE, TWO = word(" nine", 0.1, 0.5), word(" two", 0.6, 0.9)


def test_a_commit_takes_its_words_from_what_is_shown():
    assert read(
        {"type": "speech_started", "utterance": 0, "at": 0.0},
        {"type": "partial", "text": " nine two", "words": [NINE, TWO], "until": 1.0},
        {"type": "committed", "text": " nine", "words": [NINE]},
        {"type": "committed", "text": " two", "words": [TWO]},
        {"type": "final", "text": "nine two", "start": 0.0, "end": 1.0},
        {"type": "closed", "reason": "finished"},
    ) == [
        Shown(" nine two"),
        Committed(" nine", (0.5,)),
        Shown(" two"),
        Committed(" two", (0.9,)),
        Shown(""),
        Shown(""),
        Final(1.0),
        Over(),
    ]


@pytest.mark.parametrize(("final", "back"), [("two", 1), ("nine five", 1), ("nine two five", 1)])
def test_a_final_that_is_not_its_commits_is_told(final, back):
    heard = read(
        {"type": "committed", "text": " nine two", "words": [NINE, TWO]},
        {"type": "final", "text": final, "start": 0.0, "end": 1.0},
    )
    assert heard[-1] == TakenBack(back)


def test_an_error_is_a_failure():
    (heard,) = read({"type": "error", "code": "overloaded", "message": "try again"})
    assert heard == Failed("overloaded: try again")


def test_sound_is_sent_as_it_is():
    pcm = np.array([-32_768, 0, 1, 32_767], np.int16)
    assert SottoStream().message(pcm) == b"\x00\x80\x00\x00\x01\x00\xff\x7f"

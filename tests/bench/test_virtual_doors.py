"""Sessions in another process than the engine: both ends of the line, here in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from multiprocessing import Pipe

import numpy as np
import pytest

from sotto.bench.streams.client import Log
from sotto.bench.streams.generator import GeneratorFailed
from sotto.bench.streams.plan import silent
from sotto.bench.virtual.doors import Beginnings, Door, Doors
from sotto.bench.virtual.elsewhere import Elsewhere
from sotto.bench.virtual.instant import hear
from sotto.bench.virtual.line import Line, Message, Opened, Over, Ready, Speak, Spoken
from sotto.errors import EngineFailed, Overloaded
from sotto.interfaces.engine import ContinuousEngine, DecodeJob, Priority, Traits
from sotto.runtime.batcher import Ticket
from sotto.runtime.beginning import announcing
from sotto.testing.engines import OracleEngine
from sotto.testing.stepping import SteppingEngine
from sotto.transcript.options import DecodeOptions


def job(number: int) -> DecodeJob:
    mel = np.zeros((50, 80), np.float32)
    return DecodeJob(number, mel, DecodeOptions(), Priority.PARTIAL)


@dataclass
class ByHand:
    """A recognizer whose jobs are answered when a test wants."""

    traits: Traits = field(default_factory=Traits)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    jobs: dict[int, DecodeJob] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    came: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    is_full: bool = False

    def submit(self, job):
        if self.is_full:
            raise Overloaded("full")
        ticket = Ticket(asyncio.get_running_loop().create_future(), 0.0)
        self.tickets[job.id], self.jobs[job.id] = ticket, job
        ticket.result.add_done_callback(lambda _: self.came.put_nowait(job.id))
        self.came.put_nowait(job.id)
        return ticket

    def withdraw(self, ticket):
        (number,) = [one for one, other in self.tickets.items() if other is ticket]
        if number in self.begun:
            return False
        ticket.result.cancel()
        return True

    async def room(self):
        raise AssertionError("nobody waits here")

    def close(self):
        pass


@dataclass
class Ends:
    """The engine's and the sessions'."""

    recognizer: ByHand
    beginnings: Beginnings
    door: Door
    there: Elsewhere
    said: asyncio.Queue[Message]
    """What the sessions' end was told beside of jobs."""

    async def answered(self) -> None:
        """All that was said until now has arrived at both ends."""
        self.door._line.send(Speak(()))
        assert await self.said.get() == Speak(())


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = Pipe()
    said: asyncio.Queue[Message] = asyncio.Queue()

    def listen(message: Message) -> None:
        if isinstance(message, Speak | Over):
            said.put_nowait(message)
        else:
            there.hear(message)

    there = Elsewhere(Line(theirs, listen), Traits())
    recognizer, beginnings = ByHand(), Beginnings()
    door = Door(recognizer, beginnings, ours)
    yield Ends(recognizer, beginnings, door, there, said)
    there.line.send(Over())
    await door.gone.wait()
    door.close()


async def test_a_job_is_answered_elsewhere(ends):
    ticket = ends.there.submit(job(7))
    assert await ends.recognizer.came.get() == 7
    heard = hear(ends.recognizer.jobs[7])
    ends.recognizer.tickets[7].result.set_result(heard)
    assert await ticket.result == heard
    assert not ends.there.withdraw(ticket)


async def test_what_waits_can_be_taken_back_and_what_has_begun_cannot(ends):
    waits, begun = ends.there.submit(job(1)), ends.there.submit(job(2))
    for number in (1, 2):
        assert await ends.recognizer.came.get() == number
    engine = ends.beginnings.around(OracleEngine())
    engine.decode([ends.recognizer.jobs[2]])
    ends.recognizer.begun.add(2)
    await ends.answered()
    assert not ends.there.withdraw(begun)
    assert ends.there.withdraw(waits)
    assert await ends.recognizer.came.get() == 1  # withdrawn there too
    assert ends.recognizer.tickets[1].result.cancelled()
    begun.result.cancel()  # nobody waits for it any more
    assert await ends.recognizer.came.get() == 2
    assert ends.recognizer.tickets[2].result.cancelled()


async def test_why_nothing_was_heard(ends):
    ends.recognizer.is_full = True
    with pytest.raises(Overloaded):
        await ends.there.submit(job(1)).result
    ends.recognizer.is_full = False
    ticket = ends.there.submit(job(2))
    assert await ends.recognizer.came.get() == 2
    ends.recognizer.tickets[2].result.set_exception(EngineFailed("no"))
    with pytest.raises(EngineFailed):
        await ticket.result


async def test_tracks_are_dealt_out_and_logs_come_back_in_order(ends):
    tracks = tuple(silent(client, 1.0) for client in range(3))
    ends.there.line.send(Ready())
    await ends.door.ready.wait()
    opened = asyncio.Event()
    doors = Doors([ends.door])
    speaking = asyncio.ensure_future(doors.speak(tracks, opened))
    assert await ends.said.get() == Speak(tracks)
    ends.there.line.send(Opened())
    await opened.wait()
    logs = tuple(Log(track.client) for track in tracks[::-1])
    ends.there.line.send(Spoken(logs, 0.25))
    assert await speaking == logs[::-1]
    assert doors.busy == 0.25


async def test_a_process_that_is_gone(ends):
    speaking = asyncio.ensure_future(ends.door.speak((silent(0, 1.0),)))
    ends.there.line.send(Over())
    with pytest.raises(GeneratorFailed, match="their process is gone"):
        await speaking


def test_an_engine_tells_what_it_begins():
    told: list[int] = []

    def announce(jobs):
        told.extend(one.id for one in jobs)

    batches = announcing(OracleEngine(), announce)
    assert not isinstance(batches, ContinuousEngine)
    batches.decode([job(1), job(2)])
    assert told == [1, 2]
    joined = announcing(SteppingEngine(), announce)
    assert isinstance(joined, ContinuousEngine)
    joined.join(job(3))
    assert told == [1, 2, 3]

"""One step: so many virtual streams for so long; and more and more of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.figures import parse
from sotto.bench.shapes.sizes import NOTICE
from sotto.bench.streams.client import Log
from sotto.bench.streams.counting import by_number
from sotto.bench.streams.hearing import listen as listen_to
from sotto.bench.streams.plan import Talk, Track, plan
from sotto.bench.streams.run import Choose, Tell
from sotto.bench.streams.score import Result, add_up, judge, spread
from sotto.bench.streams.sound import MESSAGE, Bank
from sotto.bench.streams.step import TICK, Bounds, Generated, Look, Step, load
from sotto.bench.usage import usage
from sotto.bench.virtual.alone import Cost, cost, unhurried
from sotto.bench.virtual.crowd import Crowd
from sotto.bench.virtual.doors import Doors, Setup, Spread, doors
from sotto.bench.virtual.memory import settled_memory
from sotto.bench.virtual.tape import listen
from sotto.clock import SystemClock
from sotto.runtime.requests import StreamRequest
from sotto.runtime.service import Service

ALONE = 4
"""Streams by which it is told what there is without the engine's time."""
MANY, SHORT = 64, Talk(warm_up=0.0, counted=8.0, tail=1.0)
"""Streams, and how they talk, by which it is told what sessions cost."""
FEWER = 0.9
"""Of the words that were committed there: who drops words has no lag."""


@dataclass(frozen=True)
class Asked:
    """How it is to be measured."""

    talk: Talk = field(default_factory=Talk)
    bounds: Bounds = field(default_factory=lambda: Bounds(lag=1.0))
    seed: int = 0
    rate: float | None = None
    """Words that the model says for each second of sound, to count lags by their number; None: by
    the words themselves."""
    patience: float = 30.0


@dataclass(frozen=True)
class Floor:
    """What is there before any engine takes its time."""

    result: Result
    """Of a few streams, each of whose looks was answered before time went on."""
    cost: Cost
    committed: tuple[int, ...] = ()
    """Words of each of these streams."""


@dataclass(frozen=True)
class Virtual:
    """A service that is loaded, and the streams that are tried on it."""

    crowd: Crowd
    bank: Bank
    asked: Asked
    doors: Doors | None = None
    """Who has the streams; None: this process."""

    @property
    def made_up(self) -> bool:
        """Whether the model's words are nobody's: then lags count from where it says they end."""
        return self.crowd.recognizer.traits.notice == NOTICE

    def tracks(self, clients: int) -> tuple[Track, ...]:
        """What so many streams say; the same as a server's clients do."""
        asked = self.asked
        return tuple(
            plan(self.bank.spoken, asked.talk, asked.seed, client) for client in range(clients)
        )

    async def floor(self) -> Floor:
        """What sessions do by themselves. Raises what the engine does."""
        tracks = self.tracks(ALONE)
        logs = [await unhurried(self.crowd, track) for track in tracks]
        many = tuple(plan(self.bank.spoken, SHORT, self.asked.seed, one) for one in range(MANY))
        own = await cost(self.crowd, many)
        return Floor(self._result(tracks, logs), own, tuple(map(_committed, logs)))

    async def steps(self, choose: Choose, floor: Floor, tell: Tell) -> AsyncIterator[Step]:
        """Each with its verdict, as it is done."""
        done: list[Step] = []
        while (clients := choose([(one.clients, one.borne) for one in done])) is not None:
            tell(f"{clients} virtual streams, {self.asked.talk.seconds:g} s")
            step, logs = await self._step(clients)
            step = self.asked.bounds.check(step, done[0] if done else None)
            done.append(all_there(step, logs, floor))
            yield done[-1]

    async def _step(self, clients: int) -> tuple[Step, tuple[Log, ...]]:
        tracks, opened = self.tracks(clients), asyncio.Event()
        looks: list[Look] = []
        busy: list[float] = []
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(opened, looks, busy))
            logs = await (self.doors or self.crowd).speak(tracks, opened)
            watching.cancel()
        used = load(looks)
        own = (busy[-1] - busy[0]) / used.seconds if used.seconds else 0.0
        held = Generated(
            spread([late for log in logs for late in log.own]),
            spread([late for log in logs for late in log.sent]),
            own if self.doors is None else self.doors.busy,
        )
        return Step(clients, self._result(tracks, logs), held, used, None), logs

    async def _watch(self, opened: asyncio.Event, looks: list[Look], busy: list[float]) -> None:
        """While words are counted. `busy`: seconds of processor time of the sessions' thread."""
        await opened.wait()
        clock, talk = self.crowd.clock, self.asked.talk
        first = clock.monotonic() + talk.warm_up
        await asyncio.sleep(talk.warm_up)
        while (now := clock.monotonic()) <= first + talk.counted:
            told = parse(self.crowd.service.metrics.render().decode())
            looks.append(Look(now, usage(os.getpid()), told))
            busy.append(time.thread_time())
            await asyncio.sleep(TICK)

    def _result(self, tracks: Sequence[Track], logs: Sequence[Log]) -> Result:
        heard = list(zip(tracks, logs, strict=True))
        findings = [judge(track, log) for track, log in heard]
        if (rate := self.asked.rate) is None:
            result = add_up(findings)
            return replace(result, lag=None, stayed=None, wer=None) if self.made_up else result
        numbered = [
            by_number(one, track, log, rate)
            for one, (track, log) in zip(findings, heard, strict=True)
        ]
        return replace(add_up(numbered), wer=None)


def all_there(step: Step, logs: Sequence[Log], floor: Floor) -> Step:
    """With its verdict if streams were told fewer words than the same ones without the engine's
    time: of words that nobody said no word error rate tells."""
    pairs = list(zip(map(_committed, logs), floor.committed, strict=False))
    got, expected = (sum(numbers) for numbers in zip(*pairs, strict=True)) if pairs else (0, 0)
    if got >= FEWER * expected:
        return step
    why = f"{got} words were committed to the first streams, {expected} if time did not matter"
    return replace(step, borne=False, why=(*step.why, why))


def _committed(log: Log) -> int:
    return len(listen_to(log.arrivals).commits)


@asynccontextmanager
async def virtual(
    service: Service, request: StreamRequest, bank: Bank, asked: Asked, spread: Spread | None
) -> AsyncIterator[Virtual]:
    """All that is needed, while the service's model is held. Raises what the model pool does.

    `spread`: over which processes streams are spread; None: all are in this one.
    """
    async with service.models.use(request.model) as (_, recognizer):
        traits = recognizer.traits
        longest = max(asked.talk.seconds, SHORT.seconds)
        messages = -(-round(longest * SAMPLE_RATE) // MESSAGE)
        sounds = await asyncio.to_thread(
            listen, bank.pcm, lambda: service.front_end.ear(traits.n_mels), messages
        )
        crowd = Crowd(service, recognizer, request, sounds, SystemClock(), patience=asked.patience)
        with settled_memory():
            if spread is None:
                yield Virtual(crowd, bank, asked)
                return
            setup = Setup(spread.open, traits, request, sounds, asked.patience)
            async with doors(recognizer, spread, setup) as there:
                yield Virtual(crowd, bank, asked, there)

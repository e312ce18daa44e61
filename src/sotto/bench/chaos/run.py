"""Rounds of talk: each once unbroken, and once while connections are cut and servers killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from sotto.bench.chaos.judging import Judgment, Talked, judge_round
from sotto.bench.chaos.kept import once_all_left
from sotto.bench.chaos.line import Break, Line, Side, opened
from sotto.bench.chaos.plan import Pass, Wanted, breaks, share
from sotto.bench.chaos.talking import Log, Talker
from sotto.bench.chaos.target import Target
from sotto.bench.streams.plan import Track, plan
from sotto.bench.streams.sound import Bank, Tape
from sotto.client import StreamOptions
from sotto.clock import Clock

BETWEEN = (1.5, 6.0)
"""Seconds that a server which was started again is left in peace."""
MOST_VAIN = 3
"""Rounds in a row in which nothing broke before all was said; and tries for an unbroken run."""
HELD_UP = 1.0
"""Seconds that a server may take for a pause of the client, or soon: see `server.idle_flush`."""
SEEDS = 1_000_003
"""Between the seeds of two rounds."""

Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Strike:
    """One time that the server itself was broken."""

    what: str
    at: float
    """The clock's seconds; so `whole`."""
    whole: float
    """When it was ready again."""
    live: int
    """Streams at that moment."""


@dataclass(frozen=True)
class Round:
    """What one came to."""

    number: int
    seconds: float
    """Of sound, of each client."""
    judgment: Judgment
    lines: Sequence[Line]
    strikes: tuple[Strike, ...]
    logs: Sequence[Log]
    unbroken: Sequence[Line]
    late: float
    """Seconds by which this machine held up a client of the unbroken run, at most."""


@dataclass
class Chaos:
    """All rounds, until as much was broken as was asked for."""

    target: Target
    bank: Bank
    wanted: Wanted
    options: StreamOptions
    clock: Clock
    tell: Tell
    rounds: list[Round] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Of the target, in the end."""

    @property
    def cuts(self) -> int:
        """By now."""
        return sum(line.cuts for one in self.rounds for line in one.lines)

    @property
    def strikes(self) -> int:
        """By now."""
        return sum(len(one.strikes) for one in self.rounds)

    async def run(self) -> None:
        """Raises ServerError where the server cannot be started, or not again."""
        await self.target.start()
        try:
            vain = 0
            while not self._is_done and vain < MOST_VAIN:
                before = self.cuts + self.strikes
                self.rounds.append(await self._round(len(self.rounds)))
                vain = 0 if self.cuts + self.strikes > before else vain + 1
        finally:
            self.faults += await self.target.stop()
        if not self._is_done:
            wanted = self.wanted
            self.faults.append(
                f"expected {wanted.cuts} cuts and {wanted.strikes} kills, got {self.cuts} and "
                f"{self.strikes}"
            )

    @property
    def _is_done(self) -> bool:
        """Whether as much was broken as was asked for; of nothing, in one round."""
        wanted = self.wanted
        enough = self.cuts >= wanted.cuts and self.strikes >= wanted.strikes
        return enough and bool(self.rounds)

    async def _round(self, number: int) -> Round:
        wanted, seed = self.wanted, self.wanted.seed + SEEDS * number
        tracks = [plan(self.bank.spoken, wanted.talk, seed, at) for at in range(wanted.streams)]
        self.tell(f"round {number}: unbroken")
        truth = await self._unbroken(tracks)
        again = (await self._unbroken(tracks)).logs if wanted.control else None
        usual = _usual(truth.lines, wanted.talk.seconds)
        left = wanted.cuts - self.cuts
        shares = [share(left, len(tracks), at) for at in range(len(tracks))]
        lines = [self._breaking(f"{seed}/{at}", cuts, usual) for at, cuts in enumerate(shares)]
        self.tell(
            f"round {number}: {self.cuts} of {wanted.cuts} cuts, {self.strikes} of "
            f"{wanted.strikes} kills by now"
        )
        broken = _Conversation(self, tracks, lines)
        strikes = await broken.struck(seed)
        await once_all_left(self.target.address, self.clock)
        judgment = await asyncio.to_thread(
            judge_round,
            self.target.address,
            Talked(number, tracks, truth.logs, broken.logs, again),
        )
        length = wanted.talk.seconds
        return Round(number, length, judgment, lines, strikes, broken.logs, truth.lines, truth.late)

    async def _unbroken(self, tracks: Sequence[Track]) -> _Conversation:
        """Once more where this machine held it up: a long pause is no part of the truth."""
        tries = 0
        while True:
            lines = [Line(self._server, lambda number: (), self.clock) for _ in tracks]
            conversation = _Conversation(self, tracks, lines)
            await conversation.all()
            await once_all_left(self.target.address, self.clock)
            tries += 1
            if conversation.late < HELD_UP or tries == MOST_VAIN:
                return conversation

    def _breaking(self, seed: str, cuts: int, usual: Pass) -> Line:
        def breaks_of(number: int) -> Sequence[Break]:
            dice = random.Random(f"{seed}/{number}")
            return breaks(dice, usual, self.wanted.stall) if line.cuts < cuts else ()

        line = Line(self._server, breaks_of, self.clock)
        return line

    @property
    def _server(self) -> tuple[str, int]:
        parts = urlsplit(self.target.address)
        return parts.hostname or "", parts.port or 80


@dataclass
class _Conversation:
    """All clients at once, each on a line of its own."""

    chaos: Chaos
    tracks: Sequence[Track]
    lines: Sequence[Line]
    logs: list[Log] = field(init=False)

    def __post_init__(self) -> None:
        self.logs = [Log(track.client) for track in self.tracks]

    async def all(self) -> None:
        """Up to the last word of the last."""
        chaos = self.chaos
        talker = Talker(chaos.options, chaos.wanted.pace, chaos.clock)
        async with AsyncExitStack() as stack:
            for line in self.lines:
                await stack.enter_async_context(opened(line))
            tapes = [Tape(chaos.bank.pcm, track) for track in self.tracks]
            talks = zip(self.lines, tapes, self.logs, strict=True)
            await asyncio.gather(*(talker.talk(line.url, tape, log) for line, tape, log in talks))

    @property
    def late(self) -> float:
        """Seconds by which this machine held a client up, at most."""
        return max(log.late for log in self.logs)

    async def struck(self, seed: int) -> tuple[Strike, ...]:
        """The same, while the server is broken again and again. Raises ServerError."""
        over, strikes = asyncio.Event(), list[Strike]()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._strike(random.Random(f"{seed}/strikes"), over, strikes))
            await self.all()
            over.set()
        return tuple(strikes)

    async def _strike(
        self, dice: random.Random, over: asyncio.Event, strikes: list[Strike]
    ) -> None:
        chaos = self.chaos
        while chaos.strikes + len(strikes) < chaos.wanted.strikes:
            try:
                async with asyncio.timeout(dice.uniform(*BETWEEN)):
                    await over.wait()
                    return
            except TimeoutError:
                pass
            if any(log.is_over for log in self.logs):
                return  # what is left is for another round
            live = sum(log.is_live for log in self.logs)
            if live < len(self.logs):
                continue
            began = chaos.clock.monotonic()
            what = await chaos.target.break_something(dice.randrange(2**32))
            strikes.append(Strike(what, began, chaos.clock.monotonic(), live))
            chaos.tell(f"{what}, {live} streams live")


def _usual(lines: Sequence[Line], seconds: float) -> Pass:
    """Of unbroken lines."""
    whole = seconds * len(lines)
    return Pass(
        sum(line.passed[Side.CLIENT] for line in lines) / whole,
        sum(line.passed[Side.SERVER] for line in lines) / whole,
    )

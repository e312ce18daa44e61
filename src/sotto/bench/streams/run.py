"""A whole run: the same utterances as files, then more and more streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.calls import transcribe, wav
from sotto.bench.servers import Server
from sotto.bench.streams.dialect import Dialect
from sotto.bench.streams.generator import Order
from sotto.bench.streams.plan import Talk, Track, plan
from sotto.bench.streams.score import Place
from sotto.bench.streams.sound import Bank, Pcm
from sotto.bench.streams.step import Bounds, Step, Window, measure
from sotto.clock import Clock
from sotto.training.evaluation.scoring import Score, score

AIR = 0.3
"""Seconds of silence around an utterance that is sent as a file."""

Tell: TypeAlias = Callable[[str], None]
Choose: TypeAlias = Callable[[Sequence[tuple[int, bool]]], int | None]
"""How many streams come next, after those that were borne or not; None: enough."""


@dataclass(frozen=True)
class Offline:
    """The same model's own files, which streams are held against."""

    utterances: int
    wer: float | None
    score: Score


@dataclass(frozen=True)
class Bench:
    """What measures one server."""

    server: Server
    dialect: Dialect
    bank: Bank
    clock: Clock
    talk: Talk = field(default_factory=Talk)
    bounds: Bounds = field(default_factory=Bounds)
    seed: int = 0
    patience: float = 30.0
    """Seconds after a client's last sound for which it waits for the last words."""
    rate: float | None = None
    """Words that the model says for each second of sound, where they mean nothing; None: they are
    those that are said."""

    def tracks(self, clients: int) -> tuple[Track, ...]:
        """What so many clients say."""
        return tuple(
            plan(self.bank.spoken, self.talk, self.seed, client) for client in range(clients)
        )

    def step(self, clients: int, paired: Sequence[Place] = ()) -> Step:
        """So many streams. Raises GeneratorFailed."""
        order = Order(
            self.dialect, self.server.address, self.bank.pcm, self.tracks(clients), self.patience
        )
        window = Window(self.talk.warm_up, self.talk.warm_up + self.talk.counted)
        return measure(self.server, order, window, self.clock, paired, self.rate)

    def offline(self, places: Sequence[Place], fields: Mapping[str, str], tell: Tell) -> Offline:
        """Each utterance as a file of its own. Raises ServerError."""
        tracks = self.tracks(1 + max((client for client, _ in places), default=0))
        total = Score()
        for number, (client, place) in enumerate(places, 1):
            tell(f"as files: {number} of {len(places)}")
            utterance = tracks[client].utterances[place]
            sound = wav(with_air(self.bank.render(utterance)))
            total += score(utterance.text, transcribe(self.server.address, sound, fields))
        return Offline(len(places), total.wer, total)

    def counted(self, clients: int, most: int) -> list[Place]:
        """The first utterances that are counted, of so many clients."""
        found = [
            (track.client, place)
            for track in self.tracks(clients)
            for place, utterance in enumerate(track.utterances)
            if utterance.counts
        ]
        return found[:most]

    def steps(
        self,
        choose: Choose,
        paired: Sequence[Place],
        tell: Tell,
        first: Step | None = None,
    ) -> Iterator[Step]:
        """Each with its verdict, as it is done. Raises GeneratorFailed.

        `first`: what they are held against; None: the first of them.
        """
        done: list[Step] = []
        while (clients := choose([(one.clients, one.borne) for one in done])) is not None:
            tell(f"{clients} streams, {self.talk.seconds:g} s")
            step = self.step(clients, paired)
            done.append(self.bounds.check(step, first or (done[0] if done else None)))
            yield done[-1]


def in_turn(counts: Sequence[int]) -> Choose:
    """These numbers of streams, whatever comes of them."""

    def choose(tried: Sequence[tuple[int, bool]]) -> int | None:
        return counts[len(tried)] if len(tried) < len(counts) else None

    return choose


def with_air(pcm: Pcm) -> Pcm:
    """Silence before and after."""
    return np.pad(pcm, round(AIR * SAMPLE_RATE))

"""What `sotto bench streams` measures: the same of Sotto alone, and of each server beside peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sotto.app.cli.bench_server import ServerChoice
    from sotto.bench.servers import Server
    from sotto.bench.streams.dialect import Dialect
    from sotto.bench.streams.plan import Talk
    from sotto.bench.streams.run import Bench, Choose, Offline, Tell
    from sotto.bench.streams.score import Place
    from sotto.bench.streams.search import Search
    from sotto.bench.streams.sotto_stream import SottoStream
    from sotto.bench.streams.sound import Bank


@dataclass(frozen=True)
class Asked:
    """How it is to be measured."""

    talk: Talk
    bound: float
    seed: int
    offline: int
    """Utterances."""
    deflate: bool
    rate: float | None
    """Words for each second of sound, where what the model says means nothing."""


@dataclass(frozen=True)
class Run:
    """All that is the same for each step of each server."""

    server: ServerChoice
    """Sotto's."""
    bank: Bank
    asked: Asked
    choose: Search | list[int]
    """How many streams: a search for the most, or these numbers."""
    config: dict[str, str]
    """Of each of Sotto's streams."""

    @property
    def dialect(self) -> SottoStream:
        """Sotto's."""
        from sotto.bench.streams.sotto_stream import SottoStream

        return SottoStream(tuple(self.config.items()), self.asked.deflate)

    @property
    def following(self) -> Choose:
        """How many streams come next."""
        from sotto.bench.streams.run import in_turn

        return in_turn(self.choose) if isinstance(self.choose, list) else self.choose.following

    def bench(self, server: Server, dialect: Dialect) -> Bench:
        """What measures a server."""
        from sotto.bench.streams.run import Bench
        from sotto.bench.streams.step import Bounds
        from sotto.clock import SystemClock

        asked = self.asked
        return Bench(
            server,
            dialect,
            self.bank,
            SystemClock(),
            asked.talk,
            Bounds(asked.bound),
            asked.seed,
            rate=asked.rate,
        )

    def places(self, bench: Bench) -> list[Place]:
        """Utterances of the first step that are heard as files too."""
        if self.asked.rate is not None:
            return []
        least = self.choose[0] if isinstance(self.choose, list) else self.choose.first
        return bench.counted(least, self.asked.offline)

    def offline(self, bench: Bench, places: Sequence[Place], tell: Tell) -> Offline | None:
        """They, by Sotto; None where there are none. Raises ServerError."""
        fields = {key: value for key, value in self.config.items() if key != "policy"}
        return bench.offline(places, fields, tell) if places else None

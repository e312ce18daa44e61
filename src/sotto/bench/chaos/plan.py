"""What is to be broken, and where: the same for the same seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from sotto.bench.chaos.line import Break, How, Side
from sotto.bench.streams.plan import Talk

EARLY, DELAYED = 0.1, 0.2
"""Shares of the connections that break before their first sound, and that are held up once."""
HANDSHAKE = 700
"""Bytes of either side until it listens, about."""
LASTING = 6.0
"""Seconds of sound after which a connection is cut, at most. Utterances that are longer come
through because others last longer, and since what is sent again is sent at once."""
DELAY = (0.05, 2.0)
"""Seconds for which a connection is held up."""
HOW = {How.RESET: 55, How.CLOSE: 35, How.STALL: 10}
"""Of a hundred cuts."""


def habits(seconds: float) -> Talk:
    """A client's, for a round of so much sound.

    No word is said twice in a row, so that one which is told twice shows, and since a decoder may
    count three of the same otherwise in a window that begins a hundredth of a second elsewhere:
    what a break loses is asked for here, not that.
    """
    return Talk(repeats=False, warm_up=0.0, counted=seconds)


@dataclass(frozen=True)
class Wanted:
    """How much is to be broken, and what is said meanwhile."""

    cuts: int = 1_000
    """Connections that are ended."""
    kills: int = 0
    """Times that the server gets SIGKILL, and is started again."""
    stops: int = 0
    """Times that it gets SIGTERM, and is started again."""
    streams: int = 20
    """At once."""
    pace: float = 1.0
    """Seconds of sound that a client says in a second."""
    stall: float = 45.0
    """Seconds for which a connection that passes nothing stays; a client of ours waits for 30."""
    talk: Talk = field(default_factory=lambda: habits(60.0))
    """The habits of a client, and the length of a round."""
    seed: int = 0
    control: bool = False
    """Whether each round is run unbroken once more, to know what differs without any break."""

    @property
    def strikes(self) -> int:
        """Times that the server itself is broken."""
        return self.kills + self.stops


@dataclass(frozen=True)
class Pass:
    """What passes on an unbroken line in a second of sound."""

    client: float
    """Bytes."""
    server: float
    """Bytes."""

    def of(self, side: Side) -> float:
        """Of one side."""
        return self.client if side is Side.CLIENT else self.server


def share(cuts: int, streams: int, client: int) -> int:
    """How many of the cuts are one client's."""
    return cuts // streams + (client < cuts % streams)


def breaks(dice: random.Random, usual: Pass, stall: float) -> tuple[Break, ...]:
    """Of one connection: a cut, and perhaps a delay."""
    how = dice.choices(list(HOW), list(HOW.values()))[0]
    cut = _at(dice, how, usual, stall if how is How.STALL else 0.0)
    if dice.random() >= DELAYED:
        return (cut,)
    return (cut, _at(dice, How.DELAY, usual, dice.uniform(*DELAY)))


def _at(dice: random.Random, how: How, usual: Pass, seconds: float) -> Break:
    side = dice.choice(list(Side))
    most = HANDSHAKE if dice.random() < EARLY else LASTING * usual.of(side)
    return Break(how, side, 1 + int(dice.random() * most), seconds)

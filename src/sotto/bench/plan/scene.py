"""What a simulation is told: the cluster, what goes wrong, who speaks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sotto.bench.plan.habits import Certainty, Habits, Utterance
from sotto.bench.plan.machines import Curve, Machine, Task
from sotto.runtime.schedule import Waiting


@dataclass(frozen=True)
class Cluster:
    """What there is."""

    engines: int
    doors: int
    """Replicas that hold connections; 0: each engine holds its own."""
    curve: Curve
    exact: bool
    """Whether only windows of one length share a batch."""
    max_batch: int = 16
    queue_limit: int = 256


@dataclass(frozen=True)
class Troubles:
    """What goes wrong. Times are seconds."""

    engine_lives: float = 0.0
    """For which an engine runs on average until it dies; 0: for ever."""
    door_lives: float = 0.0
    restart: float = 90.0
    """From death until the replica serves again: a new process, and its model."""
    noticed: float = 1.0
    """Until jobs of a dead engine are asked of another one."""
    back_off: tuple[float, float] = (0.5, 2.5)
    """Until a client whose connection broke is connected again: at least, at most."""


@dataclass(frozen=True)
class Run:
    """What is simulated."""

    streams: int
    cluster: Cluster
    certain: Certainty
    habits: Habits = field(default_factory=Habits)
    troubles: Troubles = field(default_factory=Troubles)
    seconds: float = 60.0
    """That are counted, after the warm-up."""
    warm_up: float = 20.0
    session: float = 600.0
    """For which a stream lasts on average; the next one goes where the fewest are."""
    bound: float = 3.0
    """Seconds of p95 commit lag."""
    seed: int = 0


@dataclass(eq=False, slots=True)
class Speaker:
    """A stream."""

    engine: Machine
    door: Machine
    epoch: int = 0
    away: bool = False
    """Whether it has no connection, or no engine."""
    due: float | None = None
    """The end of the window that is to be looked at next."""
    waiting: Waiting[Task] | None = None
    running: bool = False
    utterances: deque[Utterance] = field(default_factory=deque)
    """That are not over, or have no final yet; oldest first."""

"""What was measured of an engine with so many windows at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sotto.bench.engine.ceiling import Least
from sotto.bench.engine.memory import Used

NEAR = 1 / 3
"""Of the ceiling's speed, below which neither computing nor memory is what an engine waits for."""


@dataclass(frozen=True)
class Point:
    """Windows of one case."""

    case: str
    at_once: int
    windows: int
    """In each round."""
    took: float
    """Seconds of a round, the median."""
    rounds: int
    tokens: int
    """Of a round, the end tokens included."""
    as_asked: bool | None
    """Whether each window had the case's number of words; None where they were the model's."""
    step: float | None
    """Seconds of one token more of all windows at once; None: not to be told."""
    least: Least
    """That the machine needs for so many windows at once."""
    memory: Used = field(default_factory=lambda: Used(None))
    """By now, of the engine."""

    @property
    def windows_a_second(self) -> float:
        """Decoded to their ends."""
        return self.windows / self.took

    @property
    def tokens_a_second(self) -> float:
        """Of all windows together."""
        return self.tokens / self.took

    @property
    def ceiling(self) -> float:
        """Windows a second that the machine could do."""
        return self.at_once / self.least.seconds

    @property
    def ratio(self) -> float:
        """Of what the machine could do."""
        return self.windows_a_second / self.ceiling

    @property
    def bound(self) -> str:
        """What it waits for: compute, bandwidth, or what is around both (launching, the host)."""
        return self.least.bound if self.ratio >= NEAR else "overhead"

    @property
    def encoder_share(self) -> float | None:
        """Of the time, what does not grow with the words: encoding, and the first token."""
        if self.step is None:
            return None
        steps = self.tokens / self.windows - 1
        return max(1 - self.step * steps * self.windows / (self.at_once * self.took), 0.0)

    def json(self) -> dict[str, Any]:
        """With all that follows from it."""
        names = ("windows_a_second", "tokens_a_second", "ceiling", "ratio", "bound")
        derived = {name: getattr(self, name) for name in (*names, "encoder_share")}
        return asdict(self) | derived

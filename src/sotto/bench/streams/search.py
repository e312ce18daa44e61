"""How many streams to try next; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sotto.errors import BadOption


@dataclass(frozen=True)
class Search:
    """Doubling until one is too many, then narrowing."""

    first: int = 4
    most: int = 512
    fine: float = 0.1
    """The share by which the answer may be too small."""

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.most:
            raise BadOption(
                "most", f"expected 1 to {self.most} streams to begin with, got {self.first}"
            )

    def following(self, tried: Sequence[tuple[int, bool]]) -> int | None:
        """The next number, after those that were borne or not; None once the answer is known."""
        if not tried:
            return self.first
        best, worst = self.best(tried), _least_failed(tried)
        if worst is None:
            return min(best * 2, self.most) if best < self.most else None
        if best == 0:
            return worst // 2 or None
        if worst - best <= max(1, self.fine * best):
            return None
        return (best + worst) // 2

    def best(self, tried: Sequence[tuple[int, bool]]) -> int:
        """The most that were borne, below the least that were not; 0 where none were."""
        worst = _least_failed(tried)
        borne = [n for n, good in tried if good and (worst is None or n < worst)]
        return max(borne, default=0)


def _least_failed(tried: Sequence[tuple[int, bool]]) -> int | None:
    return min((n for n, borne in tried if not borne), default=None)

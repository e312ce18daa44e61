"""How long it took until words were certain."""

from __future__ import annotations

import math
import statistics
import sys
from typing import Any

import typer

from sotto.clock import Clock


class Lags:
    """Seconds from the end of each word, as it was spoken, until it was committed."""

    def __init__(self, clock: Clock, speed: float) -> None:
        """`speed`: seconds of sound a second; at 0 nothing is measured."""
        self.seconds: list[float] = []
        self._clock = clock
        self._speed = speed
        self._began: float | None = None
        """Clock time at which the first sample was spoken."""

    def hear(self, length: float) -> None:
        """A piece of so many seconds has just been spoken."""
        if self._began is None and self._speed:
            self._began = self._clock.monotonic() - length / self._speed

    def note(self, message: dict[str, Any]) -> None:
        """An event of `/stream` has come."""
        if self._began is None or message["type"] != "committed":
            return
        heard_for = self._clock.monotonic() - self._began
        self.seconds += [heard_for - word["end"] / self._speed for word in message["words"]]

    def summary(self) -> str | None:
        """Median and 95th percentile (nearest rank); None where nothing was measured."""
        if not self.seconds:
            return None
        p95 = sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]
        words = f"{len(self.seconds)} words" if len(self.seconds) > 1 else "1 word"
        return (
            f"certain after {statistics.median(self.seconds):.2f} s (median), {p95:.2f} s (p95), "
            f"{words}"
        )

    def tell(self) -> None:
        """Say the summary on stderr where that is a terminal."""
        summary = self.summary()
        if summary is not None and sys.stderr.isatty():
            typer.secho(summary, err=True, dim=True)

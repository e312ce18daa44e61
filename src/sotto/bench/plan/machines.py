"""Engines and doors of a simulated cluster: how long a batch takes, and who is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sotto.audio.chunk import Mel
from sotto.interfaces.engine import BUCKET, DecodeJob, Priority
from sotto.runtime.schedule import Schedule, Waiting
from sotto.transcript.options import DecodeOptions

if TYPE_CHECKING:
    from sotto.bench.plan.scene import Speaker

LONGEST = 3000
"""Frames."""
_OPTIONS = DecodeOptions()
_NOTHING: Mel = np.empty((LONGEST, 0), np.float32)
"""Frames of no bands: a window of which only the length counts."""


@dataclass(frozen=True)
class Curve:
    """Seconds that a batch takes: `fixed`, and for each window of it what follows."""

    fixed: float
    sound: float
    """For each second that the encoder is given."""
    words: float = 0.0
    """For each second whose words are not committed yet: they are decoded anew."""
    margin: float = 0.0
    """Seconds after a window that the encoder is given too."""

    def seconds(self, batch: Sequence[Task]) -> float:
        """All are padded to the longest, and the decoder goes on until the last is done."""
        longest = max(task.window for task in batch) + self.margin
        tail = max(task.tail for task in batch)
        return self.fixed + len(batch) * (self.sound * longest + self.words * tail)

    def load(self, batch: Sequence[Task]) -> float:
        """Seconds of sound that one window of it comes to, by what they cost."""
        return (self.seconds(batch) - self.fixed) / (self.sound * len(batch))


@dataclass(frozen=True, slots=True)
class Task:
    """A look at an utterance, or its last one."""

    speaker: Speaker
    epoch: int
    """Of the speaker's connection: a result that comes later is nobody's."""
    until: float
    """When the window ends."""
    window: float
    """Seconds of sound."""
    tail: float
    """Seconds of it whose words are not committed."""
    priority: Priority

    def job(self) -> DecodeJob:
        """As the schedule knows it."""
        frames = min(max(round(self.window * 100), 1), LONGEST)
        return DecodeJob(0, _NOTHING[: -(-frames // BUCKET) * BUCKET], _OPTIONS, self.priority)


@dataclass(eq=False)
class Machine:
    """A replica: it holds streams, or an engine with its queue, or both."""

    schedule: Schedule[Task]
    up: bool = True
    streams: int = 0
    life: int = 0
    """Counts its deaths."""
    batch: list[Waiting[Task]] = field(default_factory=list)
    """That runs now."""

    def die(self) -> None:
        """Forget all that waits and runs."""
        self.up, self.batch, self.life = False, [], self.life + 1
        while self.schedule.take():
            pass

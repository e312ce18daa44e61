"""How much of what was told a client has played, as far as a server can know."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sotto.clock import Clock
from sotto.dialogue.heard import SAMPLES_PER_MS
from sotto.dialogue.items import OUTPUT_RATE

MOST_ITEMS = 32


@dataclass
class _Sounding:
    """An answer's sound."""

    item: str
    samples: int = 0
    """Told so far."""


class Playback:
    """Supposes that sound is played as soon as it is told, one item after the other; where
    somebody knows how much of the newest item was played, that is believed."""

    def __init__(self, clock: Clock, played: Callable[[], int | None]) -> None:
        """`played`: milliseconds of the newest item's sound that were; None: nobody knows."""
        self._clock = clock
        self._played = played
        self._items: deque[_Sounding] = deque(maxlen=MOST_ITEMS)
        self._over = 0.0
        """When all will be played."""
        self._held: float | None = None
        """Since when nothing is."""

    def add(self, item: str, samples: int) -> None:
        """Sound more is told."""
        if not self._items or self._items[-1].item != item:
            self._items.append(_Sounding(item))
        self._items[-1].samples += samples
        self._over = max(self._over, self._now) + samples / OUTPUT_RATE

    def drop(self, item: str) -> None:
        """The client throws away what it did not play of that one."""
        kept = [(each, unplayed) for each, unplayed in self._waiting() if each.item != item]
        self._items = deque((each for each, _ in kept), maxlen=MOST_ITEMS)
        self._over = self._now + sum(unplayed for _, unplayed in kept) / OUTPUT_RATE

    def length(self, item: str) -> int:
        """Milliseconds of an item's sound that were told."""
        samples = sum(each.samples for each in self._items if each.item == item)
        return samples // SAMPLES_PER_MS

    @property
    def is_held(self) -> bool:
        """Whether the client pauses."""
        return self._held is not None

    def hold(self) -> None:
        """The client pauses."""
        if self._held is None:
            self._held = self._clock.monotonic()

    def resume(self) -> None:
        """It goes on."""
        if self._held is not None:
            self._over += self._clock.monotonic() - self._held
            self._held = None

    def clear(self) -> None:
        """The client throws away what it did not play."""
        self._items.clear()
        self._over, self._held = 0.0, None

    @property
    def left(self) -> int:
        """Samples that were told and are not played."""
        if not self._items:
            return 0
        told = sum(each.samples for each in self._items)
        guessed = min(round(max(self._over - self._now, 0.0) * OUTPUT_RATE), told)
        played = self._played()
        if played is None:
            return guessed
        newest = self._items[-1].samples
        before = max(guessed - newest, 0) if played == 0 else 0
        return before + max(newest - played * SAMPLES_PER_MS, 0)

    def heard(self) -> list[tuple[str, int]]:
        """Of each item that is not wholly played: its id, and milliseconds that were."""
        return [
            (each.item, (each.samples - unplayed) // SAMPLES_PER_MS)
            for each, unplayed in self._waiting()
            if unplayed
        ]

    def _waiting(self) -> list[tuple[_Sounding, int]]:
        """Each item, and samples of it that are not played: the newest are played last."""
        left = self.left
        waiting: list[tuple[_Sounding, int]] = []
        for each in reversed(self._items):
            unplayed = min(left, each.samples)
            waiting.append((each, unplayed))
            left -= unplayed
        return waiting[::-1]

    @property
    def _now(self) -> float:
        return self._clock.monotonic() if self._held is None else self._held

"""Finals that somebody else is still to be told: written with them, taken by whoever tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sotto.interfaces.store import Record
from sotto.transcript.words import Segment


@dataclass(frozen=True)
class Delivery:
    """One final to be told, once more or for the first time."""

    id: str
    """The same at each attempt, and no other's anywhere: letters and digits alone."""
    record: Record
    """Its session, as it is known by now."""
    segment: Segment
    """With words; its frames are the session's."""
    written: float
    """Seconds since 1970 at which it was kept."""
    attempt: int
    """1 for the first."""


class Outbox(Protocol):
    """The finals that are to be told, those of one session in order.

    Of each session the oldest alone is ever due. Every method raises StoreUnavailable.
    """

    async def take(self, most: int, lease: float) -> list[Delivery]:
        """Some that are due, oldest first; nobody else is given them for `lease` seconds.

        Whoever takes one says `finish` or `postpone` within that time. Else it is due once more.
        """
        ...

    async def finish(self, delivery: Delivery) -> None:
        """It was told, or never will be: the next of its session is due."""
        ...

    async def postpone(self, delivery: Delivery, seconds: float) -> None:
        """It is due again after so many seconds, unless somebody else took it since."""
        ...

    async def drop(self, before: float) -> int:
        """Forget those that were written before a time, in seconds since 1970; how many."""
        ...

    async def length(self) -> int:
        """How many are to be told."""
        ...

    async def wait(self, seconds: float) -> None:
        """Come back once another may be due by what this process did, or after so many seconds."""
        ...


@runtime_checkable
class KeepsOutbox(Protocol):
    """A store that writes each final with words to an outbox too, in one transaction."""

    @property
    def outbox(self) -> Outbox | None:
        """None where it was not told to keep one."""
        ...

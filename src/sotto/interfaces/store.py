"""Where finals are kept before they are acknowledged, and found again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sotto.errors import BadOption
from sotto.transcript.words import Segment

MAX_PAGE = 100
"""Sessions of one page."""
MAX_TEXT = 256
"""Characters of a text that is looked for."""
MAX_SEGMENTS = 100_000
"""Finals of one session that are read at once: the newest."""
MAX_CURSOR = 2**63 - 1
USED_DAYS = 40
"""Days before today of which it is known how much sound was used."""


@dataclass(frozen=True)
class Beginning:
    """What is known of a session when one of its streams begins."""

    id: str
    dialect: str = ""
    owner: str | None = None
    """Name of the key or token that let its client in; None where no keys are asked for."""
    group: str | None = None
    """What the streams of several voices share: a meeting, a recording with channels."""
    speaker: str | None = None
    """Which of the group's voices it is."""
    model: str = ""
    language: str | None = None
    """None: not said."""
    continues: bool = False
    """Whether frames are counted on from the stream before; else they begin at 0 again."""


@dataclass(frozen=True)
class Record:
    """What is known of a session by now."""

    id: str
    dialect: str
    owner: str | None
    group: str | None
    speaker: str | None
    model: str
    """Of the last stream."""
    language: str | None
    """Of the last final with words; what the client asked for before there is one."""
    began: float
    """Seconds since 1970."""
    heard: float
    """Seconds since 1970: the last final, or the last beginning."""
    frames: int
    """Of sound, over all streams, each up to the end of its last final."""
    words: int
    segments: int
    """Finals with words."""
    stream: int
    """Streams that began in it: 1 while its first is heard; 0 where none did, see `append`."""


@dataclass(frozen=True)
class Query:
    """Which sessions are asked for; None asks for all. Raises BadOption."""

    owner: str | None = None
    group: str | None = None
    speaker: str | None = None
    text: str = ""
    """Plain words, all of which were said in the session; empty asks for none."""
    limit: int = 20
    after: int | None = None
    """The cursor of the page before."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise BadOption("limit", f"expected a limit of 1 to {MAX_PAGE}, got {self.limit}")
        if len(self.text) > MAX_TEXT:
            raise BadOption(
                "q", f"expected at most {MAX_TEXT} characters to look for, got {len(self.text)}"
            )
        if self.after is not None and not 0 <= self.after <= MAX_CURSOR:
            raise BadOption("after", f"expected the cursor of a page, got {self.after}")


@dataclass(frozen=True)
class Page:
    """Some of the sessions that were asked for, newest first."""

    records: tuple[Record, ...]
    after: int | None
    """The cursor with which to ask for the next page; None where this is the last."""


class TranscriptStore(Protocol):
    """Keeps the finals of sessions. Every method raises StoreUnavailable."""

    async def open(self) -> None:
        """Make it ready; once, before all else."""
        ...

    async def close(self) -> None:
        """Finish what is being written, and let go of everything."""
        ...

    async def begin(self, session: Beginning) -> Record:
        """A stream of the session begins: its first, or one that carries it on.

        Raises Forbidden where the session is another owner's.
        """
        ...

    async def append(self, session: str, segment: Segment, *, stream: int | None = None) -> None:
        """Keep one final; it is kept when this comes back, whatever ends the process then.

        Keeping the same segment id twice keeps the first. A session that was deleted since it
        began, or never did, begins with it. `stream` is the number that the record had when the
        stream began: where a newer one has begun since, also on another server, nothing is kept.
        Raises Superseded then; never for None.
        """
        ...

    async def segments(self, session: str, *, last: int = MAX_SEGMENTS) -> list[Segment]:
        """The last finals of a session in order; empty where it is not known.

        Frames are those of the session: where a later stream counted from 0, its finals follow on
        the end of what was heard before.
        """
        ...

    async def record(self, session: str) -> Record | None:
        """What is known of a session; None where it is not known."""
        ...

    async def sessions(self, query: Query) -> Page:
        """The sessions that are asked for, newest first."""
        ...

    async def delete(self, session: str) -> bool:
        """Forget a session and all its words; False where it was not known."""
        ...

    async def expire(self, before: float) -> int:
        """Forget all sessions last heard before a time, in seconds since 1970; how many.

        What was used more than `USED_DAYS` days ago is forgotten too, by the store's own clock.
        """
        ...

    async def spend(self, owner: str, day: str, frames: int) -> int:
        """Add frames of sound to what an owner used on a day; gives that day's total.

        The day is ISO's, as 2026-11-22; 0 frames read the total. Raises ValueError for a day that
        is none, and for frames below 0.
        """
        ...


def check_spent(day: str, frames: int) -> None:
    """Raises ValueError where `spend` must."""
    if date.fromisoformat(day).isoformat() != day:
        raise ValueError(f"expected a day as 2026-11-22, got {day!r}")
    if frames < 0:
        raise ValueError(f"expected 0 frames or more, got {frames}")

"""Sound that owners use, by day."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from sotto.interfaces.store import USED_DAYS
from sotto.plugins.storage.statements import insert_into
from sotto.plugins.storage.tables import used

MAX_USED = 10_000
"""Days of owners that are kept in memory."""


def oldest_day(now: float) -> str:
    """The first day that is still known `now`, in seconds since 1970."""
    today = datetime.fromtimestamp(now, UTC).date()
    return (today - timedelta(days=USED_DAYS)).isoformat()


class Used:
    """In memory; of too many, what was added to longest ago goes."""

    def __init__(self) -> None:
        self._frames: OrderedDict[tuple[str, str], int] = OrderedDict()

    def add(self, owner: str, day: str, frames: int) -> int:
        """The day's total."""
        total = self._frames.get((owner, day), 0) + frames
        if frames:
            self._frames[owner, day] = total
            self._frames.move_to_end((owner, day))
            if len(self._frames) > MAX_USED:
                self._frames.popitem(last=False)
        return total

    def forget(self, before: str) -> None:
        """All days before that one."""
        for key in [key for key in self._frames if key[1] < before]:
            del self._frames[key]


async def add_used(connection: AsyncConnection, owner: str, day: str, frames: int) -> int:
    """The day's total, after one statement that no other server's comes between."""
    new = insert_into(connection, used).values(owner=owner, day=day, frames=frames)
    added = new.on_conflict_do_update(
        index_elements=["owner", "day"], set_={"frames": used.c.frames + new.excluded.frames}
    )
    total: int = (await connection.execute(added.returning(used.c.frames))).scalar_one()
    return total


def of_day(owner: str, day: str) -> sa.Select[int]:
    """The day's total; no row where nothing was used."""
    return sa.select(used.c.frames).where(used.c.owner == owner, used.c.day == day)


def forgotten(before: str) -> sa.Delete:
    """All days before that one."""
    return sa.delete(used).where(used.c.day < before)

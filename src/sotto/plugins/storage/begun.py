"""What sessions began with, for those whose record goes while they are spoken."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from sotto.errors import Forbidden, Superseded
from sotto.interfaces.store import Beginning

MAX_BEGUN = 10_000


class Begun:
    """The newest beginnings.

    A session may be deleted, or grow too old, while one of its streams is open. What is said then
    is still its owner's.
    """

    def __init__(self) -> None:
        self._begun: OrderedDict[str, Beginning] = OrderedDict()

    def note(self, session: Beginning) -> None:
        """One began."""
        self._begun[session.id] = replace(session, continues=False)
        self._begun.move_to_end(session.id)
        if len(self._begun) > MAX_BEGUN:
            self._begun.popitem(last=False)

    def of(self, session: str) -> Beginning:
        """What it began with; its id alone where that is not known."""
        return self._begun.get(session) or Beginning(session)


def check_owner(session: Beginning, owner: str | None) -> None:
    """Raises Forbidden where the session that is there already is another's."""
    if session.owner != owner:
        raise Forbidden("expected a session of this caller, got another's")


def check_stream(stream: int | None, newest: int) -> None:
    """Raises Superseded where a newer stream of the session has begun."""
    if stream is not None and stream < newest:
        raise Superseded(f"expected the session's newest stream, {newest}, got its {stream}")

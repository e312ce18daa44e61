"""Of whom a line in the log tells: kept in the task that serves them, and in the tasks it makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class About:
    """What is known of the stream or the request that is served; empty where it is not."""

    session: str = ""
    dialect: str = ""
    model: str = ""
    owner: str | None = None
    """Name of the key or token that let its client in."""
    traceparent: str = ""
    """As the caller's headers have it (W3C Trace Context), unchecked."""


NOBODY = About()

_ABOUT: ContextVar[About] = ContextVar("about")


def about() -> About:
    """Of whom this task tells."""
    return _ABOUT.get(NOBODY)


@contextmanager
def telling_of(**known: Any) -> Iterator[None]:
    """Lines in this context tell of what is known, beside what was known before.

    Takes the fields of About.
    """
    before = about()
    _ABOUT.set(replace(before, **known))
    try:
        yield
    finally:
        _ABOUT.set(before)  # no token's reset: a generator may be closed in another task

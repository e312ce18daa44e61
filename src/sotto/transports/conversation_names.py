"""How clients call their conversations, and whose those are. No I/O."""

from __future__ import annotations

import json
import re

from sotto.runtime.access import Caller

MAX_NAME = 128
"""Characters."""
QUERY = "conversation"
"""The parameter of an address that names one."""

_NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_NAME}}}")


def is_name(given: str) -> bool:
    """Whether a conversation can be called so: `.` and `..` are no part of an address."""
    return _NAME.fullmatch(given) is not None and given not in (".", "..")


def owner_of(caller: Caller) -> str | None:
    """Whose a caller's conversations are in the store; None: everybody's.

    Of a key that signs tokens for many, each has its own.
    """
    bounds = (caller.subject, caller.meeting, caller.speaker)
    if caller.owner is None or not any(bounds):
        return caller.owner
    return json.dumps([caller.owner, *bounds])

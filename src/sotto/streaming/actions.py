"""What a session asks its driver to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sotto.interfaces.engine import DecodeJob
from sotto.transcript.events import Event


@dataclass(frozen=True)
class Emit:
    """Tell the listener."""

    event: Event


@dataclass(frozen=True)
class Decode:
    """Give the job to the engine, and its hypothesis to `Session.receive_result`.

    A job that `replaces` runs only where the session's job that is out has not begun; else say
    so by `Session.receive_refusal`.
    """

    job: DecodeJob


Action: TypeAlias = Emit | Decode

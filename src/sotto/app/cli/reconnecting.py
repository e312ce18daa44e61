"""What a client of a server tells `sotto live`: the messages of docs/protocol.md, and its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeAlias

import typer

from sotto.client import (
    Acknowledged,
    Committed,
    Event,
    Final,
    Partial,
    Reconnecting,
    Resumed,
    SpeechEnded,
    SpeechStarted,
    Warned,
)

Json: TypeAlias = dict[str, Any]

_TYPES: dict[type[Event], str] = {
    SpeechStarted: "speech_started",
    Partial: "partial",
    Committed: "committed",
    SpeechEnded: "speech_ended",
    Final: "final",
    Acknowledged: "acknowledged",
    Warned: "warning",
    Resumed: "resumed",
}


def told(event: Event) -> Json | None:
    """The message that the event came as; None for what a stream begins and ends with.

    `resumed` is no message of a server: what was said of its utterance and later ones is void.
    """
    kind = _TYPES.get(type(event))
    if kind is None:
        return None
    fields = {key: value for key, value in asdict(event).items() if value is not None}
    if "words" in fields:
        fields["words"] = [{"word": word.pop("text"), **word} for word in fields["words"]]
    return {"type": kind, **fields}


def say(event: Reconnecting) -> None:
    """One line, beside the captions."""
    wait = f"again in {event.seconds:.1f} s"
    typer.secho(f"sotto: {event.error.message}; {wait}", err=True, dim=True)

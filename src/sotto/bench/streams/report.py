"""A run of streams as a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sotto.bench.results import Json, document
from sotto.bench.streams.plan import are_words
from sotto.bench.streams.run import Offline
from sotto.bench.streams.sound import Bank
from sotto.bench.streams.step import Step
from sotto.bench.streams.tables import NOTES

KIND = "streams"


def report(
    options: Mapping[str, Any],
    bank: Bank,
    steps: Sequence[Step],
    offline: Offline | None,
    sustained: int | None,
    versions: Mapping[str, str] | None = None,
) -> Json:
    """`sustained`: the most streams that were borne; None where no search was made.

    `versions`: of a server whose packages are not installed beside this one.
    """
    body = {
        "ends_known": ends_known(bank),
        "offline": offline,
        "sustained": sustained,
        "steps": steps,
        "notes": notes(bank),
    }
    return document(KIND, options, body, versions)


def notes(bank: Bank) -> list[str]:
    """What the figures mean."""
    return [f"the end of the sound is known {ends_known(bank)}", *NOTES]


def ends_known(bank: Bank) -> str:
    """Of which words lags are measured."""
    if are_words(bank.spoken):
        return "of every word: each clip is one"
    return "of the last word of each utterance only: lags are of these"

"""What was found: as JSON, and as docs/silent-mode.md."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

from sotto.bench.silent import tables
from sotto.bench.silent.forms import EIGHT, FLOAT, GATED, PCM, REBUILT, REBUILT_STRONGER, STRONGER
from sotto.bench.silent.linking import RAW, SOUND
from sotto.bench.silent.run import Findings

PROSE = Path(__file__).with_name("prose.md")
PROMISE = 0.1
"""Points of WER that 8 bits may cost."""


def as_json(of: Findings) -> dict[str, Any]:
    """All numbers."""
    return asdict(of)


def as_page(of: Findings, command: str) -> str:
    """The page, with its tables. `command`: how it was made."""
    parts = {name: table(of).markdown() for name, table in tables.TABLES.items()}
    facts = {
        "model": of.model,
        "version": of.version,
        "command": command,
        "sets": _sets(of),
        "promise": _promise(of),
        "strength": _strength(of),
        "gives_away": _gives_away(of),
        "trials": tables.trials(of.linked) or "none",
        "noise_minutes": f"{of.alarms[0].minutes:.1f}" if of.alarms else "0",
        "stretches": _stretches(of),
        "missing": "\n".join(f"- {sentence}" for sentence in of.missing) or "Nothing.",
    }
    return Template(PROSE.read_text(encoding="utf-8")).substitute(parts | facts)


def _sets(of: Findings) -> str:
    own = [one for one in of.understood if one.form == FLOAT]
    return (
        "; ".join(
            f"{one.set}: {one.clips} clips, {one.score.words} words, {one.seconds / 60:.1f} minutes"
            for one in own
        )
        or "none"
    )


def _promise(of: Findings) -> str:
    eight, exact = tables.said(of, EIGHT), tables.said(of, FLOAT)
    if eight is None or exact is None:
        return "Not measured."
    cost = eight.wer - exact.wer
    kept = "kept" if cost <= PROMISE else "not kept"
    low, high = eight.against or (cost, cost)
    return (
        f"8 bits a value cost {cost:+.2f} points of WER against the float32 values that they were "
        f"made of ({low:+.2f} … {high:+.2f}). The promise of at most {PROMISE} points is {kept} on "
        f"these {exact.score.words} words."
    )


def _strength(of: Findings) -> str:
    strong, usual = tables.said(of, STRONGER), tables.said(of, GATED)
    plain = tables.linked_in(of, "8-bit images", tables.ATTACKERS)
    hidden = tables.linked_in(of, "the stronger mode", tables.ATTACKERS)
    told = []
    if strong is not None and usual is not None:
        told.append(
            f"It costs {strong.wer - usual.wer:+.2f} points of WER against what the page sends "
            f"otherwise."
        )
    if plain is not None and hidden is not None:
        told.append(
            f"On {hidden.set} it moves the equal error rate of the best attacker here from "
            f"{_percent(plain.rate.eer)} to {_percent(hidden.rate.eer)}; 50 % would be a guess."
        )
    return " ".join(told) or "Not measured."


def _gives_away(of: Findings) -> str:
    told = []
    sound = tables.said(of, PCM)
    for form, what in ((REBUILT, "8-bit images"), (REBUILT_STRONGER, "the stronger mode")):
        again = tables.said(of, form)
        if again is not None and sound is not None:
            told.append(
                f"Of sound rebuilt from {what} the recognizer gets {again.wer:.1f} % of the words "
                f"wrong, of the sound that was said {sound.wer:.1f} %."
            )
    raw = tables.linked_in(of, RAW, [SOUND])
    again_linked = tables.linked_in(of, REBUILT, [SOUND])
    if raw is not None and again_linked is not None:
        told.append(
            f"An attacker who knows nothing of silent mode links the rebuilt voices with an equal "
            f"error rate of {_percent(again_linked.rate.eer)}, raw sound with "
            f"{_percent(raw.rate.eer)} ({raw.set})."
        )
    return " ".join(told) or "Not measured."


def _stretches(of: Findings) -> str:
    return f"{of.found[0].stretches}" if of.found else "0"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

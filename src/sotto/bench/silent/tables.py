"""The tables of docs/silent-mode.md, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sotto.bench.silent.hearing import Understood
from sotto.bench.silent.linking import IMAGE, PRETRAINED, SOUND, Linked
from sotto.bench.silent.run import Findings

NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """A head and rows, all of one length."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Aligned by nothing but bars; a sentence where there is no row."""
        if not self.rows:
            return "(not measured)"
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def words(of: Findings) -> Table:
    """Bytes and word error rates of all forms."""
    sets = list(dict.fromkeys(one.set for one in of.understood))
    rows = []
    for form in dict.fromkeys(one.form for one in of.understood):
        own = {one.set: one for one in of.understood if one.form == form}
        last = own[sets[-1]]
        rates = [f"{own[name].wer:.2f}" for name in sets]
        rows.append((form, *_sizes(last), *rates, _against(last)))
    head = ("form", "bytes a second", "of PCM", *(f"WER %, {name}" for name in sets))
    return Table((*head, "points over float32"), tuple(rows))


def linking(of: Findings) -> Table:
    """Equal error rates."""
    sets = list(dict.fromkeys(one.set for one in of.linked))
    rows = []
    for form, attacker in dict.fromkeys((one.form, one.attacker) for one in of.linked):
        own = {one.set: one for one in of.linked if (one.form, one.attacker) == (form, attacker)}
        rows.append((form, attacker, *(_rate(own[name]) for name in sets)))
    return Table(("what is had", "attacker", *(f"EER %, {name}" for name in sets)), tuple(rows))


def detectors(of: Findings) -> Table:
    """Where speech is found."""
    head = ("noise", "detector", "precision", "recall", "missed")
    rows = tuple(
        (
            one.noise,
            one.detector,
            f"{one.precision:.3f}",
            f"{one.recall:.3f}",
            f"{100 * one.missed:.1f} %",
            f"{one.onset[0]:.0f} / {one.onset[1]:.0f}",
            f"{one.end[0]:.0f} / {one.end[1]:.0f}",
            f"{one.late[0]:+.0f} / {one.late[1]:+.0f}",
        )
        for one in of.found
    )
    return Table((*head, "onset, ms", "end, ms", "late by, ms"), rows)


def alarms(of: Findings) -> Table:
    """Where nobody speaks."""
    rows = tuple(
        (one.detector, f"{one.alarms:.1f}", f"{100 * one.share:.1f} %") for one in of.alarms
    )
    return Table(("detector", "false alarms a minute", "of the time"), rows)


def costs(of: Findings) -> Table:
    """What either side's processor does."""
    rows = tuple((one.side, one.work, f"{100 * one.share:.2f} %") for one in of.costs)
    return Table(("side", "work", "of one core"), rows)


def delays(of: Findings) -> Table:
    """How long sound is held back."""
    rows = tuple(
        (one.way, f"{one.client:.0f}", f"{one.both:.0f}", f"{one.longest:.0f}") for one in of.delays
    )
    return Table(
        ("way", "leaves the client, ms", "and the server's door, ms", "95 % within, ms"), rows
    )


TABLES: dict[str, Callable[[Findings], Table]] = {
    "words": words,
    "linking": linking,
    "detectors": detectors,
    "alarms": alarms,
    "costs": costs,
    "delays": delays,
}


def said(of: Findings, form: str) -> Understood | None:
    """A form over all sets."""
    own = [one for one in of.understood if one.form == form]
    return own[-1] if own else None


def linked_in(of: Findings, form: str, attackers: Sequence[str]) -> Linked | None:
    """A form in the largest set, before the best of these attackers."""
    own = [one for one in of.linked if one.form == form and one.attacker in attackers]
    most = max((one.rate.same for one in own), default=0)
    return min((one for one in own if one.rate.same == most), key=_eer, default=None)


ATTACKERS = (SOUND, IMAGE, PRETRAINED)


def trials(of: Iterable[Linked]) -> str:
    """How many each set has."""
    sets = {one.set: one for one in of}
    return "; ".join(
        f"{name}: {one.speakers} speakers, {one.clips} clips, {one.rate.same:,} trials of one "
        f"speaker and {one.rate.different:,} of two"
        for name, one in sets.items()
    )


def _eer(one: Linked) -> float:
    return one.rate.eer


def _sizes(one: Understood) -> tuple[str, str]:
    if not one.bytes:
        return NOTHING, NOTHING
    return f"{one.bytes / one.seconds:,.0f}", f"{one.of_pcm:.3f}"


def _against(one: Understood) -> str:
    if one.against is None:
        return NOTHING
    low, high = one.against
    return f"{low:+.2f} … {high:+.2f}"


def _rate(one: Linked) -> str:
    rate = one.rate
    return f"{100 * rate.eer:.1f} ({100 * rate.low:.1f} – {100 * rate.high:.1f})"

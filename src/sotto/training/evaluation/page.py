"""An evaluation's report as one HTML page that needs nothing else: no script, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sotto.training.evaluation.report import HEAD, Outcome, Report, Summary, percent, rows, takes
from sotto.training.evaluation.scoring import Pair

MOST_SPEAKERS = 40
"""Bars in the plot of speakers: the worst ones."""

_BAR, _GAP, _LABEL, _PLOT, _NUMBER = 12, 10, 220, 480, 60
"""Pixels: a bar's height, the space after a group of them, and the widths of the three columns."""
_LETTERS = 30
"""Of a name, at 12 pixels, that fit into the first column."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f23; --dim: #667080; --paper: #fdfdfc;
  --line: #d8dce2; --file: #3a6ea5; --stream: #d98a2b; --bad: #b3261e; --new: #7a4fb5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #98a2b0; --paper: #16181b;
  --line: #353a42; --file: #6fa3dc; --stream: #e8a857; --bad: #ff8a80; --new: #c1a1f0; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p, small { color: var(--dim); } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .7rem; border-bottom: 1px solid var(--line); }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
svg text { fill: var(--ink); font-size: 12px; } .file { fill: var(--file); }
.stream { fill: var(--stream); } .key { font-weight: bold; }
.key.file { color: var(--file); } .key.stream { color: var(--stream); }
.clip { border-top: 1px solid var(--line); padding: .6rem 0; }
.words { display: flex; flex-wrap: wrap; gap: .1rem .5rem; }
.word { display: inline-flex; flex-direction: column; }
.substitution { color: var(--bad); } .deletion { color: var(--bad); text-decoration: underline; }
.insertion { color: var(--new); }
"""


def page(report: Report) -> str:
    """The whole page."""
    title = f"How {report.model} hears"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{_about(report)}</p>",
        _table(report),
        _plot("WER by set", report.sets),
        _plot("WER by speaker", _worst_speakers(report)) if len(report.speakers) > 1 else "",
        _worst(report),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body>\n</html>\n"
    )


def _about(report: Report) -> str:
    told = f"Sotto {escape(report.version)}. Normalization: {report.normalization.name}."
    points = report.total.difference
    if points is None:
        return told
    return f"{told} Streamed against offline: {points:+.2f} points of WER."


def _table(report: Report) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in HEAD)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows(report)
    )
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _worst_speakers(report: Report) -> Sequence[Summary]:
    ordered = sorted(report.speakers, key=lambda speaker: -(speaker.offline.score.wer or 0.0))
    return ordered[:MOST_SPEAKERS]


def _plot(title: str, summaries: Sequence[Summary]) -> str:
    """Bars of WER; what has no words has none."""
    groups = [(summary.name, _rates(summary)) for summary in summaries if summary.words]
    if not groups:
        return ""
    longest = max(0.01, *(rate for _, rates in groups for _, rate in rates))
    drawn, y = [], 0
    for name, rates in groups:
        middle = y + _BAR * len(rates) / 2 + 4
        drawn.append(f'<text x="0" y="{middle:g}">{escape(_short(name))}</text>')
        for way, rate in rates:
            width = _PLOT * rate / longest
            drawn.append(
                f'<rect class="{way}" x="{_LABEL}" y="{y}" width="{width:.1f}" '
                f'height="{_BAR - 1}"/>'
                f'<text x="{_LABEL + width + 6:.1f}" y="{y + _BAR - 2}">{percent(rate)}</text>'
            )
            y += _BAR
        y += _GAP
    keys = '<span class="key file">offline</span>, <span class="key stream">streamed</span>'
    width = _LABEL + _PLOT + _NUMBER
    return (
        f"<h2>{escape(title)}</h2>\n<p>Percent; {keys}</p>\n"
        f'<div class="wide"><svg role="img" aria-label="{escape(title)}" width="{width}" '
        f'height="{y}">\n' + "\n".join(drawn) + "\n</svg></div>"
    )


def _short(name: str) -> str:
    """The end of a long name, which tells paths apart."""
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"


def _rates(summary: Summary) -> list[tuple[str, float]]:
    tallies = (("file", summary.offline), ("stream", summary.streamed))
    return [(way, tally.score.wer or 0.0) for way, tally in tallies if tally is not None]


def _worst(report: Report) -> str:
    clips = report.worst()
    if not clips:
        return "<h2>The worst</h2>\n<p>No clip has an error.</p>"
    head = "<h2>The worst</h2>\n<p>What was said stands above what was heard.</p>\n"
    return head + "\n".join(_clip(clip) for clip in clips)


def _clip(clip: Outcome) -> str:
    name = escape(f"{clip.set}/{clip.entry.name}")
    ways = []
    for way, take in takes(clip).items():
        of = take.score
        words = "".join(_word(pair) for pair in take.alignment.pairs)
        note = f"{way}: {of.errors} errors, {of.words} words said"
        ways.append(f'<small>{note}</small>\n<div class="words">{words}</div>')
    return f'<div class="clip"><strong>{name}</strong>\n' + "\n".join(ways) + "</div>"


def _word(pair: Pair) -> str:
    """What was said above what was heard."""
    match pair:
        case Pair(said, heard) if said == heard:
            kind = "hit"
        case Pair(None, _):
            kind = "insertion"
        case Pair(_, None):
            kind = "deletion"
        case _:
            kind = "substitution"
    above, below = escape(pair.said or "·"), escape(pair.heard or "·")
    return f'<span class="word {kind}"><span>{above}</span><span>{below}</span></span>'

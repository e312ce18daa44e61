"""Lag and WER against the number of streams, as a picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sotto.bench.results import Json
from sotto.errors import BadOption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTILES = {"p50": ":", "p95": "-", "p99": "--"}
"""Of a single run, with their lines; of several only p95 is drawn."""
MARKERS = "os^D"
"""Of ten servers each."""


def picture(runs: Mapping[str, Json]) -> str:
    """SVG of one result of streams, or of several, each with its name.

    Raises BadOption where the library is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BadOption(
            "output", "expected matplotlib for the plot, got none: pip install 'sotto[train]'"
        ) from error
    servers = list(dict.fromkeys(map(_server, runs)))
    figure = Figure(figsize=(10, 4 + len(servers) / 12), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, run in runs.items():
        _draw(left, right, run, servers.index(_server(name)), alone=len(runs) == 1)
    for bound in {run["options"].get("bound") for run in runs.values()} - {None}:
        left.axhline(bound, color="gray", linestyle=":", linewidth=1)
    counts = [step["clients"] for run in runs.values() for step in run["steps"]]
    for axes in (left, right):
        axes.set_xlim(0.8 * min(counts), 1.25 * max(counts))
    _dress(left, "commit lag, s" + ("" if len(runs) == 1 else " (p95)"))
    if len(runs) > 1:  # seconds of one server beside the minutes of another
        left.set_yscale("log", base=2)
        left.yaxis.set_major_formatter("{x:g}")
    else:
        left.set_ylim(bottom=0)
    _dress(right, "WER, % (dotted: as files)")
    right.set_ylim(bottom=0)
    if len(runs) == 1:
        left.legend()
    else:
        lines = [left.lines[list(map(_server, runs)).index(server)] for server in servers]
        figure.legend(lines, servers, loc="outside lower center", ncols=4, fontsize="small")
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _dress(axes: Axes, label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("streams")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)


def _server(name: str) -> str:
    """Whose run it is, whatever the round."""
    return name.partition(", round ")[0]


def _draw(left: Axes, right: Axes, run: Json, number: int, *, alone: bool) -> None:
    color, marker = f"C{number % 10}", MARKERS[number // 10 % len(MARKERS)]
    for quantile, style in QUANTILES.items() if alone else [("p95", "-")]:
        left.plot(*_lags(run, quantile), style, marker=marker, color=color, label=quantile)
    clients, rates = _points(run, lambda step: step["result"]["wer"])
    right.plot(clients, [100 * rate for rate in rates], "-", marker=marker, color=color)
    if (run.get("offline") or {}).get("wer") is not None:
        right.axhline(100 * run["offline"]["wer"], color=color, linestyle=":", linewidth=1)


def _lags(run: Json, quantile: str) -> tuple[list[int], list[float]]:
    def of(step: Json) -> float | None:
        lag = step["result"]["lag"] or step["result"]["claimed_lag"]
        return None if lag is None else lag[quantile]

    return _points(run, of)


def _points(run: Json, of: Callable[[Json], float | None]) -> tuple[list[int], list[float]]:
    """Streams and a value, of the steps that have one, in the order of streams."""
    steps = sorted(run["steps"], key=lambda step: int(step["clients"]))
    there = [(step["clients"], value) for step in steps if (value := of(step)) is not None]
    return [clients for clients, _ in there], [value for _, value in there]

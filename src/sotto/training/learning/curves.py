"""How a training went, as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence


def curves(metrics: Sequence[Mapping[str, float]]) -> str:
    """SVG: loss by step, and WER in percent where it was measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(*_points(metrics, "loss"), color="tab:blue", linewidth=1, label="loss")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    steps, rates = _points(metrics, "wer")
    if steps:
        right = axes.twinx()
        right.plot(
            steps, [100 * rate for rate in rates], color="tab:orange", marker="o", label="WER"
        )
        right.set_ylabel("WER of validation, %")
        right.set_ylim(bottom=0)
    figure.legend(loc="upper right")
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _points(metrics: Sequence[Mapping[str, float]], key: str) -> tuple[list[float], list[float]]:
    there = [line for line in metrics if key in line]
    return [line["step"] for line in there], [line[key] for line in there]

"""The table of all metrics, made from the metrics themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase

from sotto.runtime.metrics import Metrics

UNITS = {"_seconds": "seconds", "_bytes": "bytes", "_ratio": "0 to 1", "_models": "0 or 1"}
"""By how a name ends; what ends otherwise is counted."""


@dataclass(frozen=True)
class Row:
    """One metric."""

    name: str
    """As `/metrics` shows it: a counter's ends with `_total`."""
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str


def rows(metrics: Metrics) -> Iterator[Row]:
    """Every metric, in the order in which they are made."""
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield Row(
                name=name,
                kind=family.type,
                unit=unit(family.name),
                labels=tuple(metric._labelnames),
                meaning=family.documentation,
            )


def unit(name: str) -> str:
    """What a metric of that name is measured in."""
    return next((told for ending, told in UNITS.items() if name.endswith(ending)), "count")


def markdown(metrics: Metrics) -> str:
    """The table of docs/metrics.md."""
    lines = ["| metric | kind | unit | labels | meaning |", "|---|---|---|---|---|"]
    for row in rows(metrics):
        labels = ", ".join(f"`{label}`" for label in row.labels)
        lines.append(f"| `{row.name}` | {row.kind} | {row.unit} | {labels} | {row.meaning} |")
    return "\n".join(lines) + "\n"

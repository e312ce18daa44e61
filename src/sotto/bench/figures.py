"""What Sotto's own server counts, read from its `/metrics` (docs: `runtime/metrics.py`)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from sotto.bench.calls import get
from sotto.errors import ServerError


@dataclass(frozen=True)
class Figures:
    """All counts at one time."""

    values: dict[tuple[str, tuple[tuple[str, str], ...]], float]
    """(name, labels) → value."""

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series that have these labels."""
        wanted = set(labels.items())
        return sum(v for (own, has), v in self.values.items() if own == name and wanted <= set(has))

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The sums for each combination of these labels."""
        sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
        for (own, has), value in self.values.items():
            if own == name:
                sums[tuple(dict(has).get(label, "") for label in labels)] += value
        return dict(sums)


def parse(text: str) -> Figures:
    """Prometheus' text form."""
    return Figures(
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )


def read(address: str) -> Figures | None:
    """None where the server tells no figures."""
    try:
        return parse(get(f"{address}/metrics"))
    except (ServerError, ValueError):
        return None


@dataclass(frozen=True)
class Work:
    """What the engine did between two times."""

    batches: float = 0.0
    mean_batch: float | None = None
    """Jobs; None where there was no batch."""
    batch_sizes: dict[str, float] = field(default_factory=dict)
    """Most jobs in it, as the histogram has it → batches."""
    jobs: dict[str, float] = field(default_factory=dict)
    """`priority outcome` → jobs. `withdrawn` are those that a newer one took the place of."""
    decode_seconds: float = 0.0
    """That the engine worked."""
    mean_wait: float | None = None
    """Seconds that a job waited for its batch."""
    errors: dict[str, float] = field(default_factory=dict)
    """Code → errors told to clients."""


def between(first: Figures, last: Figures) -> Work:
    """The differences."""

    def grown(name: str) -> float:
        return last.total(name) - first.total(name)

    batches, waits = grown("sotto_batch_size_count"), grown("sotto_queue_seconds_count")
    return Work(
        batches=batches,
        mean_batch=grown("sotto_batch_size_sum") / batches if batches else None,
        batch_sizes=_sizes(first, last),
        jobs=_grown_by(first, last, "sotto_jobs_total", "priority", "outcome"),
        decode_seconds=grown("sotto_decode_seconds_sum"),
        mean_wait=grown("sotto_queue_seconds_sum") / waits if waits else None,
        errors=_grown_by(first, last, "sotto_errors_total", "code"),
    )


def _grown_by(first: Figures, last: Figures, name: str, *labels: str) -> dict[str, float]:
    before = first.by(name, *labels)
    grown = {key: value - before.get(key, 0.0) for key, value in last.by(name, *labels).items()}
    return {" ".join(key): value for key, value in sorted(grown.items()) if value}


def _sizes(first: Figures, last: Figures) -> dict[str, float]:
    """The histogram, whose buckets hold all smaller ones too, taken apart."""
    grown = _grown_by(first, last, "sotto_batch_size_bucket", "le")
    sizes: dict[str, float] = {}
    below = 0.0
    for edge in sorted(grown, key=float):
        if grown[edge] > below:
            sizes[f"{float(edge):g}"] = grown[edge] - below
        below = grown[edge]
    return sizes

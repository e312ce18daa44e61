"""What the server does just now, as the admin page shows it: figures and names, never a word."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from prometheus_client import Gauge

import sotto
from sotto.audio.format import seconds
from sotto.clock import Clock
from sotto.runtime.distribution import Distribution, distribution, distributions
from sotto.runtime.live_streams import LiveStream
from sotto.runtime.models import ModelState, ModelStatus
from sotto.runtime.service import Service

Json: TypeAlias = dict[str, Any]

MOST_SESSIONS = 500
"""Told of at once; those that began first."""
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

LIGHTS = {
    ModelState.UNLOADED: "down",
    ModelState.FAILED: "down",
    ModelState.LOADING: "loading",
    ModelState.READY: "ready",
    ModelState.DRAINING: "draining",
}
"""A state as a traffic light."""

_STATM = Path("/proc/self/statm")
"""Linux's: pages of memory, of which the second number counts those that lie in it (man 5 proc)."""


@dataclass(frozen=True)
class View:
    """The state of a service, asked for again and again."""

    service: Service
    clock: Clock
    began: float
    """Clock time at which the server began."""

    def state(self) -> Json:
        """All of it. Times are seconds, memory is bytes."""
        service = self.service
        return {
            "object": "admin.state",
            "version": sotto.__version__,
            "uptime": round(self.clock.monotonic() - self.began, 1),
            "memory": memory(),
            "draining": service.draining,
            "done": service.done,
            "files": {"open": service.open_files, "most": service.limits.max_files},
            "models": self.models(),
            "sessions": self._sessions(),
            "lag": {
                "commit": percentiles(distribution(service.metrics.commit_lag)),
                "queue": percentiles(distribution(service.metrics.queue_seconds)),
                "decode": percentiles(distribution(service.metrics.decode_seconds)),
            },
        }

    def models(self) -> list[Json]:
        """Each model, smallest first."""
        metrics = self.service.metrics
        waiting = by_model(metrics.queue)
        batches = distributions(metrics.batch_size, "model")
        decoding = distributions(metrics.decode_seconds, "model")
        nothing = Distribution((), 0.0)
        return [
            {
                **_model(status),
                "queue": round(waiting.get(status.name, 0)),
                "batches": sizes(batches.get(status.name, nothing)),
                "decode": percentiles(decoding.get(status.name, nothing)),
            }
            for status in self.service.models.snapshot()
        ]

    def session(self, stream: LiveStream) -> Json:
        """One stream. `heard` is sound, `open` is time."""
        return {
            "id": stream.id,
            "dialect": stream.dialect,
            "model": stream.model,
            "owner": stream.owner,
            "open": round(self.service.live.clock.monotonic() - stream.since, 1),
            "heard": seconds(stream.session.frame),
            "utterances": stream.session.utterances,
            "speaking": stream.session.is_speaking,
            "ending": stream.is_ending,
        }

    def _sessions(self) -> Json:
        live = self.service.live.snapshot()
        return {
            "open": self.service.open_streams,
            "most": self.service.limits.max_sessions,
            "data": [self.session(stream) for stream in live[:MOST_SESSIONS]],
        }


def _model(status: ModelStatus) -> Json:
    return {
        "id": status.name,
        "state": status.state.value,
        "light": LIGHTS[status.state],
        "in_use": status.in_use,
        "put_away": status.put_away,
        "error": status.error,
        "notice": status.traits.notice or None if status.traits else None,
        "seconds_to_load": status.seconds_to_load,
    }


def percentiles(of: Distribution) -> Json:
    """Interpolated within the buckets, of all values since the server began; None without any."""
    found = {name: of.quantile(share) for name, share in SHARES.items()}
    return {"count": of.count, **{name: _rounded(value) for name, value in found.items()}}


def sizes(of: Distribution) -> Json:
    """Batches by how many jobs were in them: `[most, batches]`; None stands for any more."""
    bounds = [None if bound == float("inf") else round(bound) for bound, _ in of.buckets]
    told = zip(bounds, (count for _, count in of.buckets), strict=True)
    return {"count": of.count, "mean": _rounded(of.mean), "sizes": [list(pair) for pair in told]}


def by_model(gauge: Gauge) -> dict[str, float]:
    """The gauge's value for each model."""
    samples = (sample for family in gauge.collect() for sample in family.samples)
    return {sample.labels["model"]: sample.value for sample in samples}


def memory() -> int | None:
    """Bytes of this process that lie in memory; None where the system does not say."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""Whether a server has room for one stream more, by how far behind it is with those it has.

Two figures that the batchers count anyway tell of it, smoothed over some seconds: the share of
looks at open utterances that were withdrawn, because a newer one took their place before the
engine came to them; and how long finals waited for the engine. Under load looks become rarer
first, and finals wait last: so both are asked, and the worse one counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase

from sotto.errors import Overloaded
from sotto.runtime.metrics import Metrics

PERIOD = 1.0
"""Seconds between two samples."""
KEEP = 0.8
"""Of what was known, at each sample: it counts for about 5 s."""
LEAST = 10.0
"""Looks in the last seconds below which their share says nothing."""
LATE = 2.0
"""Seconds of waiting for a final that are as bad as can be."""
STILL = 3.0
"""Seconds that one batch may take; after that finals wait, though they are not counted yet."""
CLOSES, OPENS = 0.75, 0.5
"""Strain above which no stream is let in, and below which streams are again."""
RETRY = 5.0
"""Seconds after which who was refused may ask again."""


@dataclass(frozen=True)
class Figures:
    """Totals since the server began."""

    looks: float = 0.0
    """At open utterances: decoded or withdrawn."""
    withdrawn: float = 0.0
    finals: float = 0.0
    """That the engine began with."""
    waited: float = 0.0
    """Seconds, of all finals."""
    begun: float = 0.0
    """Jobs of any kind, those of files too."""
    queue: float = 0.0
    """Jobs that wait just now."""


class Admission:
    """Open, or closed until the strain has fallen well below where it closed."""

    def __init__(self) -> None:
        self.is_open = True
        self._last = Figures()
        self._still = 0.0
        """Seconds in which jobs waited, and the engine began with none."""
        self._looks = self._withdrawn = self._finals = self._waited = 0.0

    @property
    def strain(self) -> float:
        """How far behind the server is, 0 to 1."""
        looks = self._withdrawn / max(self._looks, LEAST)
        finals = self._waited / max(self._finals, 1.0) / LATE
        return min(max(looks, finals), 1.0)

    def sample(self, now: Figures) -> None:
        """Take the totals as they are, once in each period."""
        last, self._last = self._last, now
        self._looks = KEEP * self._looks + now.looks - last.looks
        self._withdrawn = KEEP * self._withdrawn + now.withdrawn - last.withdrawn
        self._finals = KEEP * self._finals + now.finals - last.finals
        self._waited = KEEP * self._waited + now.waited - last.waited
        self._still = self._still + PERIOD if now.queue and now.begun == last.begun else 0.0
        if self._still >= STILL:
            self._waited += PERIOD  # whoever waits has waited that much longer
        self.is_open = self.strain < (CLOSES if self.is_open else OPENS)

    def check(self) -> None:
        """Raises Overloaded while the server is behind."""
        if not self.is_open:
            error = Overloaded("expected fewer streams for what this server can do, got one more")
            error.retry_after = RETRY
            raise error

    @asynccontextmanager
    async def watching(self, metrics: Metrics) -> AsyncIterator[None]:
        """Samples are taken for as long as the context lasts."""
        sampling = asyncio.create_task(self._sample_on(metrics))
        try:
            yield
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling

    async def _sample_on(self, metrics: Metrics) -> None:
        while True:
            self.sample(figures(metrics))
            await asyncio.sleep(PERIOD)


def figures(metrics: Metrics) -> Figures:
    """Over all models."""
    jobs = {
        outcome: _total(metrics.jobs, "sotto_jobs_total", priority="partial", outcome=outcome)
        for outcome in ("done", "withdrawn")
    }
    return Figures(
        looks=sum(jobs.values()),
        withdrawn=jobs["withdrawn"],
        finals=_total(metrics.queue_seconds, "sotto_queue_seconds_count", priority="final"),
        waited=_total(metrics.queue_seconds, "sotto_queue_seconds_sum", priority="final"),
        begun=_total(metrics.queue_seconds, "sotto_queue_seconds_count"),
        queue=_total(metrics.queue, "sotto_queue"),
    )


def _total(metric: MetricWrapperBase, name: str, **labels: str) -> float:
    samples: Iterable[tuple[str, dict[str, str], float]] = (
        (sample.name, sample.labels, sample.value)
        for family in metric.collect()
        for sample in family.samples
    )
    return sum(
        value for sample, has, value in samples if sample == name and labels.items() <= has.items()
    )

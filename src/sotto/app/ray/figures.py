"""Figures of many processes as one page for Prometheus: each series with the replica it is of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from sotto.app.ray.places import Keeper
from sotto.runtime.metrics import Metrics

log = logging.getLogger(__name__)

PERIOD = 5.0
"""Seconds between two reports of a replica."""
LABEL = "replica"


class Reports:
    """Tells the keeper the figures of this process, now and then."""

    def __init__(self, metrics: Metrics, keeper: Keeper) -> None:
        context = serve.get_replica_context()
        self._name = f"{context.deployment}-{context.replica_tag}"
        self._metrics = metrics
        self._keeper = keeper
        self._task = asyncio.get_running_loop().create_task(self._report())

    def close(self) -> None:
        """Tell nothing more."""
        self._task.cancel()

    async def _report(self) -> None:
        while True:
            try:
                await self._keeper.report.remote(self._name, self._metrics.render())
            except (RayError, RayServeException) as error:
                log.info("the keeper heard no figures: %s", type(error).__name__)
            await asyncio.sleep(PERIOD)


def together(pages: Mapping[str, bytes]) -> bytes:
    """One page of what several replicas told, by their names."""
    registry = CollectorRegistry()
    registry.register(_Merged(pages))
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self._pages = pages

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for replica, page in sorted(self._pages.items()):
            for family in text_string_to_metric_families(page.decode()):
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    labels = {**sample.labels, LABEL: replica}
                    merged.samples.append(sample._replace(labels=labels))
        yield from families.values()

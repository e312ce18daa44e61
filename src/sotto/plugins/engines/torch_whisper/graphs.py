"""CUDA graphs: the launches of a step, recorded once for each size and replayed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable

import torch

MOST = 96
"""Graphs that are kept; sizes beyond that are run as they come."""

log = logging.getLogger(__name__)


class Graphs:
    """Runs steps that read and write tensors at fixed places only.

    On a CPU a step is simply run. Never run on a GPU so far: docs/gpu.md.
    """

    def __init__(self, device: torch.device) -> None:
        self._records = device.type == "cuda"
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._memory = torch.cuda.graph_pool_handle() if self._records else None
        """That all share: no two of them run at once, and what one leaves is read by none."""

    @property
    def records(self) -> bool:
        """Whether sizes should be few."""
        return self._records

    def takes(self, key: Hashable) -> bool:
        """Whether a step of these sizes is recorded, or would be."""
        return self._records and (key in self._graphs or len(self._graphs) < MOST)

    def run(self, key: Hashable, step: Callable[[], object]) -> None:
        """Do what `step` does; a second time right after the first one it must change nothing.

        `key`: the sizes that its tensors have.
        """
        graph = self._graphs.get(key)
        if graph is None and self.takes(key):
            try:
                graph = self._graphs[key] = self._record(step)
            except RuntimeError as error:
                log.warning("steps are not recorded, and slower for it: %s", error)
                self._records = False
        if graph is None:
            step()
        else:
            graph.replay()

    def _record(self, step: Callable[[], object]) -> torch.cuda.CUDAGraph:
        """As torch wants it: run once on a stream aside, then recorded, which runs nothing."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            step()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            step()
        return graph

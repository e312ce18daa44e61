from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from sotto.app.settings import load
from tests.serving import Served, serving

# How long an example takes depends on the machine: no test is one of speed.
hypothesis.settings.register_profile("sotto", deadline=None)
hypothesis.settings.load_profile("sotto")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server as it comes, with the checkpoint that ships.

    With ON_RAY=1 a cluster, for tests that speak to it alone: `ON_RAY=1 pytest tests/conformance`.
    """
    if os.environ.get("ON_RAY"):
        from tests.clusters import cluster, two_of_each

        with cluster(two_of_each(tmp_path_factory.mktemp("cluster"))) as running:
            yield running  # type: ignore[misc]
        return
    with serving(load(environ={})) as served:
        yield served


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests one worker of several hears in a row: a file's, whose fixtures are dear.

    All that drive a browser are one worker's too: each of two at once would have half the
    processor for what it does in real time. So are all that share one cluster.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            for folder in ("tests/browser/", "tests/cluster/"):
                if nodeid.startswith(folder):
                    return folder
            return super()._split_scope(nodeid)

    return Scheduling(config, log)

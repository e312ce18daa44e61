from __future__ import annotations

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
def server() -> Iterator[Served]:
    """The server as it comes, with the checkpoint that ships."""
    with serving(load(environ={})) as served:
        yield served


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests one worker of several hears in a row: a file's, whose fixtures are dear.

    All that drive a browser are one worker's too: each of two at once would have half the
    processor for what it does in real time.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            browser = "tests/browser/"
            return browser if nodeid.startswith(browser) else super()._split_scope(nodeid)

    return Scheduling(config, log)

from __future__ import annotations

from collections.abc import Iterator

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

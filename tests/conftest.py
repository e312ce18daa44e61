from __future__ import annotations

from collections.abc import Iterator

import pytest

from sotto.app.settings import load
from tests.serving import Served, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """The server as it comes, with the checkpoint that ships."""
    with serving(load(environ={})) as served:
        yield served

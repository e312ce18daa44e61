from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx2
import pytest

from tests.serving import Served, watched


@pytest.fixture
def client(server: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def tracebacks(server: Served) -> Iterator[list[logging.LogRecord]]:
    with watched() as records:
        yield records

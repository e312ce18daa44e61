from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from sotto.app.setting_sources import Flag
from tests.serving import Served, guarded, watched


@pytest.fixture
def client(server: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def tracebacks(server: Served) -> Iterator[list[logging.LogRecord]]:
    with watched() as records:
        yield records


@pytest.fixture
def no_traceback(server: Served) -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server that asks for a key, with room for one stream; and a key."""
    folder: Path = tmp_path_factory.mktemp("keys")
    with guarded(folder, Flag("--max-sessions", "server.max_sessions", 1)) as (served, key):
        yield served, key

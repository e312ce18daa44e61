from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.signing import FakeClock, KeyServer, key_server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with key_server() as server:
        yield server

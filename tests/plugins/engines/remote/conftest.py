"""An engine that asks a server which is written down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sotto.plugins.engines.remote.engine import RemoteEngine
from tests.transcription_server import TranscriptionServer


@pytest.fixture
def scripted() -> Iterator[TranscriptionServer]:
    with TranscriptionServer() as running:
        yield running


@pytest.fixture
def engine(scripted: TranscriptionServer) -> Iterator[RemoteEngine]:
    loaded = RemoteEngine.load(scripted.url, model="scripted")
    yield loaded
    loaded.close()

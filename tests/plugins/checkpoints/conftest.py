from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub import Hub, Repo, serving_hub

TINY = {
    "README.md": b"not wanted",
    "config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
    "vocabulary.txt": b"a\nb\n",
    "model.bin": bytes(range(256)) * 64,
    "pytorch_model.bin": b"not wanted either",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub that runs while the test does, and has one model."""
    with serving_hub() as hub:
        hub.models["Systran/faster-whisper-tiny"] = Repo(contents=TINY)
        yield hub

"""A server whose windows join and leave at every step: the whole road over the engine torch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from sotto.app.settings import load
from tests.asking import transcribe
from tests.listening import listen
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le


@pytest.fixture(scope="module", params=["true", "false"])
def torch_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    """One that shows all that it heard, and one that stops where nothing is sure yet."""
    told = {
        "SOTTO_ENGINE__KIND": "torch",
        "SOTTO_ENGINE__MAX_BATCH": "4",
        "SOTTO_DECODE__WHOLE_PARTIALS": request.param,
        "SOTTO_STORE__URL": "memory",
    }
    with serving(load(environ=told)) as served:
        yield served


async def test_streams_and_files_have_the_words_of_the_other_engine(
    server: Served, torch_server: Served
) -> None:
    clip = pcm_s16le(CLIP)
    direct = await listen(server.stream, clip)
    streamed = await asyncio.gather(*(listen(torch_server.stream, clip) for _ in range(6)))
    for one in streamed:
        assert one.text == direct.text == CLIP_TEXT
        assert one.of("committed")
    with httpx2.Client(base_url=torch_server.url, timeout=60) as client:
        assert transcribe(client).json()["text"] == CLIP_TEXT
    told = httpx2.get(f"{torch_server.url}/metrics", timeout=60).text.splitlines()
    jobs = [line for line in told if line.startswith("sotto_jobs_total")]
    assert any('outcome="done"' in line for line in jobs)
    assert not any('outcome="failed"' in line for line in jobs)

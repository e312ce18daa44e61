"""Every dialect's voice is that of one process: its own clients, put to a cluster.

Here are those that tell most in the least time; `ON_RAY=1 pytest tests/conformance` puts all of
them to a cluster.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request

from sotto import AsyncClient
from sotto.client import Final, Patience
from tests.clusters import Cluster, until
from tests.conformance.clients import Client
from tests.conformance.test_deepgram import SOUND, cut, listen, make_client
from tests.conformance.test_openai_realtime import CALLS as REALTIME
from tests.conformance.test_openai_realtime import check, sounds, transcript
from tests.conformance.test_openai_rest import ask
from tests.speech import CLIP_TEXT

__all__ = ["sounds"]
NEWEST = Client(None)


def test_openai_files(server: Cluster) -> None:
    told = ask(NEWEST, server, "json", "stream", "models", "no such model", "empty file")
    assert told["json"]["text"] == CLIP_TEXT
    assert told["stream"][-1]["text"] == CLIP_TEXT
    assert {model["id"] for model in told["models"]} == {"nano", "rare"}
    assert told["no such model"]["status"] == 404
    assert told["empty file"]["status"] == 400


def test_openai_realtime(server: Cluster, sounds: list[str]) -> None:
    """One sound is said to the secret's session, whichever ingress made the secret up."""
    told = NEWEST.run(REALTIME, server.url, *sounds, "vad", "secret")
    for call in ("vad", "secret"):
        events = [event for event in told[call] if "type" in event]
        check(events)
        assert transcript(events) == CLIP_TEXT


def test_deepgram(server: Cluster) -> None:
    session = listen(make_client(server), cut(SOUND), interim_results=True)
    assert session.errors == []
    assert session.text == CLIP_TEXT


async def test_a_rare_model_comes_when_it_is_asked_for_and_goes(server: Cluster) -> None:
    await asyncio.to_thread(server.await_replicas, "engine-rare", lambda ids: not ids)
    client = AsyncClient(server.url, patience=Patience(opening=30, waits=(0.5,)))
    async with client.stream(model="rare", sample_rate=16_000) as stream:
        await stream.send(SOUND)
        await stream.finish()
        said = [event.text async for event in stream if isinstance(event, Final)]
    assert " ".join(filter(None, said)) == CLIP_TEXT
    assert server.pids("engine-rare")
    await asyncio.to_thread(server.await_replicas, "engine-rare", lambda ids: not ids)


def test_one_page_has_the_figures_of_all(server: Cluster) -> None:
    names = {f"{kind}-{tag}" for kind in ("ingress", "engine-nano") for tag in server.pids(kind)}

    def all_told() -> bool:
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as page:
            text = page.read().decode()
        return all(f'replica="{name}"' in text for name in names)

    until(all_told, "the figures of every replica")


def test_a_session_is_found_whichever_ingress_is_asked(server: Cluster) -> None:
    """The store is one process; every ingress asks it."""
    with urllib.request.urlopen(f"{server.url}/v1/sessions?q=eight", timeout=30) as page:
        found = json.load(page)
    assert found["data"]

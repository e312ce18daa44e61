"""A server that is killed and started again: the session goes on under its name."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from heard_events import follows_the_promise, of, text_of
from spoken_clip import HANGS, PCM

from sotto import AsyncClient
from sotto.client import Committed, Event, Final, Patience, Ready, Reconnecting, Resumed
from tests.speech import CLIP_TEXT

GAP = bytes(PCM.rate * 2)
SOUND = PCM.data + GAP + PCM.data


@asynccontextmanager
async def server_process(port: int, store: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "sotto", "serve", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"SOTTO_STORE__URL": store},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def asked(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/sessions{path}", timeout=60) as answer:
        return json.load(answer)


async def test_a_server_that_is_killed_in_a_word_and_started_again(
    free_port: int, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'transcripts.db'}"
    patience = Patience(tries=10_000, opening=10_000, waits=(0.1,))
    client = AsyncClient(f"127.0.0.1:{free_port}", patience=patience)
    words = CLIP_TEXT.split()
    events: list[Event] = []
    async with asyncio.timeout(2 * HANGS):
        async with server_process(free_port, store) as first:
            stream = await client.stream(sample_rate=PCM.rate).__aenter__()
            await stream.send(SOUND[: len(PCM.data) + len(GAP) + PCM.rate * 4])
            async for event in stream:  # a word of the second time is certain, its final not there
                events.append(event)
                if isinstance(event, Committed) and text_of(events) == CLIP_TEXT:
                    break
            first.kill()
            await first.wait()
        await stream.send(SOUND[len(PCM.data) + len(GAP) + PCM.rate * 4 :])
        await stream.finish()
        async with server_process(free_port, store):
            events += [event async for event in stream]
            await stream.__aexit__(None, None, None)
            listed = await asyncio.to_thread(asked, free_port, "")
            (session,) = [one["id"] for one in listed["data"]]
            kept = await asyncio.to_thread(asked, free_port, f"/{session}/transcript.json")
    follows_the_promise(events)
    assert text_of(events).split() == words * 2
    assert of(events, Reconnecting)
    assert of(events, Resumed)
    assert [ready.session for ready in of(events, Ready)] == [session] * 2
    spoken = [final for final in of(events, Final) if final.text]
    assert [(one["text"].strip(), one["start"], one["end"]) for one in kept["segments"]] == [
        (final.text, final.start, final.end) for final in spoken
    ]

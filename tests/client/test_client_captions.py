"""`sotto live --url`: captions of a server, also where the line to it breaks."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest
from breaking_line import breaking_line
from heard_events import follows_the_promise, text_of
from rich.console import Console
from spoken_clip import HANGS, PCM, pieces

from sotto import AsyncClient, errors
from sotto.app.cli.captions import Captions
from sotto.app.cli.reconnecting import told
from sotto.client.wire import parse
from tests.listening import listen
from tests.serving import Served, guarded
from tests.speech import CLIP, CLIP_TEXT


async def test_events_are_told_as_the_messages_that_they_came_as(server: Served) -> None:
    heard = await listen(server.stream, PCM, config={"word_timestamps": True})
    kinds = set()
    for message in heard.events:
        event = parse(json.dumps(message), "")
        assert event is not None
        if message["type"] in ("ready", "closed"):
            assert told(event) is None
        else:
            assert told(event) == message
            kinds.add(message["type"])
    assert kinds >= {"speech_started", "committed", "partial", "speech_ended", "final", "warning"}


async def test_captions_go_on_after_a_cut(server: Served) -> None:
    """The line breaks in the middle of the sound."""
    command = [sys.executable, "-m", "sotto", "live", str(CLIP), "--speed", "0", "--json"]
    async with asyncio.timeout(HANGS), breaking_line(server.host, [120_000]) as line:
        running = await asyncio.create_subprocess_exec(
            *command,
            *("--url", line.url, "--model", "nano"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await running.communicate()
        assert line.connections == 2
    assert running.returncode == 0
    messages = [json.loads(one) for one in out.splitlines()]
    assert " ".join(one["text"] for one in messages if one["type"] == "final") == CLIP_TEXT
    assert [one["type"] for one in messages].count("resumed") == 1
    assert err.decode().count("hung up without a close code; again in") == 1


def test_what_was_open_is_cleared_where_it_is_heard_again() -> None:
    word = {"word": " nine", "start": 0.7, "end": 1.1, "probability": 0.9}
    seen: list[str] = []
    for resumed in ([], [{"type": "resumed", "at": 0.0, "utterance": 0}]):
        screen = io.StringIO()
        with Captions(Console(file=screen, force_terminal=True, width=60)) as captions:
            captions.show({"type": "speech_started", "utterance": 0, "at": 0.6})
            captions.show({"type": "committed", "utterance": 0, "text": " nine", "words": [word]})
            drawn = len(screen.getvalue())
            for message in resumed:
                captions.show(message)
            seen.append(screen.getvalue()[drawn:])
    assert "listening" not in seen[0]
    assert "listening" in seen[1]
    assert "nine" not in seen[1]


async def test_a_key_in_the_address(tmp_path: Path) -> None:
    with guarded(tmp_path) as (server, key):
        for url in (server.url, f"{server.url}?token=wrong"):
            with pytest.raises(errors.Unauthorized) as refused:
                async for _ in AsyncClient(url).listen(pieces(), sample_rate=PCM.rate):
                    pass
            assert "wrong" not in str(refused.value)
        client = AsyncClient(f"{server.url}?token={key}")
        events = [event async for event in client.listen(pieces(), sample_rate=PCM.rate)]
        assert (await client.transcribe(CLIP)).text == CLIP_TEXT
    follows_the_promise(events)
    assert text_of(events) == CLIP_TEXT

"""A session that goes on: told and stored as if nothing had been cut."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from breaking_line import breaking_line
from heard_events import follows_the_promise, of
from spoken_clip import HANGS, SOON
from websockets.asyncio.client import ClientConnection, connect

from sotto import AsyncClient
from sotto.audio.format import HOP, frames
from sotto.client import Acknowledged, Event, Final, Ready, Resumed
from sotto.interfaces.store import Query
from sotto.plugins.storage.sql import SqlStore
from sotto.transcript.words import Segment
from tests.loud_sound import loud_service, patient, some_script, sound_of
from tests.serving import Served, serving


@pytest.fixture(scope="module")
def loud() -> Iterator[Served]:
    with serving(patient(), loud_service()) as served:
        yield served


async def heard_of(url: str, sound: bytes) -> list[Event]:
    client, step = AsyncClient(url, patience=SOON), 3_200
    pieces = [sound[at : at + step] for at in range(0, len(sound), step)]
    return [event async for event in client.listen(pieces, word_timestamps=True)]


def stored(served: Served, session: str) -> list[Segment]:
    reading = served.service.store.segments(session)
    return asyncio.run_coroutine_threadsafe(reading, served.loop).result(30)


def as_told(finals: Sequence[Final]) -> list[tuple[object, ...]]:
    """All but how sure the engine was, which depends on when it was asked."""
    return [(one.utterance, one.text, one.start, one.end, one.words) for one in finals]


def as_stored(finals: Sequence[Final]) -> list[tuple[int, str, int, int]]:
    return [(one.utterance, one.text, frames(one.start), frames(one.end)) for one in finals]


def kept(segments: Sequence[Segment]) -> list[tuple[int, str, int, int]]:
    return [(one.id, one.text, one.start, one.end) for one in segments]


@pytest.mark.parametrize("seed", range(6))
async def test_cuts_at_any_byte_change_nothing_that_is_told_or_stored(loud: Served, seed: int):
    chance = random.Random(seed)
    sound = sound_of(*some_script(seed))
    unbroken = await heard_of(loud.url, sound)
    breaks = [chance.randrange(300, 400_000) for _ in range(8)]
    losses = [chance.choice([10**9, chance.randrange(300, 9_000)]) for _ in range(8)]
    async with asyncio.timeout(HANGS), breaking_line(loud.host, breaks, losses=losses) as line:
        broken = await heard_of(line.url, sound)
        assert line.connections > 1
    follows_the_promise(broken)
    finals = of(broken, Final)
    assert as_told(finals) == as_told(of(unbroken, Final))
    sessions = {ready.session for ready in of(broken, Ready)}
    assert len(sessions) == 1
    assert kept(stored(loud, sessions.pop())) == as_stored(finals)


async def said(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    async for message in socket:
        event: dict[str, Any] = json.loads(message)
        if event["type"] == kind:
            return event
    raise AssertionError(f"the socket ended ({socket.close_code}) before {kind}")


TWICE = [("alpha", 30, 70), ("bravo", 200, 240)]
SOUND = sound_of(TWICE, 400)


def second(at: float, end: float) -> bytes:
    return SOUND[round(at * 100) * HOP * 2 : round(end * 100) * HOP * 2]


async def test_another_server_carries_on_while_the_first_one_still_hears(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'both.db'}"
    with (
        serving(patient(), loud_service(SqlStore(url))) as first,
        serving(patient(), loud_service(SqlStore(url))) as other,
    ):
        async with asyncio.timeout(HANGS), connect(first.stream) as old:
            await old.send('{"received": 0}')
            session = (await said(old, "ready"))["session"]
            await old.send(second(0, 1.9))
            alpha = await said(old, "final")
            assert alpha["text"] == "alpha"
            async with connect(other.stream) as new:
                place = {"session": session, "at": 1.5, "received": 1}
                await new.send(json.dumps(place))
                ready = await said(new, "ready")
                assert (ready["session"], ready["at"], ready["utterance"]) == (session, 1.5, 1)
                await old.send(second(1.9, 4))
                error = await said(old, "error")
                assert (error["code"], error["retryable"]) == ("superseded", False)
                await old.wait_closed()
                assert old.close_code == 1008
                await new.send(second(1.5, 4))
                await new.send('{"type": "finish"}')
                bravo = await said(new, "final")
                closed = await said(new, "closed")
        assert [bravo[key] for key in ("utterance", "text")] == [1, "bravo"]
        assert (closed["duration"], closed["utterances"]) == (4.0, 2)
        told = [
            (one["utterance"], one["text"], frames(one["start"]), frames(one["end"]))
            for one in (alpha, bravo)
        ]
        assert told == kept(stored(other, session))


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"session": "a" * 65}, "session"),
        ({"session": "skynet/meeting"}, "session"),
        ({"session": ""}, "session"),
        ({"at": -0.1}, "at"),
        ({"at": 1e8}, "at"),
        ({"received": -1}, "received"),
        ({"received": 10**9}, "received"),
        ({"received": "1"}, "received"),
    ],
)
async def test_a_place_has_bounds(loud: Served, config: dict[str, Any], param: str):
    async with connect(loud.stream) as socket:
        await socket.send(json.dumps(config))
        error = await said(socket, "error")
    assert (error["code"], error["param"]) == ("bad_option", param)


async def test_a_session_that_is_not_known_any_more_goes_on_all_the_same(loud: Served):
    async with connect(loud.stream) as socket:
        await socket.send('{"session": "forgotten", "at": 100.25, "received": 7}')
        ready = await said(socket, "ready")
        assert (ready["session"], ready["at"], ready["utterance"]) == ("forgotten", 100.25, 7)
        await socket.send(second(0, 4))
        await socket.send('{"type": "finish"}')
        final = await said(socket, "final")
        assert (final["utterance"], final["start"], final["end"]) == (7, 100.25, 101.21)
        closed = await said(socket, "closed")
    assert (closed["utterances"], closed["duration"]) == (9, 104.25)
    assert [one.id for one in stored(loud, "forgotten")] == [7, 8]


async def test_what_was_stored_and_not_told_is_told_first_and_not_heard_again(loud: Served):
    """The line breaks at the first word of the server about the final."""
    async with connect(loud.stream) as socket:
        await socket.send('{"received": 0, "session": "untold"}')
        await said(socket, "ready")
        await socket.send(SOUND)
        await socket.send('{"type": "finish"}')
        await said(socket, "closed")
    async with connect(loud.stream) as socket:
        place = {"session": "untold", "at": 0.5, "received": 1, "word_timestamps": True}
        await socket.send(json.dumps(place))
        ready = await said(socket, "ready")
        assert ready["utterance"] == 2
        await socket.send(second(0.5, 4))
        await socket.send('{"type": "finish"}')
        told = [json.loads(message) async for message in socket]
    kinds = [event["type"] for event in told if event["type"] != "warning"]
    assert kinds == [
        "speech_started",
        "committed",
        "speech_ended",
        "final",
        "acknowledged",
        "closed",
    ]
    final, acknowledged, closed = told[-3:]
    assert (final["utterance"], final["text"], len(final["words"])) == (1, "bravo", 1)
    assert acknowledged["until"] == final["end"] == ready["at"]
    assert (closed["duration"], closed["utterances"]) == (4.0, 2)


async def test_a_long_silence_need_not_be_heard_again(loud: Served):
    sound = bytes(200 * 32_000) + SOUND
    async with asyncio.timeout(HANGS), breaking_line(loud.host) as line:
        client = AsyncClient(line.url, patience=SOON)
        async with client.stream() as stream:
            sending = asyncio.create_task(stream.send(sound))
            events: list[Event] = []
            async for event in stream:
                events.append(event)
                if isinstance(event, Acknowledged) and event.until > 150:
                    await line.cut_off()
                    break
            await sending
            await stream.finish()
            events += [event async for event in stream]
    assert of(events, Resumed)[0].at > 150
    assert [(one.text, one.start) for one in of(events, Final)] == [
        ("alpha", 200.0),
        ("bravo", 201.7),
    ]
    pages = loud.service.store.sessions(Query(limit=1))
    newest = asyncio.run_coroutine_threadsafe(pages, loud.loop).result(30).records[0]
    assert newest.id == of(events, Ready)[0].session
    assert newest.frames == frames(of(events, Final)[-1].end)

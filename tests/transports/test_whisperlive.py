"""WhisperLive, as its Python client and its browser extensions speak and listen."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sotto.errors import BadOption, EngineFailed, ModelNotReady, Overloaded
from sotto.transports.whisperlive.dialect import refusal
from tests.serving import Served
from tests.speech import CLIP_TEXT
from tests.transports.socket_talk import SOUND, cut, send
from tests.transports.whisperlive_client import (
    CHROME,
    END,
    FLOATS,
    FRAME,
    IOS,
    RECORDED,
    Client,
    check,
    frames,
    talk,
    url,
)

# ---- a stream


@pytest.fixture(scope="module")
def heard(server: Served) -> Client:
    return asyncio.run(talk(server, RECORDED, frames()))


def test_the_python_client_hears_every_word_and_the_last(heard: Client) -> None:
    check(heard)
    assert heard.text == CLIP_TEXT
    assert heard.close_code == 1000
    assert heard.updates[-1][-1]["completed"]


def test_times_are_those_of_the_clip(heard: Client) -> None:
    assert float(heard.transcript[0]["start"]) < 0.8
    assert 5.5 < float(heard.transcript[-1]["end"]) < 7.4


def test_its_subtitles_hold_each_word_once(heard: Client) -> None:
    assert "".join(heard.subtitles).strip() == CLIP_TEXT


def test_the_language_is_told_once_where_it_was_not_named(heard: Client) -> None:
    (message,) = heard.languages
    assert message["language"] == "en"
    assert 0.5 < message["language_prob"] <= 1


@pytest.mark.parametrize("told", [{"language": "en"}, {"model": "small.en"}])
async def test_a_language_that_was_named_is_not_told(server: Served, told: dict[str, str]) -> None:
    client = await talk(server, RECORDED | told, frames())
    check(client)
    assert client.languages == []
    assert client.text == CLIP_TEXT


async def test_words_while_the_clip_still_plays(server: Served) -> None:
    client = Client(RECORDED["uid"])
    async with connect(url(server)) as socket:
        await socket.send(json.dumps(RECORDED))
        await send(socket, frames()[: len(frames()) // 2])
        while not client.updates:
            client.take(await socket.recv())
        assert not client.updates[0][-1]["completed"]
        assert client.updates[0][-1]["text"].startswith(" nine")


@pytest.mark.parametrize("first", [CHROME, IOS, {}])
async def test_clients_that_say_less(server: Served, first: dict[str, Any]) -> None:
    client = await talk(server, first, frames())
    check(client)
    assert client.text == CLIP_TEXT


async def test_the_end_may_be_text(server: Served) -> None:
    client = await talk(server, IOS, frames(), end=END.decode())
    check(client)
    assert (client.text, client.close_code) == (CLIP_TEXT, 1000)


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("float32", FLOATS),
        ("int16", SOUND),
        ("uint8", (np.frombuffer(SOUND, "<i2") // 256 + 128).astype("u1").tobytes()),
    ],
)
async def test_sample_formats(server: Served, name: str, sound: bytes) -> None:
    odd = cut(sound, 4_099)  # samples are cut in the middle
    client = await talk(server, RECORDED | {"audio_format": name}, odd)
    check(client)
    assert client.text.split()[:2] == ["nine", "two"]
    assert client.text.split()[-1] == "one"


async def test_words_come_if_asked_for(server: Served, heard: Client) -> None:
    asked = await talk(server, RECORDED | {"word_timestamps": True}, frames())
    check(asked)
    assert all("words" not in segment for segment in heard.transcript)
    words = [word for segment in asked.transcript for word in segment["words"]]
    assert "".join(word["word"] for word in words).split() == CLIP_TEXT.split()
    for word in words:
        assert re.fullmatch(r"\d+\.\d{3}", word["start"])
        assert float(word["start"]) <= float(word["end"])
        assert 0 < word["probability"] <= 1


async def test_the_last_n_completed_segments_are_repeated(server: Served, heard: Client) -> None:
    client = await talk(server, RECORDED | {"send_last_n_segments": 1}, frames())
    check(client)
    assert client.text == CLIP_TEXT
    assert max(len(segments) for segments in client.updates) == 2
    assert len(heard.updates[-1]) == len(heard.transcript) > 2


async def test_what_was_said_last_is_committed_though_the_client_says_nothing(
    server: Served,
) -> None:
    client = Client(RECORDED["uid"])
    async with connect(url(server)) as socket:
        await socket.send(json.dumps(RECORDED))
        # Its last digit, cut before the pause that would end it.
        await send(socket, cut(FLOATS[: int(6.3 * 64_000)], FRAME))
        async with asyncio.timeout(10):
            while client.text != CLIP_TEXT:
                client.take(await socket.recv())
        await send(socket, [END])
        async for message in socket:
            client.take(message)
    check(client)
    assert client.text == CLIP_TEXT
    assert socket.close_code == 1000


async def test_silence_is_told_as_nothing(server: Served) -> None:
    client = await talk(server, RECORDED, [bytes(64_000)] * 5)
    assert client.updates == []
    assert client.languages == []
    assert client.close_code == 1000


async def test_what_is_not_offered_is_warned_of(server: Served) -> None:
    asked = {"enable_translation": True, "enable_diarization": True, "initial_prompt": "digits"}
    client = await talk(server, RECORDED | asked, [])
    assert client.order[0] == "ready"
    assert {status["status"] for status in client.statuses} == {"WARNING"}
    warnings = " ".join(status["message"] for status in client.statuses)
    for word in ("enable_translation", "enable_diarization", "prompt", "English digits"):
        assert word in warnings
    assert client.close_code == 1000


# ---- what goes wrong


@pytest.mark.parametrize(
    ("first", "close"),
    [
        ("no json", 1007),
        ("[]", 1007),
        ("[" * 100_000, 1007),
        ({"uid": "u", "task": "translate"}, 1007),
        ({"uid": "u", "task": "sing"}, 1007),
        ({"uid": "u", "language": "klingon"}, 1007),
        ({"uid": "u", "language": "fr"}, 1007),
        ({"uid": "u", "language": 7}, 1007),
        ({"uid": "u", "audio_format": "mp3"}, 1007),
        ({"uid": "u", "send_last_n_segments": "ten"}, 1007),
        ({"uid": "u", "hotwords": "x" * 1_001}, 1007),
        ({"uid": "u", "vad_parameters": {"threshold": 7}}, 1007),
        ({"uid": "u", "vad_parameters": {"min_silence_duration_ms": -1}}, 1007),
        (b"\x00\x00\x00\x00", 1002),
    ],
)
async def test_a_bad_beginning_is_told(server: Served, first: Any, close: int) -> None:
    client = await talk(server, first, [])
    assert not client.ready
    assert "expected" in client.error
    assert client.close_code == close


@pytest.mark.parametrize(
    ("message", "close"),
    [
        ("hello", 1002),
        ('{"uid": "u"}', 1002),
        (np.full(99, np.nan, "<f4").tobytes(), 1007),
    ],
)
async def test_a_bad_message_is_told(server: Served, message: str | bytes, close: int) -> None:
    client = await talk(server, IOS | {"language": "en"}, [message])
    errors = [status for status in client.statuses if status["status"] == "ERROR"]
    assert len(errors) == 1
    assert "expected" in errors[0]["message"]
    assert client.close_code == close


async def test_what_came_before_half_a_sample_is_told(server: Served) -> None:
    client = await talk(server, RECORDED, [FLOATS, b"\x00"])
    assert client.text == CLIP_TEXT
    assert "whole samples of 4 bytes" in client.statuses[-1]["message"]


# ---- who may, and how many


@pytest.mark.parametrize("query", ["", "?token=sk-sotto-wrong"])
async def test_who_has_no_key_is_refused_at_the_upgrade(
    full: tuple[Served, str], query: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url(full[0]) + query)
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("where", ["header", "query"])
async def test_who_has_a_key_is_let_in(full: tuple[Served, str], where: str) -> None:
    served, key = full
    headers = {"Authorization": f"Bearer {key}"} if where == "header" else {}
    query = f"?token={key}" if where == "query" else ""
    async with connect(url(served) + query, additional_headers=headers) as socket:
        await socket.send("{}")
        assert json.loads(await socket.recv())["message"] == "SERVER_READY"
        await socket.send(END)
        async for _ in socket:
            pass
    assert socket.close_code == 1000


async def test_one_too_many_is_told_to_wait_and_may_hang_up(full: tuple[Served, str]) -> None:
    served, key = full
    address = f"{url(served)}?token={key}"
    async with connect(address) as first:
        await first.send(json.dumps(RECORDED))
        await first.recv()
        async with connect(address) as polite, connect(address) as stubborn:
            for socket in (polite, stubborn):
                await socket.send('{"uid": "late"}')
                answer = json.loads(await socket.recv())
                assert answer == {"uid": "late", "status": "WAIT", "message": answer["message"]}
                assert isinstance(answer["message"], float)
                assert 0 < answer["message"] < 60
            await (await polite.ping())  # it has time to look at what it was told
            await polite.close()
            assert polite.close_code == 1000
            with pytest.raises(ConnectionClosed):
                await stubborn.recv()
            assert stubborn.close_code == 1013
        await first.send(END)


def test_only_what_may_pass_is_waited_for() -> None:
    for error in (Overloaded("full"), ModelNotReady("loading")):
        assert error.retry_after is not None
        told = refusal("u", error, ready=False)
        assert told == {"uid": "u", "status": "WAIT", "message": error.retry_after / 60}
        assert refusal("u", error, ready=True)["status"] == "ERROR"
    assert refusal("u", BadOption("task", "no"), ready=False)["status"] == "ERROR"
    assert refusal("u", EngineFailed("broke"), ready=True)["message"] == "broke"

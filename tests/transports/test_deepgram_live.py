"""Deepgram's dialect, live, as its wire shows it; the released client is in tests/conformance."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from tests.serving import Served, watched
from tests.speech import CLIP, CLIP_TEXT, encoded, pcm_s16le
from tests.transports.deepgram_client import (
    CLOSE_STREAM,
    FINALIZE,
    KEEP_ALIVE,
    RAW,
    SECOND,
    Told,
    address,
    check,
    cut,
    hear_all,
    spoken,
    talk,
    transcript,
    until,
    words,
)

SOUND = pcm_s16le(CLIP).data


@pytest.fixture(scope="module")
def floats() -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.frombuffer(SOUND, "<i2") / 32_768


# ---- words


async def test_a_clip_becomes_words(server: Served) -> None:
    told = await talk(server, {**RAW, "model": "nova-3"}, cut(SOUND))
    check(told)
    assert told.text() == CLIP_TEXT
    assert all(result["is_final"] for result in told.of("Results"))
    assert told.finals()[-1]["speech_final"]
    metadata = told.messages[-1]
    assert metadata["duration"] == pytest.approx(len(SOUND) / SECOND, abs=0.02)
    assert metadata["channels"] == 1
    assert metadata["sha256"] == hashlib.sha256(SOUND).hexdigest()
    assert {one["metadata"]["request_id"] for one in told.of("Results")} == {metadata["request_id"]}
    assert [info["name"] for info in metadata["model_info"].values()] == ["nano"]


async def test_confidence_is_what_the_decoder_believes(server: Served) -> None:
    told = await talk(server, RAW, [SOUND])
    for result in told.finals():
        sure = [word["confidence"] for word in words(result)]
        assert all(0 < one <= 1 for one in sure)
        mean = result["channel"]["alternatives"][0]["confidence"]
        assert mean == pytest.approx(sum(sure) / len(sure), abs=1e-3)
    assert len({word["confidence"] for result in told.finals() for word in words(result)}) > 1


async def test_interim_results_show_what_comes_after_the_last_final(server: Served) -> None:
    query = {**RAW, "interim_results": "true"}
    async with connect(address(server, query)) as socket:

        async def play() -> None:
            for piece in cut(SOUND):
                await socket.send(piece)
                await asyncio.sleep(0.02)
            await socket.send(CLOSE_STREAM)

        playing = asyncio.create_task(play())
        told = await hear_all(socket)
        await playing
    check(told)
    assert told.text() == CLIP_TEXT
    shown = list(filter(None, (transcript(r) for r in told.results() if not r["is_final"])))
    assert len(shown) >= 3
    assert sum(text in CLIP_TEXT for text in shown) >= 3


@pytest.mark.parametrize(
    ("encoding", "rate", "channels"),
    [
        ("linear16", 8_000, 1),
        ("linear16", 44_100, 2),
        ("linear32", 48_000, 1),
        ("mulaw", 8_000, 1),
        ("alaw", 8_000, 1),
    ],
)
async def test_any_encoding_rate_and_channels(
    server: Served, floats: Any, encoding: str, rate: int, channels: int
) -> None:
    query = {"encoding": encoding, "sample_rate": rate, "channels": channels}
    told = await talk(server, query, cut(raw(floats, encoding, rate, channels), 1_001))
    check(told)
    assert told.text().split()[:2] == ["nine", "two"]
    assert told.text().split()[-1] == "one"
    assert told.messages[-1]["duration"] == pytest.approx(len(SOUND) / SECOND, abs=0.02)


def raw(floats: Any, encoding: str, rate: int, channels: int) -> bytes:
    """The clip, its sound the same in all channels."""
    if encoding in ("mulaw", "alaw"):
        return encoded(encoding, f"pcm_{encoding}", rate, "s16")
    places = np.linspace(0, len(floats) - 1, len(floats) * rate // 16_000)
    many = np.repeat(np.interp(places, np.arange(len(floats)), floats)[:, None], channels, axis=1)
    if encoding == "linear32":
        return many.astype("<f4").tobytes()
    return (many * 32_767).astype("<i2").tobytes()


async def test_mulaw_is_taken_for_a_telephones_without_a_rate(server: Served, floats: Any) -> None:
    told = await talk(server, {"encoding": "mulaw"}, [raw(floats, "mulaw", 8_000, 1)])
    check(told)
    assert told.text().split()[-1] == "one"


@pytest.mark.parametrize(
    ("form", "codec"), [("webm", "libopus"), ("ogg", "libopus"), ("wav", "pcm_s16le")]
)
async def test_a_container_is_known_by_its_bytes(server: Served, form: str, codec: str) -> None:
    data = encoded(form, codec, 48_000, "s16")
    told = await talk(server, {"smart_format": "true"}, cut(data, 1_000))
    check(told)
    assert told.text().split()[:2] == ["nine", "two"]
    assert told.text().split()[-1] == "one"


async def test_empty_messages_are_ignored(server: Served) -> None:
    pieces = [part for piece in cut(SOUND) for part in (b"", piece)]
    told = await talk(server, RAW, [*pieces, b""])
    check(told)
    assert told.text() == CLIP_TEXT


@pytest.mark.parametrize(
    ("query", "model"),
    [
        ({}, "nano"),
        ({"model": "nova-2-phonecall"}, "nano"),
        ({"model": "base", "tier": "x"}, "nano"),
        ({"model": "whisper-large"}, "nano"),
        ({"model": "nano"}, "nano"),
        ({"language": "en-US"}, "nano"),
        ({"language": "multi", "punctuate": "true", "diarize": "false", "keyterm": "nine"}, "nano"),
        ({"detect_language": "true", "endpointing": "10", "keywords": ["a:2", "b"]}, "nano"),
    ],
)
async def test_what_clients_ask_for_is_taken(
    server: Served, query: dict[str, Any], model: str
) -> None:
    told = await talk(server, {**RAW, **query}, [spoken("nine")])
    check(told)
    assert told.text() == "nine"
    assert told.finals()[0]["metadata"]["model_info"]["name"] == model


# ---- channels


async def test_channels_are_heard_each_on_its_own(server: Served) -> None:
    sounds = [spoken("nine", "two", "five"), spoken("eight", "three", "one")]
    length = max(map(len, sounds))
    alone = [await talk(server, RAW, [sound.ljust(length, b"\0")]) for sound in sounds]
    query = {**RAW, "channels": 2, "multichannel": "true", "vad_events": "true"}
    told = await talk(server, query, cut(side_by_side(*sounds), 1_001))
    check(told, channels=2)
    for channel, one in enumerate(alone):
        assert [map_words(result) for result in told.finals(channel)] == [
            map_words(result) for result in one.finals()
        ]
    assert told.text(0).startswith("nine two five")
    assert told.text(1).startswith("eight three one")
    assert {tuple(one["channel_index"]) for one in told.of("Results")} == {(0, 2), (1, 2)}
    assert {tuple(one["channel"]) for one in told.of("SpeechStarted")} == {(0, 2), (1, 2)}
    assert told.messages[-1]["channels"] == 2


def map_words(result: dict[str, Any]) -> list[tuple[str, float, float]]:
    return [(word["word"], word["start"], word["end"]) for word in words(result)]


def side_by_side(*channels: bytes) -> bytes:
    length = max(map(len, channels))
    samples = [np.frombuffer(one.ljust(length, b"\0"), "<i2") for one in channels]
    return np.stack(samples, axis=1).tobytes()


async def test_without_multichannel_they_are_mixed(server: Served) -> None:
    sound = side_by_side(SOUND, bytes(len(SOUND)))
    told = await talk(server, {**RAW, "channels": 2}, cut(sound))
    check(told)
    assert told.text() == CLIP_TEXT
    assert told.results()[0]["channel_index"] == [0, 1]


async def test_one_channel_can_be_finalized(server: Served) -> None:
    query = {**RAW, "channels": 2, "multichannel": "true"}
    sound = side_by_side(spoken("nine")[:SECOND], spoken("two")[:SECOND])
    async with connect(address(server, query)) as socket:
        await socket.send(sound)
        await socket.send('{"type": "Finalize", "channel": 1}')
        told = Told()
        while not any(one["from_finalize"] for one in told.of("Results")):
            told.messages.append(json.loads(await socket.recv()))
        await socket.send(CLOSE_STREAM)
        rest = await hear_all(socket)
    (answer,) = [one for one in told.of("Results") if one["from_finalize"]]
    assert answer["channel_index"] == [1, 2]
    assert transcript(answer) == "two"
    assert not any(one["from_finalize"] for one in rest.of("Results"))
    assert " ".join([told.text(0), rest.text(0)]).strip() == "nine"


# ---- commands and events


async def test_finalize_flushes_and_the_stream_goes_on(server: Served) -> None:
    told = await talk(server, RAW, [SOUND[: SECOND * 3 // 4], FINALIZE, SOUND[SECOND * 3 // 4 :]])
    check(told)
    answers = [one for one in told.finals() if one["from_finalize"]]
    assert [transcript(one) for one in answers] == ["nine"]
    assert until(answers[0]) <= 0.75
    assert told.text() == CLIP_TEXT


async def test_finalize_is_answered_where_nothing_was_said(server: Served) -> None:
    query = {**RAW, "interim_results": "true"}
    async with connect(address(server, query)) as socket:
        for _ in range(2):
            await socket.send(bytes(SECOND // 10))
            await socket.send(FINALIZE)
            answer = json.loads(await socket.recv())
            assert answer["from_finalize"]
            assert answer["is_final"]
            assert transcript(answer) == ""
        await socket.send(SOUND)
        await socket.send(CLOSE_STREAM)
        told = await hear_all(socket)
    check(told)
    assert told.text() == CLIP_TEXT


async def test_every_finalize_that_ended_something_is_answered_once(server: Served) -> None:
    digits = [spoken(digit) for digit in ("nine", "two", "five")]
    messages = [part for digit in digits for part in (digit, FINALIZE)]
    told = await talk(server, RAW, messages)
    check(told)
    answers = [transcript(one) for one in told.finals() if one["from_finalize"]]
    assert len(answers) == 3
    assert told.text() == "nine two five"


async def test_keep_alive_says_nothing_and_configure_is_refused(server: Served) -> None:
    configure = '{"type": "Configure", "keyterms": ["nine"]}'
    told = await talk(server, RAW, [KEEP_ALIVE, configure, SOUND, KEEP_ALIVE])
    check(told)
    assert told.text() == CLIP_TEXT
    (refused,) = told.of("ConfigureFailure")
    assert refused["code"] == "CONFIGURE_KEYTERMS_NOT_SUPPORTED"
    assert refused["request_id"] == told.messages[-1]["request_id"]


async def test_speech_and_silence_are_told_if_asked_for(server: Served) -> None:
    query = {
        **RAW,
        "interim_results": "true",
        "vad_events": "true",
        "utterance_end_ms": 1_000,
        "endpointing": 300,
    }
    sound = spoken("nine") + bytes(2 * SECOND) + spoken("two") + bytes(3 * SECOND)
    told = await talk(server, query, cut(sound))
    check(told)
    started = told.of("SpeechStarted")
    assert [one["channel"] for one in started] == [[0, 1]] * 2
    assert started[1]["timestamp"] == pytest.approx(3.35, abs=0.2)
    ended = told.of("UtteranceEnd")
    assert [one["channel"] for one in ended] == [[0, 1]] * 2
    spoken_words = [word for result in told.finals() for word in words(result)]
    assert [one["last_word_end"] for one in ended] == [word["end"] for word in spoken_words]
    order = [one["type"] for one in told.messages if one["type"] != "Results" or one["is_final"]]
    assert order == [*("SpeechStarted", "Results", "UtteranceEnd") * 2, "Metadata"]


async def test_without_being_asked_for_they_are_not(server: Served) -> None:
    told = await talk(server, {**RAW, "interim_results": "true"}, cut(SOUND + bytes(2 * SECOND)))
    assert {one["type"] for one in told.messages} == {"Results", "Metadata"}


async def test_endpointing_says_how_long_a_pause_is(server: Served) -> None:
    sound = spoken("nine", "two")  # 0.6 s apart
    apart = await talk(server, {**RAW, "endpointing": "300"}, [sound])
    together = await talk(server, {**RAW, "endpointing": "2000"}, [sound])
    never = await talk(server, {**RAW, "endpointing": "false"}, [sound])
    for told in (apart, together, never):
        check(told)
        assert told.text() == "nine two"
    assert [one["speech_final"] for one in apart.finals()] == [True, True]
    assert [one["speech_final"] for one in together.finals()] == [True]
    assert not any(one["speech_final"] for one in never.finals())


# ---- anything at all

SENT = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.integers(0, 100_000).map(lambda at: SOUND[at : at + 9_001]),
        st.sampled_from([FINALIZE, FINALIZE, KEEP_ALIVE, CLOSE_STREAM]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    max_size=8,
)
QUERIES = st.sampled_from(
    [
        RAW,
        {**RAW, "interim_results": "true", "utterance_end_ms": "1000", "vad_events": "true"},
        {**RAW, "channels": "2", "multichannel": "true", "endpointing": "false"},
        {"encoding": "linear32", "sample_rate": "48000"},
        {"encoding": "mulaw", "channels": "3"},
        {},
    ]
)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(query=QUERIES, messages=SENT)
def test_every_socket_ends_in_metadata_or_an_error(
    server: Served, query: dict[str, Any], messages: list[str | bytes]
) -> None:
    with watched() as records:
        told = asyncio.run(talk(server, query, messages))
    assert records == []
    last = told.messages[-1]
    if told.close[0] == 1000:
        assert last["type"] == "Metadata"
        check(told, last["channels"])
    else:
        assert last == told.error
        assert told.close[0] in (1007, 1008)
        assert told.of("Metadata") == []
        for channel in range(2):
            check_results_of(told, channel)


def check_results_of(told: Told, channel: int) -> None:
    spans = [(one["start"], until(one)) for one in told.finals(channel)]
    assert spans == sorted(spans)

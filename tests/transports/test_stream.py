from __future__ import annotations

import asyncio
import json
import resource
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.listening import Heard, converse, listen
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT, Pcm, encoded, pcm_s16le


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


def resampled(clip: Pcm, rate: int, channels: int, form: str) -> bytes:
    """The clip at another rate, with its sound in the first of several channels."""
    samples = np.frombuffer(clip.data, "<i2").astype(np.float32) / 32_768
    places = np.linspace(0, len(samples) - 1, int(len(samples) * rate / clip.rate))
    mono = np.interp(places, np.arange(len(samples)), samples)
    many = np.repeat(mono[:, None], channels, axis=1)
    if form == "pcm_f32le":
        return many.astype("<f4").tobytes()
    return (many * 32_767).astype("<i2").tobytes()


def check(heard: Heard) -> None:
    """docs/protocol.md, "What holds for every stream"."""
    kinds = [event["type"] for event in heard.events]
    assert kinds[0] == "ready"
    assert kinds[-1] == "closed"
    assert heard.close_code == 1000
    committed: dict[int, str] = {}
    for event in heard.of("committed"):
        utterance = event["utterance"]
        committed[utterance] = committed.get(utterance, "") + event["text"]
        assert event["text"] == "".join(word["word"] for word in event["words"])
    finals = heard.of("final")
    assert [final["utterance"] for final in finals] == list(range(len(finals)))
    for final in finals:
        assert committed.get(final["utterance"], "").strip() == final["text"]
    words = [word for event in heard.of("committed") for word in event["words"]]
    assert all(a["end"] <= b["end"] and a["start"] <= b["start"] for a, b in pairwise(words))
    acknowledged = [event["until"] for event in heard.of("acknowledged")]
    assert acknowledged == sorted(set(acknowledged))
    assert {final["end"] for final in finals} <= set(acknowledged)
    for final in finals:  # what lies between is silence
        assert not any(final["start"] < until < final["end"] for until in acknowledged)


async def test_a_clip_becomes_words(server: Served, clip: Pcm) -> None:
    heard = await listen(server.stream, clip)
    check(heard)
    assert heard.text == CLIP_TEXT
    closed = heard.events[-1]
    assert closed["duration"] == pytest.approx(clip.seconds, abs=0.02)
    assert closed["utterances"] == len(heard.of("final"))


async def test_words_come_while_the_clip_still_plays(server: Served, clip: Pcm) -> None:
    heard = await listen(server.stream, clip, pace=1.0)
    check(heard)
    assert heard.text == CLIP_TEXT
    pieces = int(clip.seconds * 10)
    shown = [
        sent
        for event, sent in zip(heard.events, heard.sent_when, strict=True)
        if event["type"] in ("partial", "committed")
    ]
    assert shown[0] < pieces / 3
    assert len([sent for sent in shown if sent < pieces]) >= 4


@pytest.mark.parametrize(
    ("rate", "channels", "encoding"),
    [(8_000, 1, "pcm_s16le"), (44_100, 2, "pcm_s16le"), (48_000, 1, "pcm_f32le")],
)
async def test_any_rate_channels_and_sample_format(
    server: Served, clip: Pcm, rate: int, channels: int, encoding: str
) -> None:
    config = {"sample_rate": rate, "channels": channels, "encoding": encoding}
    data = resampled(clip, rate, channels, encoding)
    heard = await converse(server.stream, config, [data])
    check(heard)
    assert heard.text.split()[:2] == ["nine", "two"]
    assert heard.text.split()[-1] == "one"


@pytest.mark.parametrize("name", ["webm", "ogg"])
async def test_a_browsers_containers(server: Served, clip: Pcm, name: str) -> None:
    data = encoded(name, "libopus", 48_000, "s16")
    pieces = [data[at : at + 1_000] for at in range(0, len(data), 1_000)]
    heard = await converse(server.stream, {"encoding": name}, pieces)
    check(heard)
    assert heard.text.split()[:2] == ["nine", "two"]
    assert heard.text.split()[-1] == "one"


@pytest.mark.parametrize("policy", ["alignatt", "local-agreement", "chunked"])
async def test_every_policy_hears_the_last_word(server: Served, clip: Pcm, policy: str) -> None:
    heard = await listen(server.stream, clip, config={"policy": policy})
    check(heard)
    assert heard.text.split()[-1] == "one"


async def test_a_model_with_limits_says_so_and_what_it_ignores(server: Served, clip: Pcm) -> None:
    heard = await listen(server.stream, clip, config={"prompt": "digits"})
    warned = {event["code"]: event["message"] for event in heard.of("warning")}
    assert set(warned) == {"limited_model", "ignored_option"}
    assert "English digits" in warned["limited_model"]


async def test_the_servers_defaults_hold_where_the_client_says_nothing(clip: Pcm) -> None:
    flags = [
        Flag("--policy", "decode.policy", "chunked"),
        Flag("--default", "models.default", "nano"),
    ]
    with serving(load(flags, environ={})) as served:
        plain = await listen(served.stream, clip)
        asked = await listen(served.stream, clip, config={"policy": "alignatt", "model": "auto"})
    assert plain.events[0]["policy"] == "chunked"
    assert asked.events[0]["policy"] == "alignatt"
    assert plain.events[0]["model"] == asked.events[0]["model"] == "nano"


async def test_words_of_finals_come_if_asked_for(server: Served, clip: Pcm) -> None:
    plain = await listen(server.stream, clip)
    asked = await listen(server.stream, clip, config={"word_timestamps": True})
    assert all("words" not in final for final in plain.of("final"))
    words = [word["word"] for final in asked.of("final") for word in final["words"]]
    assert "".join(words).split() == CLIP_TEXT.split()


async def test_without_partials_nothing_comes_before_the_end(server: Served, clip: Pcm) -> None:
    heard = await listen(server.stream, clip, config={"partials": False})
    check(heard)
    assert heard.of("partial") == []
    assert heard.text == CLIP_TEXT


async def test_flush_ends_an_utterance(server: Served, clip: Pcm) -> None:
    half = clip.rate * 2  # one second
    messages = [clip.data[:half], '{"type": "flush"}', clip.data[half:]]
    heard = await converse(server.stream, {"sample_rate": clip.rate}, messages)
    check(heard)
    assert heard.of("final")[0]["end"] <= 1.0


async def test_a_client_that_vanishes_is_still_stored(server: Served, clip: Pcm) -> None:
    async with connect(server.stream) as vanishing:
        await vanishing.send(json.dumps({"sample_rate": clip.rate}))
        session = json.loads(await vanishing.recv())["session"]
        await vanishing.send(clip.data)
        # What the server has not read yet, the network may lose with the connection.
        while json.loads(await vanishing.recv())["type"] != "speech_started":
            pass
        vanishing.transport.abort()
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        segments = await server.service.store.segments(session)
        if " ".join(segment.text for segment in segments) == CLIP_TEXT:
            return
    pytest.fail("what was said before the cut is not in the store")


async def test_sound_that_stops_coming_is_committed(clip: Pcm) -> None:
    flags = [Flag("--idle", "server.idle_flush", 0.2)]
    with serving(load(flags, environ={})) as served:
        async with connect(served.stream) as client:
            await client.send(json.dumps({"sample_rate": clip.rate}))
            await client.send(clip.data[: clip.rate * 2])
            texts = []
            async for message in client:
                event = json.loads(message)
                if event["type"] == "final":
                    texts.append(event["text"])
                    break
    assert texts == ["nine"]


BAD_CONFIGS: list[tuple[Any, str, int]] = [
    ("not json", "bad_option", 1007),
    ("[]", "bad_option", 1007),
    ('"text"', "bad_option", 1007),
    ({"modell": "nano"}, "bad_option", 1007),
    ({"model": "gigantic"}, "unknown_model", 1007),
    ({"model": 7}, "bad_option", 1007),
    ({"language": "klingon"}, "unknown_language", 1007),
    ({"language": "fr"}, "unknown_language", 1007),
    ({"task": "sing"}, "bad_option", 1007),
    ({"task": "translate"}, "bad_option", 1007),
    ({"sample_rate": 1}, "bad_option", 1007),
    ({"sample_rate": "fast"}, "bad_option", 1007),
    ({"channels": 0}, "bad_option", 1007),
    ({"encoding": "mp7"}, "bad_option", 1007),
    ({"policy": "hope"}, "bad_option", 1007),
    ({"chunk_duration": 1e9}, "bad_option", 1007),
    ('{"chunk_duration": NaN}', "bad_option", 1007),
    ({"beam_size": 10_000}, "bad_option", 1007),
    ("[" * 100_000, "bad_option", 1007),
    (b"\x00\x00", "protocol_violation", 1002),
]


@pytest.mark.parametrize(("config", "code", "close"), BAD_CONFIGS)
async def test_a_bad_beginning_is_told(server: Served, config: Any, code: str, close: int) -> None:
    heard = await converse(server.stream, config, [], finish=False)
    assert heard.error["code"] == code
    assert "expected" in heard.error["message"]
    assert heard.close_code == close


@pytest.mark.parametrize(
    ("config", "message", "code", "close"),
    [
        ({}, "hello", "protocol_violation", 1002),
        ({}, '{"type": "dance"}', "protocol_violation", 1002),
        ({}, "[" * 100_000, "protocol_violation", 1002),
        ({"encoding": "webm"}, b"no container" * 100, "bad_audio", 1007),
        ({"encoding": "pcm_f32le"}, np.full(99, np.nan, "<f4").tobytes(), "bad_audio", 1007),
    ],
)
async def test_a_bad_message_is_told(
    server: Served, config: Any, message: Any, code: str, close: int
) -> None:
    heard = await converse(server.stream, config, [message])
    assert heard.error["code"] == code
    assert "expected" in heard.error["message"]
    assert heard.close_code == close


async def test_half_a_sample_at_the_end_is_told_after_all_words(server: Served, clip: Pcm) -> None:
    heard = await converse(server.stream, {"sample_rate": clip.rate}, [clip.data, b"\x00"])
    assert heard.text == CLIP_TEXT
    assert heard.error["code"] == "bad_audio"
    assert "whole samples of 2 bytes" in heard.error["message"]


async def test_a_message_that_is_too_large_is_refused(clip: Pcm) -> None:
    flags = [Flag("--max-message", "server.max_message_bytes", 100_000)]
    with serving(load(flags, environ={})) as served:
        heard = await converse(served.stream, {}, [clip.data])
    assert heard.error["code"] == "too_large"
    assert heard.close_code == 1009


async def test_one_stream_too_many_is_told_to_come_back(clip: Pcm) -> None:
    flags = [Flag("--max-sessions", "server.max_sessions", 1)]
    with serving(load(flags, environ={})) as served:
        async with connect(served.stream) as first:
            await first.send("{}")
            await first.recv()
            heard = await converse(served.stream, {}, [], finish=False)
            assert heard.error["code"] == "overloaded"
            assert heard.error["retryable"]
            assert heard.error["retry_after"] > 0
            assert heard.close_code == 1013
        for _ in range(500):
            if served.service.open_streams == 0:
                break
            await asyncio.sleep(0.01)
        assert (await listen(served.stream, clip)).text == CLIP_TEXT


async def test_no_configuration_in_time_is_told() -> None:
    flags = [Flag("--config-timeout", "server.config_timeout", 0.1)]
    with serving(load(flags, environ={})) as served:
        heard = await converse(served.stream, None, [], finish=False)
    assert heard.error["code"] == "too_slow"
    assert heard.close_code == 1008


async def test_a_flood_of_sound_is_held_back_and_harms_nobody(server: Served, clip: Pcm) -> None:
    before = peak_memory()
    async with connect(server.stream, max_queue=1) as deaf:
        await deaf.send(json.dumps({"sample_rate": clip.rate}))
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await deaf.send(clip.data * 8)
                sent += 1

        flooding = asyncio.create_task(flood())
        heard = await asyncio.gather(*(listen(server.stream, clip, pace=4.0) for _ in range(2)))
        assert {one.text for one in heard} == {CLIP_TEXT}
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        deaf.transport.abort()
    assert sent < 1_000
    assert peak_memory() - before < 300 * 1024**2


def peak_memory() -> int:
    """Bytes that this process, server and all, has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_eight_streams_at_once_share_batches(server: Served, clip: Pcm) -> None:
    heard = await asyncio.gather(*(listen(server.stream, clip, pace=2.0) for _ in range(8)))
    assert {one.text for one in heard} == {CLIP_TEXT}
    registry = server.service.metrics.registry
    alone = registry.get_sample_value("sotto_batch_size_bucket", {"model": "nano", "le": "1.0"})
    batches = registry.get_sample_value("sotto_batch_size_count", {"model": "nano"})
    assert alone is not None and batches is not None
    assert alone < batches


async def test_silence_and_noise_give_no_words(server: Served) -> None:
    noise = np.random.default_rng(7).normal(0, 2_000, 60 * 16_000).astype("<i2").tobytes()
    for sound in (bytes(60 * 32_000), noise):
        heard = await listen(server.stream, Pcm(sound, 16_000))
        check(heard)
        assert heard.of("committed") == []
        assert heard.of("partial") == []

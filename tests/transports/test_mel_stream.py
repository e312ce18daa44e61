"""Images of spectrograms instead of sound, over `/stream`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.audio.chunk import Mel, Speech
from sotto.audio.edges import speech_in
from sotto.audio.mel8 import HEADER, make_mel8
from tests.listening import Heard, converse
from tests.serving import Served, serving, watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.transports.mel_pictures import clip_mel

MEL8 = {"encoding": "mel8"}


def images(mel: Mel, step: int = 10, speech: Speech | None = None) -> list[bytes]:
    return [
        make_mel8(
            mel[at : at + step],
            position=at,
            speech=None if speech is None else speech[at : at + step],
        )
        for at in range(0, len(mel), step)
    ]


def last_of_speech() -> int:
    """The frame after the last one of speech."""
    return int(np.flatnonzero(speech_in(clip_mel()) >= 0.5)[-1]) + 1


async def told(server: Served, messages: list[Any], **config: Any) -> Heard:
    return await converse(server.stream, MEL8 | config, messages)


@pytest.mark.parametrize("step", [1, 10, 150, 10_000])
async def test_images_become_the_words_of_the_sound(server: Served, step: int) -> None:
    heard = await told(server, images(clip_mel(), step))
    assert heard.text == CLIP_TEXT
    assert heard.close_code == 1000
    assert heard.events[-1]["duration"] == pytest.approx(7.37, abs=0.01)


async def test_ready_says_how_many_bands(server: Served) -> None:
    ready = (await told(server, [])).events[0]
    assert (ready["encoding"], ready["n_mels"]) == ("mel8", 80)
    assert ready["sample_rate"] is ready["channels"] is None


async def test_times_are_those_of_the_sound(server: Served) -> None:
    pcm = pcm_s16le(CLIP)
    sound = await converse(server.stream, {"sample_rate": pcm.rate}, [pcm.data])
    seen = await told(server, images(clip_mel()))
    for kind, field, which in (("speech_started", "at", 0), ("final", "end", -1)):
        times = [one.of(kind)[which][field] for one in (sound, seen)]
        assert times[0] == pytest.approx(times[1], abs=0.15)


async def test_words_come_while_the_images_do(server: Served) -> None:
    every = images(clip_mel())
    heard = await converse(server.stream, MEL8, every, pace=2.0)
    shown = [
        sent
        for event, sent in zip(heard.events, heard.sent_when, strict=True)
        if event["type"] in ("partial", "committed")
    ]
    assert shown[0] < len(every) / 2
    assert heard.text == CLIP_TEXT


async def test_silence_need_not_be_sent(server: Served) -> None:
    """Only what lies around speech is; the times are as if all were."""
    mel, speech = clip_mel(), speech_in(clip_mel())
    near = np.convolve(speech >= 0.375, np.ones(41), "same") > 0
    bounds = np.flatnonzero(np.diff(near.astype(np.int8), prepend=0, append=0))
    runs = bounds.reshape(-1, 2).tolist()
    messages = [make_mel8(mel[lo:hi], position=lo) for lo, hi in runs]
    heard = await told(server, messages)
    assert heard.text == CLIP_TEXT
    assert len(runs) == 6
    whole = await told(server, images(clip_mel()))
    ends = [one.of("final")[-1]["end"] for one in (heard, whole)]
    assert ends[0] == pytest.approx(ends[1], abs=0.15)


async def test_the_speech_that_a_client_marks_is_trusted(server: Served) -> None:
    mel = clip_mel()
    none = np.zeros(len(mel), np.float32)
    assert (await told(server, images(mel, speech=none))).of("final") == []
    marked = (speech_in(mel) >= 0.375).astype(np.float32)
    assert (await told(server, images(mel, speech=marked))).text == CLIP_TEXT


async def test_the_last_word_is_heard_where_the_images_end_with_it(server: Served) -> None:
    assert (await told(server, images(clip_mel()[: last_of_speech()]))).text == CLIP_TEXT


async def test_a_flush_hears_all_that_was_sent(server: Served) -> None:
    messages = [*images(clip_mel()[: last_of_speech()]), '{"type": "flush"}']
    heard = await told(server, messages)
    assert heard.text == CLIP_TEXT
    assert heard.of("final")[-1]["end"] == pytest.approx(last_of_speech() / 100, abs=0.01)


async def test_an_empty_image_ends_an_utterance(server: Served) -> None:
    end = last_of_speech()
    async with connect(server.stream) as client:
        await client.send(json.dumps(MEL8))
        await client.send(make_mel8(clip_mel()[:end]))
        await client.send(make_mel8(clip_mel()[:0], position=end + 100))
        texts: list[str] = []
        async for message in client:
            event = json.loads(message)
            texts += [event["text"]] if event["type"] == "final" else []
            if " ".join(texts) == CLIP_TEXT:
                return
    pytest.fail(f"only {texts} came")


async def test_images_that_stop_coming_are_committed() -> None:
    flags = [Flag("--idle", "server.idle_flush", 0.2)]
    with serving(load(flags, environ={})) as served:
        async with connect(served.stream) as client:
            await client.send(json.dumps(MEL8))
            await client.send(make_mel8(clip_mel()[:100]))
            async for message in client:
                event = json.loads(message)
                if event["type"] == "final":
                    assert event["text"] == "nine"
                    return
    pytest.fail("nothing was committed")


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([pcm_s16le(CLIP).data[:3_200]], "begins with"),
        ([b"mel8"], "at least 24 bytes"),
        ([make_mel8(clip_mel(128)[:10])], "images of 80 bands, as `ready` says, got one of 128"),
        (images(clip_mel()[:20])[::-1], "from frame 20 on"),
        ([make_mel8(clip_mel()[:10], position=60_001)], "of silence"),
    ],
    ids=["sound", "cut", "bands", "back", "far ahead"],
)
async def test_what_is_no_image_is_told(server: Served, messages: list[bytes], words: str) -> None:
    heard = await told(server, messages)
    assert heard.error["code"] == "bad_audio"
    assert words in heard.error["message"]
    assert heard.close_code == 1007


async def test_what_came_before_a_bad_image_is_written_down(server: Served) -> None:
    heard = await told(server, [*images(clip_mel()), b"mel7"])
    assert heard.text == CLIP_TEXT
    assert heard.error["code"] == "bad_audio"


HEADERS = st.builds(
    HEADER.pack,
    st.sampled_from([b"mel8", b"mel8", b"melo"]),
    st.sampled_from([1, 1, 1, 0, 255]),
    st.sampled_from([0, 0, 1, 255]),
    st.sampled_from([80, 80, 128, 0]),
    st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1)),
    st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1)),
    st.floats(width=32),
    st.floats(width=32),
)
ANY_IMAGES = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda head, n: head + bytes(n), HEADERS, st.integers(0, 500)),
    st.builds(
        lambda at, n, level: make_mel8(np.full((n, 80), level, np.float32), position=at),
        st.integers(0, 400),
        st.integers(0, 30),
        st.floats(-10, 3),
    ),
)
SLOW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(messages=st.lists(ANY_IMAGES, max_size=5))
async def test_every_stream_of_images_ends_in_words(server: Served, messages: list[bytes]) -> None:
    with watched() as records:
        heard = await told(server, messages)
    assert records == []
    last = heard.events[-1]
    if last["type"] == "error":
        assert (last["code"], heard.close_code) == ("bad_audio", 1007)
    else:
        assert (last["type"], heard.close_code) == ("closed", 1000)
    assert heard.text == ""


REAL = images(clip_mel()[:300], 30)


@SLOW
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 2_500), st.integers(0, 255)),
        max_size=5,
    ),
    cut=st.one_of(st.none(), st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 2_500))),
    order=st.one_of(st.just(range(len(REAL))), st.permutations(range(len(REAL)))),
)
async def test_a_damaged_stream_ends_as_any_other(
    server: Served,
    changes: list[tuple[int, int, int]],
    cut: tuple[int, int] | None,
    order: list[int],
) -> None:
    """Of real speech: bytes that changed, an image that breaks off, images out of their order."""
    messages = [bytearray(image) for image in REAL]
    for which, at, byte in changes:
        messages[which][at % len(messages[which])] = byte
    if cut is not None:
        del messages[cut[0]][cut[1] :]
    with watched() as records:
        heard = await told(server, [bytes(messages[which]) for which in order])
    assert records == []
    last = heard.events[-1]
    if last["type"] == "error":
        assert (last["code"], heard.close_code) == ("bad_audio", 1007)
        assert len(last["message"]) < 300
    else:
        assert (last["type"], heard.close_code) == ("closed", 1000)
    words = "".join(event["text"] for event in heard.of("committed"))
    assert words.split() == heard.text.split()

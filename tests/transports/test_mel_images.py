"""Images of spectrograms instead of sound: over `/stream`, and as a file."""

from __future__ import annotations

import io
import json
import resource
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.audio.chunk import Mel, Speech
from sotto.audio.edges import speech_in
from sotto.audio.image import make_image
from sotto.audio.mel import LogMel
from sotto.audio.mel8 import HEADER, ValueRange, make_mel8, parse_mel8
from sotto.errors import BadAudio
from sotto.runtime.container import read_file
from sotto.runtime.picture import MAX_BYTES, paint, see
from tests.asking import TRANSCRIPTIONS, error_of
from tests.listening import Heard, converse
from tests.serving import Served, guarded, serving, watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

MEL8 = {"encoding": "mel8"}


@cache
def clip_mel(bands: int = 80) -> Mel:
    log_mel = LogMel(bands)
    parts = [log_mel.receive(samples) for samples in read_file(CLIP)]
    return np.concatenate([*parts, log_mel.finish()])


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


# ---- /stream


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


# ---- POST /v1/mel


def post(client: httpx2.Client, data: bytes, **fields: Any) -> httpx2.Response:
    return client.post("/v1/mel", files={"file": ("image", data)}, data=fields)


def refused(client: httpx2.Client, data: bytes, **fields: Any) -> str:
    response = post(client, data, **fields)
    assert response.status_code == 400
    assert error_of(response)["code"] == "bad_audio"
    return str(error_of(response)["message"])


def picture(pixels: NDArray[np.uint8], codec: str, form: str, **options: str) -> bytes:
    """A file as ffmpeg makes it of [height, width] or [height, width, 3]."""
    out = io.BytesIO()
    given = "gray" if pixels.ndim == 2 else "rgb24"
    with av.open(out, "w", format="webp" if "webp" in codec else "image2pipe") as container:
        stream = container.add_stream(codec, rate=1, options=options)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = form
        frame = av.VideoFrame.from_ndarray(pixels, given)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return out.getvalue()


@cache
def clip_gray() -> tuple[NDArray[np.uint8], dict[str, str]]:
    """The clip's picture, and the form's fields that go with it."""
    span = ValueRange.of(clip_mel())
    gray = np.ascontiguousarray(span.steps(clip_mel()).T[::-1])
    return gray, {"min": str(span.least), "max": str(span.greatest)}


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def header(width: int, height: int, bits: int = 8, color: int = 0, interlace: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)


def small_png(head: bytes, rows: bytes = bytes(80 * 11), *more: tuple[bytes, bytes]) -> bytes:
    packed = (b"IDAT", zlib.compress(rows))
    return png_of([(b"IHDR", head), *more, packed, (b"IEND", b"")])


KINDS = {"png": paint, "tga": make_image, "mel8": make_mel8}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_its_text(client: httpx2.Client, kind: str) -> None:
    response = post(client, KINDS[kind](clip_mel()))
    assert response.status_code == 200
    assert response.json()["text"] == CLIP_TEXT


def test_a_png_as_another_program_makes_it(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    for prediction in ("none", "sub", "up", "avg", "paeth", "mixed"):
        data = picture(gray, "png", "gray", pred=prediction)
        assert post(client, data, **span).json()["text"] == CLIP_TEXT


def test_a_webp_without_loss(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    data = picture(np.repeat(gray[..., None], 3, axis=2), "libwebp", "bgra", lossless="1")
    np.testing.assert_array_equal(
        see(data, ValueRange(0, 1)).mel, ValueRange(0, 1).values(gray[::-1]).T
    )
    assert post(client, data, **span).json()["text"] == CLIP_TEXT


def test_a_webp_with_some_loss(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    data = picture(gray, "libwebp", "yuv420p", quality="95")
    assert len(data) < gray.size / 2
    assert post(client, data, **span).json()["text"] == CLIP_TEXT


def test_ours_is_what_others_read() -> None:
    with av.open(io.BytesIO(paint(clip_mel()))) as container:
        (frame,) = container.decode(video=0)
    assert frame.format.name == "gray"
    np.testing.assert_array_equal(frame.to_ndarray(), clip_gray()[0])


def test_any_answer_that_a_file_may_have(client: httpx2.Client) -> None:
    data = paint(clip_mel())
    assert post(client, data, response_format="text").text.strip() == CLIP_TEXT
    srt = post(client, data, response_format="srt").text
    assert srt.startswith("1\n00:00:00,")
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
    seen = post(client, data, **fields).json()
    sound = client.post(
        TRANSCRIPTIONS, files={"file": ("clip", CLIP.read_bytes())}, data=fields
    ).json()
    assert set(seen) == set(sound)
    assert [word["word"] for word in seen["words"]] == [word["word"] for word in sound["words"]]


def test_a_mel8_image_may_mark_speech(client: httpx2.Client) -> None:
    none = np.zeros(len(clip_mel()), np.float32)
    assert post(client, make_mel8(clip_mel(), speech=none)).json()["text"] == ""


def test_a_range_that_is_missing_is_told(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    data = picture(gray, "png", "gray")
    assert "min and max" in refused(client, data)
    response = post(client, data, min=span["min"])
    assert (error_of(response)["code"], error_of(response)["param"]) == ("bad_option", "max")
    assert "finite" in refused(client, data, min="nan", max="1")
    assert "from its least" in refused(client, data, min="2", max="1")


BOMB = [(b"IDAT", zlib.compress(bytes(30_000 * 30_001), 9)), (b"IEND", b"")]

BAD: dict[str, tuple[bytes, str]] = {
    "nothing we know": (b"\xff\xd8\xff\xe0" + bytes(100), "PNG, WebP, TGA or mel8"),
    "sound": (CLIP.read_bytes(), "PNG, WebP, TGA or mel8"),
    "bomb": (png_of([(b"IHDR", header(30_000, 30_000)), *BOMB]), "80 or 128 rows, got 30000"),
    "hidden bomb": (png_of([(b"IHDR", header(10, 80)), *BOMB]), "80 rows of 10 values, got more"),
    "wide": (small_png(header(65_536, 80)), "1 to 65535 columns"),
    "no columns": (small_png(header(0, 80)), "1 to 65535 columns"),
    "rows": (small_png(header(10, 79)), "80 or 128 rows, got 79"),
    "color": (small_png(header(10, 80, color=2)), "color type 0, got 2"),
    "palette": (small_png(header(10, 80, color=3)), "color type 0, got 3"),
    "16 bits": (small_png(header(10, 80, bits=16)), "bits of a value 8, got 16"),
    "interlaced": (small_png(header(10, 80, interlace=1)), "interlace 0, got 1"),
    "too few rows": (small_png(header(10, 80), bytes(79 * 11)), "80 rows of 10 values"),
    "unknown filter": (small_png(header(10, 80), b"\x05" + bytes(80 * 11 - 1)), "known filters"),
    "not packed": (png_of([(b"IHDR", header(10, 80)), (b"IDAT", b"??"), BOMB[1]]), "unpacked"),
    "no picture": (png_of([(b"IHDR", header(10, 80)), BOMB[1]]), "80 rows of 10 values"),
    "no header": (png_of([BOMB[1]]), "begins with its header"),
    "cut": (paint(clip_mel())[:-20], "breaks off"),
    "damaged": (paint(clip_mel()).replace(b"IDAT", b"IDAS"), "damaged chunk"),
    "half a range": (
        small_png(header(10, 80), bytes(880), (b"tEXt", b"min\0001")),
        "only one of them",
    ),
    "no number": (
        small_png(header(10, 80), bytes(880), (b"tEXt", b"min\0x"), (b"tEXt", b"max\0y")),
        "to be numbers",
    ),
    "reversed": (
        small_png(header(10, 80), bytes(880), (b"tEXt", b"min\0002"), (b"tEXt", b"max\0001")),
        "from its least",
    ),
    "other bands": (paint(np.zeros((10, 128), np.float32)), "80 bands"),
    "no frames": (make_mel8(clip_mel()[:0]), "with frames"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_image_is_refused(client: httpx2.Client, name: str) -> None:
    data, words = BAD[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert words in refused(client, data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # kB


def test_webps_that_are_none_are_refused(client: httpx2.Client) -> None:
    gray, span = clip_gray()
    rgb = np.repeat(gray[..., None], 3, axis=2)
    whole = picture(rgb, "libwebp", "bgra", lossless="1")
    assert "as it says" in refused(client, whole[:-100], **span)
    cut = whole[:4] + struct.pack("<I", len(whole) - 1_008) + whole[8:-1_000]
    assert "breaks off" in refused(client, cut, **span)
    short = struct.pack("<I", len(whole) - 5_000 - 20)
    cut = whole[:4] + struct.pack("<I", len(whole) - 5_008) + whole[8:16] + short + whole[20:-5_000]
    assert "damaged" in refused(client, cut, **span)
    tinted = rgb.copy()
    tinted[..., 0] //= 2
    tinted[..., 0] += 40
    assert "gray" in refused(client, picture(tinted, "libwebp", "bgra", lossless="1"), **span)
    assert "color" in refused(client, picture(tinted, "libwebp", "yuv420p"), **span)
    tall = picture(np.zeros((16_000, 16), np.uint8), "libwebp", "yuv420p")
    assert "rows, got 16000" in refused(client, tall, **span)
    assert "min and max" in refused(client, whole)


def test_more_than_any_image_is_refused(client: httpx2.Client) -> None:
    response = post(client, b"mel8" + bytes(MAX_BYTES))
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")
    assert "empty" in refused(client, b"")


def test_bad_fields_are_told(client: httpx2.Client) -> None:
    data = paint(clip_mel()[:10])
    for name, value in {
        "response_format": "tiff",
        "language": "klingon",
        "model": "gigantic",
        "min": "low",
        "task": "sing",
    }.items():
        response = post(client, data, **{name: value})
        assert response.status_code in (400, 404), name
        assert error_of(response)["param"] == name


def test_keys_are_asked_for_as_for_any_file(tmp_path: Path) -> None:
    with guarded(tmp_path) as (served, key), httpx2.Client(base_url=served.url) as client:
        assert post(client, paint(clip_mel())).status_code == 401
        client.headers["Authorization"] = f"Bearer {key}"
        assert post(client, paint(clip_mel())).json()["text"] == CLIP_TEXT


SEEDS = [
    paint(clip_mel()[:20]),
    make_image(clip_mel()[:20]),
    make_mel8(clip_mel()[:20]),
    picture(clip_gray()[0][:, :20], "libwebp", "yuv420p"),
    picture(np.repeat(clip_gray()[0][:, :20, None], 3, axis=2), "libwebp", "bgra", lossless="1"),
]


@settings(deadline=None, max_examples=500)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=4),
    cut=st.one_of(st.just(10_000), st.integers(0, 2_000)),
)
def test_any_bytes_are_an_image_or_refused(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for at, byte in changes:
        data[at % len(data)] = byte
    try:
        chunk = see(bytes(data[:cut]), ValueRange(-10, 2))
    except BadAudio as error:
        assert len(error.message) < 300
    else:
        assert np.isfinite(chunk.mel).all()
        assert chunk.mel.shape[1] in (80, 128)


def test_the_png_and_the_message_say_the_same() -> None:
    np.testing.assert_allclose(
        see(paint(clip_mel())).mel, parse_mel8(make_mel8(clip_mel())).mel, atol=1e-5
    )

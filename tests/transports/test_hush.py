"""hush's dialect: an image of speech in, plain text out."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace
from functools import cache

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.audio.chunk import Mel
from sotto.audio.edges import heard_in
from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.audio.image import MAX_BYTES, make_image, parse_image
from sotto.audio.mel import LogMel
from sotto.errors import BadAudio, ModelNotReady
from sotto.interfaces.engine import Traits
from sotto.runtime.container import read_file
from sotto.runtime.fitting import reader
from sotto.runtime.models import ModelState, ModelStatus
from tests.asking import connect, error_of, eventually, figures
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT

SECOND = SAMPLE_RATE


def mel_of(samples: Samples, bands: int = 80) -> Mel:
    log_mel = LogMel(bands)
    return np.concatenate([log_mel.receive(samples), log_mel.finish()])


@cache
def clip_image() -> bytes:
    return make_image(mel_of(np.concatenate(list(read_file(CLIP)))))


def noise(seconds: float, level: float, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    return rng.normal(0, level, int(seconds * SECOND)).astype(np.float32)


def test_an_image_of_speech_is_its_text(client: httpx2.Client) -> None:
    response = client.post("/", content=clip_image())
    assert response.status_code == 200
    assert response.text == CLIP_TEXT
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["access-control-allow-origin"] == "*"


def test_an_image_as_a_browser_posts_it(client: httpx2.Client) -> None:
    """`fetch` of an ArrayBuffer says no type, and where it comes from."""
    headers = {"Origin": "https://hush.example", "Content-Type": ""}
    assert client.post("/", content=clip_image(), headers=headers).text == CLIP_TEXT


def test_the_last_word_is_heard_where_the_image_ends_with_it(client: httpx2.Client) -> None:
    whole = parse_image(clip_image())
    last = int(np.flatnonzero(heard_in(whole).speech)[-1])
    assert client.post("/", content=make_image(whole[:last])).text == CLIP_TEXT


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(3 * SECOND, np.float32),
        noise(3, 0.1),
        noise(3, 0.001),
        np.cumsum(noise(3, 0.001)),
        (0.3 * np.sin(2 * np.pi * 120 * np.arange(3 * SECOND) / SECOND)).astype(np.float32),
        np.zeros(SECOND // 100, np.float32),
    ],
    ids=["silence", "noise", "soft noise", "rumble", "hum", "one frame"],
)
def test_what_is_no_speech_gives_no_text(client: httpx2.Client, samples: Samples) -> None:
    response = client.post("/", content=make_image(mel_of(samples)))
    assert (response.status_code, response.text) == (200, "")


def test_an_image_longer_than_a_window_is_heard_to_its_end(client: httpx2.Client) -> None:
    mel = np.tile(parse_image(clip_image()), (6, 1))
    assert len(mel) > 3000
    response = client.post("/", content=make_image(mel))
    assert response.text == " ".join([CLIP_TEXT] * 6)


def test_it_is_counted_as_a_file(client: httpx2.Client, server: Served) -> None:
    before = figures(client)
    client.post("/", content=clip_image())
    after = figures(client)
    assert after["sotto_files_done_total",] == before["sotto_files_done_total",] + 1
    heard = ("sotto_audio_seconds_total", "file")
    assert after[heard] - before.get(heard, 0.0) == pytest.approx(7.37, abs=0.01)
    assert client.get("/").json()["done"] == server.service.done


def test_a_page_may_ask_first(client: httpx2.Client) -> None:
    asks = {
        "Origin": "https://hush.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    response = client.options("/", headers=asks)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "*" in response.headers["access-control-allow-headers"]


def test_the_page_and_the_three_numbers_are_still_there(client: httpx2.Client) -> None:
    assert set(client.get("/").json()) == {"done", "queue", "models"}
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "at least 26 bytes, got 0"),
        (clip_image()[:-1], "bytes of values"),
        (b"\xff\xd8\xff" + bytes(100), "id field"),
        (make_image(np.full((40, 128), -4.0, np.float32)), "80 bands"),
    ],
    ids=["empty", "cut", "jpeg", "other bands"],
)
def test_what_is_no_such_image_is_refused(client: httpx2.Client, body: bytes, words: str) -> None:
    response = client.post("/", content=body)
    assert response.status_code == 400
    assert error_of(response)["code"] == "bad_audio"
    assert words in error_of(response)["message"]
    assert response.headers["access-control-allow-origin"] == "*"


def test_more_than_any_image_is_refused(client: httpx2.Client) -> None:
    response = client.post("/", content=bytes(MAX_BYTES + 1))
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


def test_an_image_longer_than_a_file_may_be_is_refused(
    client: httpx2.Client, server: Served
) -> None:
    limits = server.service.limits
    server.service.limits = replace(limits, max_file_seconds=5)
    try:
        response = client.post("/", content=clip_image())
    finally:
        server.service.limits = limits
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


def test_one_too_many_is_told_to_come_back(client: httpx2.Client, server: Served) -> None:
    limits = server.service.limits
    server.service.limits = replace(limits, max_files=0)
    try:
        response = client.post("/", content=clip_image())
    finally:
        server.service.limits = limits
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.headers["access-control-allow-origin"] == "*"


def test_while_no_model_is_loaded_it_says_429(client: httpx2.Client, server: Served) -> None:
    slots = server.service.models._slots
    states = [(slot.state, slot.traits) for slot in slots]
    for slot in slots:
        slot.state, slot.traits = ModelState.LOADING, None
    try:
        response = client.post("/", content=clip_image())
    finally:
        for slot, (state, traits) in zip(slots, states, strict=True):
            slot.state, slot.traits = state, traits
    assert response.status_code == 429
    assert response.headers["retry-after"] == "5"
    assert response.headers["access-control-allow-origin"] == "*"


def test_keys_are_asked_for_as_for_any_file() -> None:
    flags = [Flag("--keys", "auth.on_loopback", True)]
    with serving(load(flags, environ={})) as served, httpx2.Client(base_url=served.url) as client:
        assert client.post("/", content=clip_image()).status_code == 401
        asks = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
        assert client.options("/", headers=asks).status_code == 204
        assert client.get("/").status_code == 200


def test_it_is_not_there_where_it_is_not_named() -> None:
    flags = [Flag("--modules", "server.modules", "openai")]
    with serving(load(flags, environ={})) as served, httpx2.Client(base_url=served.url) as client:
        assert client.post("/", content=clip_image()).status_code == 405
        assert client.get("/").status_code == 200


def test_one_who_leaves_takes_the_work_along(client: httpx2.Client, server: Served) -> None:
    long = make_image(np.tile(parse_image(clip_image()), (60, 1)))
    gone = ("sotto_errors_total", "gone")
    before = figures(client).get(gone, 0.0)
    for body in (long, long[:-1]):
        with closing(connect(server.host)) as wire:
            head = f"POST / HTTP/1.1\r\nHost: sotto\r\nContent-Length: {len(long)}\r\n\r\n"
            wire.sendall(head.encode() + body)
            if body is long:
                eventually(lambda: server.service.open_files == 1)
            wire.shutdown(socket.SHUT_RDWR)
        eventually(lambda: server.service.open_files == 0)
    eventually(lambda: figures(client).get(gone, 0.0) == before + 2)
    assert client.post("/", content=clip_image()).text == CLIP_TEXT


HEADS = st.one_of(
    st.just(clip_image()[:26]),
    st.binary(max_size=40),
    st.builds(
        lambda head, at, byte: head[:at] + byte + head[at + 1 :],
        st.just(clip_image()[:26]),
        st.integers(0, 25),
        st.binary(min_size=1, max_size=1),
    ),
)


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(head=HEADS, rows=st.one_of(st.binary(max_size=500), st.integers(0, 80 * 40).map(bytes)))
def test_every_body_is_text_or_refused(client: httpx2.Client, head: bytes, rows: bytes) -> None:
    response = client.post("/", content=head + rows)
    if response.status_code == 200:
        assert response.text == ""
    else:
        assert response.status_code == 400
        assert error_of(response)["code"] == "bad_audio"
        assert len(response.content) < 500


# ---- which model reads it


class Pool:
    """What the choice asks of a model pool."""

    def __init__(self, *served: ModelStatus, default: str = "auto") -> None:
        self._served = list(served)
        self._default = default

    def resolve(self, name: str) -> str:
        return name or self._default

    def snapshot(self) -> list[ModelStatus]:
        return self._served


def model(name: str, bands: int | None, state: ModelState = ModelState.READY) -> ModelStatus:
    traits = None if bands is None else Traits(revision=name, n_mels=bands)
    return ModelStatus(name, state, traits, None, None, 0)


SMALL, MIDDLE, LARGE = model("tiny", 80), model("medium", 80), model("large", 128)
UNLOADED = model("medium", 80, ModelState.UNLOADED)
LOADING = model("turbo", None, ModelState.LOADING)
FAILED = model("broken", None, ModelState.FAILED)


@pytest.mark.parametrize(
    ("pool", "bands", "wanted", "name"),
    [
        (Pool(SMALL, MIDDLE, LARGE), 80, "", "medium"),
        (Pool(SMALL, MIDDLE, LARGE), 128, "", "large"),
        (Pool(SMALL, MIDDLE, LARGE), 80, "tiny", "tiny"),
        (Pool(SMALL, MIDDLE, LARGE), 80, "large", "medium"),
        (Pool(SMALL, LARGE, default="large"), 80, "", "tiny"),
        (Pool(SMALL, UNLOADED), 80, "", "tiny"),
        (Pool(UNLOADED, LARGE), 80, "", "medium"),
        (Pool(FAILED), 80, "", "auto"),
    ],
)
def test_a_model_that_reads_so_many_bands(pool: Pool, bands: int, wanted: str, name: str) -> None:
    assert reader(pool, bands, wanted) == name  # type: ignore[arg-type]


def test_none_does_yet() -> None:
    with pytest.raises(ModelNotReady, match="128 bands"):
        reader(Pool(SMALL, LOADING), 128, "")  # type: ignore[arg-type]


def test_none_does() -> None:
    with pytest.raises(BadAudio, match=r"expected an image of 80 bands.*got 128"):
        reader(Pool(SMALL, MIDDLE, FAILED), 128, "")  # type: ignore[arg-type]

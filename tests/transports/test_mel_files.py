"""`POST /v1/mel`: one image of a spectrogram as a file."""

from __future__ import annotations

import io
from pathlib import Path

import av
import httpx2
import numpy as np
import pytest

from sotto.app.settings import load
from sotto.audio.mel8 import ValueRange, make_mel8, parse_mel8
from sotto.runtime.picture import paint, see
from tests.asking import TRANSCRIPTIONS, error_of
from tests.serving import guarded, serving
from tests.speech import CLIP, CLIP_TEXT
from tests.transports.mel_pictures import KINDS, clip_gray, clip_mel, picture, post, refused


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


def test_the_png_and_the_message_say_the_same() -> None:
    np.testing.assert_allclose(
        see(paint(clip_mel())).mel, parse_mel8(make_mel8(clip_mel())).mel, atol=1e-5
    )


@pytest.mark.parametrize("environ", [{}, {"SOTTO_AUDIO_TRANSPORTS": "0"}])
def test_a_page_learns_whether_audio_is_taken(environ: dict[str, str]) -> None:
    with serving(load(environ=environ)) as served, httpx2.Client(base_url=served.url) as client:
        listed = client.get("/v1/models").json()
        assert listed["audio"] is (not environ)
        assert [model["id"] for model in listed["data"]] == ["nano"]
        sound = client.post(TRANSCRIPTIONS, files={"file": ("clip", CLIP.read_bytes())})
        assert sound.is_success is listed["audio"]

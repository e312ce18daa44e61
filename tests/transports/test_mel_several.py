"""`POST /v1/mel`: several images of one recording."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from sotto.audio.mel8 import HEADER, ValueRange, make_mel8
from sotto.runtime.mel_door import MAX_GAP
from sotto.runtime.picture import MAX_BYTES, paint
from sotto.transports.forms import MAX_FIELDS
from sotto.transports.many_files import MAX_FILES
from tests.asking import error_of
from tests.serving import Served
from tests.speech import CLIP_TEXT
from tests.transports.mel_pictures import KINDS, clip_gray, clip_mel, picture, post, refused

PAGE = (Path(__file__).parents[2] / "docs" / "mel-image.md").read_text()
WORDS = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
CUTS = [0, 3, 210, 400, 405, len(clip_mel())]
TEN = clip_mel()[:10]


def webp(first: int, end: int) -> bytes:
    rgb = np.repeat(clip_gray()[0][:, first:end, None], 3, axis=2)
    return picture(rgb, "libwebp", "bgra", lossless="1")


def mel8(first: int, end: int) -> bytes:
    """A part of the clip with the whole's range, so that its values are the whole's."""
    span = ValueRange.of(clip_mel())
    head = HEADER.pack(b"mel8", 1, 0, 80, first, end - first, span.least, span.greatest)
    return head + span.steps(clip_mel()[first:end]).tobytes()


PARTS: dict[str, Callable[[int, int], bytes]] = {
    "png": lambda first, end: picture(clip_gray()[0][:, first:end], "png", "gray"),
    "webp": webp,
    "mel8": mel8,
    "tga": lambda first, end: KINDS["tga"](clip_mel()[first:end]),
}


def pieces(*kinds: str) -> list[bytes]:
    """The clip, cut in five, of these kinds in turn."""
    bounds = pairwise(CUTS)
    return [PARTS[kinds[n % len(kinds)]](*bound) for n, bound in enumerate(bounds)]


@pytest.mark.parametrize("kind", ["png", "webp", "mel8"])
def test_where_a_recording_is_cut_changes_nothing(client: httpx2.Client, kind: str) -> None:
    span = clip_gray()[1]
    whole = post(client, PARTS[kind](0, len(clip_mel())), **span, **WORDS).json()
    assert whole["text"] == CLIP_TEXT
    assert post(client, *pieces(kind), **span, **WORDS).json() == whole


def test_images_of_all_kinds_are_one_recording(client: httpx2.Client) -> None:
    span = clip_gray()[1]
    whole = post(client, PARTS["png"](0, len(clip_mel())), **span, **WORDS).json()
    mixed = post(client, *pieces("png", "tga", "mel8", "webp"), **span, **WORDS).json()
    assert mixed["text"] == CLIP_TEXT
    assert mixed["duration"] == whole["duration"]
    times = [[word["start"] for word in answer["words"]] for answer in (mixed, whole)]
    assert times[0] == pytest.approx(times[1], abs=0.1)


def test_a_recording_may_be_longer_than_an_image_of_it(client: httpx2.Client) -> None:
    answer = post(client, *[paint(clip_mel())] * 5, **WORDS).json()
    assert answer["text"] == " ".join([CLIP_TEXT] * 5)
    assert answer["duration"] == pytest.approx(5 * len(clip_mel()) / 100, abs=0.01)


@pytest.mark.parametrize("first", [0, 5_000, 2**32 - 70_000])
def test_what_is_left_out_is_silence(client: httpx2.Client, first: int) -> None:
    """Positions count from the first image's, wherever its clock stood."""
    mel, gap = clip_mel(), 2_000
    images = [make_mel8(mel, position=first), make_mel8(mel, position=first + len(mel) + gap)]
    answer = post(client, *images, **WORDS).json()
    assert answer["text"] == f"{CLIP_TEXT} {CLIP_TEXT}"
    assert answer["duration"] == pytest.approx((2 * len(mel) + gap) / 100, abs=0.01)
    starts = [word["start"] for word in answer["words"]]
    half = len(starts) // 2
    apart = (len(mel) + gap) / 100
    assert starts[half:] == pytest.approx([start + apart for start in starts[:half]], abs=0.05)


def test_after_a_picture_a_position_counts_from_its_first_frame(client: httpx2.Client) -> None:
    mel = clip_mel()
    images = [paint(mel), make_mel8(mel, position=len(mel) + 1_000), paint(mel)]
    answer = post(client, *images, **WORDS).json()
    assert answer["text"] == " ".join([CLIP_TEXT] * 3)
    assert answer["duration"] == pytest.approx((3 * len(mel) + 1_000) / 100, abs=0.01)


def test_marks_are_trusted_and_others_are_judged(client: httpx2.Client) -> None:
    mel = clip_mel()
    silent = make_mel8(mel, speech=np.zeros(len(mel), np.float32))
    answer = post(client, silent, paint(mel), **WORDS).json()
    assert answer["text"] == CLIP_TEXT
    assert answer["words"][0]["start"] >= len(mel) / 100


def test_images_without_frames_move_the_clock(client: httpx2.Client) -> None:
    mel = clip_mel()
    empty = [make_mel8(mel[:0], position=at) for at in (100, 700, 1_000 + len(mel))]
    images = [empty[0], empty[1], make_mel8(mel, position=900), empty[2]]
    answer = post(client, *images, **WORDS).json()
    assert answer["text"] == CLIP_TEXT
    assert answer["duration"] == pytest.approx(len(mel) / 100 + 9, abs=0.01)
    assert answer["words"][0]["start"] >= 8
    assert "with frames" in refused(client, empty[0], empty[0])


def test_every_answer_that_one_image_may_have(client: httpx2.Client) -> None:
    halves = [paint(clip_mel()[:210]), paint(clip_mel()[210:])]
    assert post(client, *halves, response_format="text").text.strip() == CLIP_TEXT
    assert post(client, *halves, response_format="json").json()["text"] == CLIP_TEXT
    assert post(client, *halves, response_format="srt").text.startswith("1\n00:00:00,")
    assert post(client, *halves, response_format="vtt").text.startswith("WEBVTT\n")


# ---- what does not follow


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([paint(TEN), make_mel8(TEN, position=5)], "image 2: expected an image from frame 10 on"),
        (
            [make_mel8(TEN, position=50), make_mel8(TEN, position=40)],
            "image 2: expected an image from frame 10 on, got one at frame -10",
        ),
        (
            [paint(TEN), paint(TEN), make_mel8(TEN, position=21 + MAX_GAP)],
            "image 3: expected at most 600 s of silence before an image, got 600.01 s",
        ),
        (
            [paint(TEN), paint(clip_mel(128)[:10])],
            "image 2: expected an image of 80 bands, as the first, got 128",
        ),
        ([paint(clip_mel(128)[:10]), paint(clip_mel(128)[:10])], "an image of 80 bands"),
        ([paint(TEN), b""], "image 2: expected an image, got an empty file"),
        ([paint(TEN), paint(TEN), b"GIF89a"], "image 3: expected an image as PNG"),
        ([paint(TEN), paint(TEN)[:-1]], "image 2: expected a whole PNG"),
    ],
    ids=["overlap", "back", "far ahead", "bands", "not ours", "empty", "unknown", "cut"],
)
def test_what_does_not_follow_is_told(
    client: httpx2.Client, images: list[bytes], words: str
) -> None:
    assert words in refused(client, *images)


@contextmanager
def limited(server: Served, **limits: Any) -> Iterator[None]:
    usual = server.service.limits
    server.service.limits = replace(usual, **limits)
    try:
        yield
    finally:
        server.service.limits = usual


def too_large(response: httpx2.Response) -> str:
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")
    return str(error_of(response)["message"])


def test_a_recording_is_no_longer_than_a_file(client: httpx2.Client, server: Served) -> None:
    """What is wrong with the second image is not found any more: none is unpacked."""
    damaged = paint(clip_mel()[:400])[:-1]
    with limited(server, max_file_seconds=5):
        assert "5 s of sound" in too_large(post(client, paint(clip_mel()[:400]), damaged))
        gap = make_mel8(TEN[:0], position=501)
        assert "5 s of sound" in too_large(post(client, make_mel8(TEN), gap))
        assert post(client, make_mel8(TEN), make_mel8(TEN[:0], position=500)).status_code == 200


def test_each_image_is_no_larger_than_one_may_be(client: httpx2.Client) -> None:
    message = too_large(post(client, paint(TEN), b"mel8" + bytes(MAX_BYTES)))
    assert message.startswith("image 2: expected an image of at most 16,908,078 bytes")


def test_there_are_only_so_many(client: httpx2.Client, server: Served) -> None:
    one = make_mel8(TEN[:1])
    images = [one[:8] + n.to_bytes(4, "little") + one[12:] for n in range(MAX_FILES)]
    assert post(client, *images).json()["text"] == ""
    for more in (1, 500):
        message = too_large(post(client, *images, *[one] * more))
        assert message == "expected at most 1,000 files, got more"
    assert server.service.open_files == 0


def test_a_form_has_few_fields(client: httpx2.Client) -> None:
    many = {f"field {number}": "x" for number in range(MAX_FIELDS + 1)}
    response = post(client, paint(TEN), **many)
    assert response.status_code == 400
    assert "Too many fields" in error_of(response)["message"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data"),
        (b"", "Multipart/Form-Data; boundary=b"),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
        (b"--c\r\n\r\n--c--", "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; filename="x"\r\n\r\nx\r\n--b--\r\n',
         "multipart/form-data; boundary=b"),
        (b"file=x", "application/x-www-form-urlencoded"),
        (b"file=x&file=y", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
    ],
)  # fmt: skip
def test_a_form_that_is_none_is_told(client: httpx2.Client, body: bytes, kind: str) -> None:
    response = client.post("/v1/mel", content=body, headers={"Content-Type": kind})
    assert response.status_code == 400
    assert error_of(response)["type"] == "invalid_request_error"


def test_the_schema_says_that_there_may_be_several(client: httpx2.Client) -> None:
    schema = client.get("/openapi.json").json()
    form = schema["paths"]["/v1/mel"]["post"]["requestBody"]["content"]["multipart/form-data"]
    name = form["schema"]["$ref"].rsplit("/", 1)[1]
    file = schema["components"]["schemas"][name]["properties"]["file"]
    assert file["type"] == "array"
    assert file["items"]["type"] == "string"
    assert "one recording" in file["description"]


def test_the_commands_of_the_page_are_answered(client: httpx2.Client) -> None:
    """Each as curl would send it, with parts of the clip for its files."""
    commands = re.findall(r"^curl localhost:8000(/\S+) (.+)$", PAGE, re.MULTILINE)
    assert [path for path, _ in commands] == ["/v1/mel", "/v1/mel"]
    for path, arguments in commands:
        fields = [part.split("=", 1) for part in shlex.split(arguments) if part != "-F"]
        names = [value[1:] for key, value in fields if key == "file"]
        bounds = np.linspace(0, len(clip_mel()), len(names) + 1).astype(int)
        files = [
            ("file", (name, PARTS[name.rsplit(".")[1]](int(first), int(end))))
            for name, first, end in zip(names, bounds[:-1], bounds[1:], strict=True)
        ]
        data = dict(clip_gray()[1]) | {key: value for key, value in fields if key != "file"}
        answer = client.post(path, files=files, data=data)
        assert answer.status_code == 200
        said = answer.text if data["response_format"] == "srt" else json.loads(answer.text)["text"]
        assert CLIP_TEXT.split()[0] in said

"""A session of images that goes on: they carry their own place on its clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sotto.audio.edges import speech_in
from sotto.audio.mel import SILENCE
from sotto.audio.mel8 import make_mel8
from tests.listening import Heard, converse
from tests.serving import Served
from tests.speech import CLIP_TEXT
from tests.transports.mel_pictures import clip_mel

GAP = np.full((150, 80), SILENCE, np.float32)
MEL = np.concatenate([clip_mel(), GAP, clip_mel()])
SPEECH = (speech_in(MEL) >= 0.375).astype(np.float32)
"""As a client marks it: so it does not depend on where a stream begins."""


def images(start: int, end: int, step: int = 20) -> list[bytes]:
    return [
        make_mel8(MEL[at : at + step], position=at, speech=SPEECH[at : at + step])
        for at in range(start, end, step)
    ]


async def told(server: Served, messages: list[Any], **config: Any) -> Heard:
    return await converse(server.stream, {"encoding": "mel8"} | config, messages)


def said(heard: Heard) -> list[tuple[object, ...]]:
    return [
        tuple(one[key] for key in ("utterance", "text", "start", "end"))
        for one in heard.of("final")
    ]


@pytest.mark.parametrize("later", [0, 35, 100])
async def test_a_stream_goes_on_at_any_frame_of_the_session(server: Served, later: int) -> None:
    """Also where the server does not know the session any more."""
    whole = await told(server, images(0, len(MEL)))
    finals = whole.of("final")
    assert [final["text"] for final in finals] == [CLIP_TEXT] * 2
    at = round(finals[0]["end"] * 100) + later
    place = {"session": f"images-{later}", "at": at / 100, "received": 1}
    rest = await told(server, images(at, len(MEL)), **place)
    assert said(rest) == said(whole)[1:]


async def test_what_is_stored_is_skipped_by_its_place(server: Served) -> None:
    place: dict[str, Any] = {"session": "images-again", "received": 0}
    first = await told(server, images(0, len(MEL) // 2), **place)
    assert [final["text"] for final in first.of("final")] == [CLIP_TEXT]
    at = len(MEL) // 4
    again = await told(server, images(at, len(MEL)), **place | {"at": at / 100, "received": 1})
    assert said(again) == said(await told(server, images(0, len(MEL))))[1:]
    assert again.events[0]["utterance"] == 1
    assert again.of("closed")[0]["duration"] == len(MEL) / 100


async def test_an_image_from_before_the_place_is_told(server: Served) -> None:
    heard = await told(server, images(0, 100), session="images-before", at=5.0, received=0)
    assert heard.error["code"] == "bad_audio"
    assert "an image from frame 500 on, got one at frame 0" in heard.error["message"]


@pytest.mark.parametrize("at", [7.0, 100.0])
async def test_silence_before_the_first_image_need_not_be_sent(server: Served, at: float) -> None:
    place = {"session": f"images-late-{at:g}", "at": at, "received": 0}
    clip = len(clip_mel())
    late = [
        make_mel8(MEL[i : i + 50], position=round(at * 100) + 300 + i, speech=SPEECH[i : i + 50])
        for i in range(0, clip, 50)
    ]
    heard = await told(server, late, **place)
    assert heard.text == CLIP_TEXT
    assert heard.of("final")[0]["start"] >= at + 2.5

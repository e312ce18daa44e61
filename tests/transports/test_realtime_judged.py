"""Turns whose pauses are judged by how they sound, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sotto.audio.chunk import Mel
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le
from tests.transports.realtime_client import ITEM, Talk, heard, talking
from tests.transports.talk_partner import talk_server

GA = "?model=gpt-realtime"


class Judge:
    """Says the same of all pauses."""

    n_mels = 80

    def __init__(self) -> None:
        self.heard: list[Mel] = []
        self.probability = 0.0

    def judge(self, frames: Mel) -> float:
        self.heard.append(frames)
        return self.probability


@pytest.fixture(scope="module")
def judged() -> Iterator[tuple[Served, Judge]]:
    judge = Judge()
    with talk_server(turns=judge) as served:
        yield served, judge


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


async def speak(talk: Talk, clip: Pcm, **detection: Any) -> None:
    wanted = {"type": "semantic_vad", "create_response": False, **detection}
    await talk.update(heard(clip, turn_detection=wanted, transcription={}))
    await talk.speak(clip.data + bytes(2 * 10 * clip.rate), clip.rate // 5)


async def test_a_pause_is_not_the_end_where_more_is_to_come(
    judged: tuple[Served, Judge], clip: Pcm
) -> None:
    server, judge = judged
    judge.probability = 0.1
    async with talking(server, GA) as talk:
        await speak(talk, clip)
        completed = await talk.until(f"{ITEM}completed")
        assert completed["transcript"] == talk.text() == CLIP_TEXT
        assert len(talk.of("input_audio_buffer.speech_started")) == 1
        committed = talk.of("input_audio_buffer.committed")
        assert [event["item_id"] for event in committed] == [completed["item_id"]]
    assert len(judge.heard) > 1
    assert all(frames.shape[1] == 80 and 0 < len(frames) <= 800 for frames in judge.heard)
    assert np.isfinite(judge.heard[-1]).all()


async def test_a_pause_is_the_end_where_all_is_said(
    judged: tuple[Served, Judge], clip: Pcm
) -> None:
    server, judge = judged
    judge.probability = 0.9
    judge.heard.clear()
    async with talking(server, GA) as talk:
        await speak(talk, clip, eagerness="low")
        await talk.until(lambda event: "one" in event.get("transcript", ""))
        completed = talk.of(f"{ITEM}completed")
        assert len(completed) == len(judge.heard) > 1
        assert talk.transcript() == CLIP_TEXT
        ends = [event["audio_end_ms"] for event in talk.of("input_audio_buffer.speech_stopped")]
        assert ends == sorted(ends)

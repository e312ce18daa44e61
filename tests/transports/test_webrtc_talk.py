"""Answers over a call: what is heard of them, and what becomes of those that are interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sotto.app.settings import load
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.interfaces.chat import ChatRequest, Said
from sotto.testing.talking import PITCHES, SECONDS_PER_CHARACTER, ScriptedChat, ToneVoice
from tests.serving import Served, serving
from tests.speech import CLIP, pcm_s16le
from tests.transports.webrtc_client import LOUD, PIECE_SECONDS, Caller, calling

SHORT = "Good day to you too."
LONG = "This is a long answer of which nobody wants to hear the end. " * 20
SLACK = 10
"""Pieces, 0.2 s, that may be on their way, or in the client's buffer."""
REALTIME = {"type": "realtime"}


def say(request: ChatRequest) -> list[str]:
    """A long story for whoever asks for one."""
    asked = [each.text for each in request.messages if isinstance(each, Said)]
    return [LONG] if "story" in asked[-1] else [SHORT]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    partner = Partner(ScriptedChat(by=say), Voices([ToneVoice()]))
    with serving(load(environ={}), partner=partner) as served:
        yield served


def ask(caller: Caller, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    caller.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    caller.send("response.create")


def loud(pieces: list[int]) -> int:
    return sum(piece > LOUD for piece in pieces)


def kinds(caller: Caller) -> list[str]:
    return [event["type"] for event in caller.events]


async def test_an_answer_is_heard_on_the_track(server: Served, no_traceback: None) -> None:
    async with calling(server, REALTIME, clip=pcm_s16le(CLIP)) as (caller, _):
        ask(caller, "hello")
        await caller.until("output_audio_buffer.stopped")
        told = kinds(caller)
        assert not any(kind.startswith("response.output_audio.delta") for kind in told)
        (transcript,) = caller.of("response.output_audio_transcript.done")
        assert transcript["transcript"] == SHORT
        part, done, *buffer = (
            told.index(kind)
            for kind in (
                "response.content_part.added",
                "response.done",
                "output_audio_buffer.started",
                "output_audio_buffer.stopped",
            )
        )
        assert part < buffer[0] < buffer[1]
        assert done < buffer[1]
        (answer,) = (event["response"] for event in caller.of("response.done"))
        assert answer["status"] == "completed"
        assert caller.of("output_audio_buffer.stopped")[0]["response_id"] == answer["id"]
        await caller.until_pieces(lambda pieces: bool(pieces) and pieces[-1] < LOUD)
        wanted = len(SHORT) * SECONDS_PER_CHARACTER / PIECE_SECONDS
        assert abs(loud(caller.pieces) - wanted) <= 3
        assert pitch(caller) == pytest.approx(PITCHES["en"], rel=0.05)


async def test_who_has_no_track_is_told_when_an_answer_would_be_over(server: Served) -> None:
    async with calling(server, REALTIME) as (caller, _):
        ask(caller, "hello")
        await caller.until("output_audio_buffer.stopped")
        assert caller.pieces == []
    async with calling(server, REALTIME, way="sendonly") as (caller, _):
        ask(caller, "hello")
        await caller.until("output_audio_buffer.stopped")
        assert caller.pieces == []


def pitch(caller: Caller) -> float:
    """Hz of what was heard most."""
    pairs = zip(caller.heard, caller.pieces, strict=True)
    sound = np.concatenate([piece for piece, most in pairs if most > LOUD])
    spectrum: Any = np.abs(np.fft.rfft(sound))
    return float(np.argmax(spectrum) * 48_000 / len(sound))


async def test_what_the_client_cancels_is_silent_at_once(server: Served) -> None:
    async with calling(server, REALTIME, clip=pcm_s16le(CLIP)) as (caller, _):
        ask(caller, "tell me a story")
        await caller.until_pieces(lambda pieces: loud(pieces) >= 20)
        caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")
        before = loud(caller.pieces)
        at = len(caller.pieces)
        await caller.until_pieces(lambda pieces: len(pieces) >= at + 3 * SLACK)
        assert loud(caller.pieces) - before <= SLACK
        assert "output_audio_buffer.stopped" not in kinds(caller)
        truncated = await caller.until("conversation.item.truncated")
        heard = truncated["audio_end_ms"] / 1_000 / PIECE_SECONDS
        assert abs(heard - loud(caller.pieces)) <= SLACK
        caller.send("conversation.item.retrieve", item_id=truncated["item_id"])
        kept = (await caller.until("conversation.item.retrieved"))["item"]
        assert 0 < len(kept["content"][0]["transcript"]) < len(LONG) / 5
        ask(caller, "hello")
        await caller.until("output_audio_buffer.stopped")
        assert caller.of("response.done")[-1]["response"]["status"] == "completed"


async def test_who_speaks_into_an_answer_ends_it(server: Served) -> None:
    async with calling(server, REALTIME, clip=pcm_s16le(CLIP)) as (caller, mouth):
        assert mouth is not None
        ask(caller, "tell me a story")
        await caller.until_pieces(lambda pieces: loud(pieces) >= 20)
        mouth.speak()
        truncated = await caller.until("conversation.item.truncated")
        heard = truncated["audio_end_ms"] / 1_000 / PIECE_SECONDS
        assert abs(heard - loud(caller.pieces)) <= SLACK
        story = caller.of("response.created")[0]["response"]["id"]
        assert caller.of("output_audio_buffer.cleared")[0]["response_id"] == story
        await caller.until(
            lambda event: event["type"] == "response.created" and event["response"]["id"] != story
        )
        told = kinds(caller)
        assert told.index("output_audio_buffer.cleared") < told.index(
            "input_audio_buffer.speech_started"
        )
        assert "output_audio_buffer.stopped" not in told

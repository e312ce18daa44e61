"""Answers that are stopped, over a real socket: by the client, by speech; and who says when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import Served
from tests.speech import CLIP, Pcm, pcm_s16le
from tests.transports.realtime_client import Event, Talk, heard, talking
from tests.transports.talk_partner import talk_server

GA = "?model=gpt-realtime"
CLOSING = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with talk_server() as served:
        yield served


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


async def retrieved(talk: Talk, item: str) -> Event:
    await talk.send("conversation.item.retrieve", item_id=item)
    event: Event = (await talk.until("conversation.item.retrieved"))["item"]
    return event


async def waiting(talk: Talk) -> str:
    """An answer is being given that does not end by itself; its id."""
    await talk.say("wait")
    await talk.send("response.create")
    return str((await talk.until("response.output_audio_transcript.delta"))["response_id"])


async def test_a_client_cancels(server: Served) -> None:
    async with talking(server, GA) as talk:
        response = await waiting(talk)
        await talk.send("response.create", event_id="second")
        refusal = await talk.refusal()
        assert refusal["code"] == "conversation_already_has_active_response"
        assert refusal["event_id"] == "second"
        await talk.send("response.cancel", response_id="another")
        assert (await talk.refusal())["code"] == "response_cancel_not_active"
        await talk.send("response.cancel", response_id=response)
        answer = (await talk.until("response.done"))["response"]
        assert answer["status"] == "cancelled"
        assert answer["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert answer["output"][0]["status"] == "incomplete"
        assert talk.kinds()[-len(CLOSING) :] == CLOSING
        assert (await talk.ask("hello"))["status"] == "completed"


async def test_speech_stops_an_answer(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update(heard(clip))
        await talk.speak(bytes(2 * clip.rate), clip.rate // 5)  # the room, before any answer
        response = await waiting(talk)
        await talk.speak(clip.data + bytes(2 * clip.rate), clip.rate // 5)
        answer = (await talk.until("response.done"))["response"]
        assert answer["id"] == response
        assert answer["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        await talk.until("input_audio_buffer.speech_started")
        kinds = talk.kinds()
        assert kinds[kinds.index("response.output_audio.done") :][: len(CLOSING)] == CLOSING
        assert (await talk.until("response.created"))["response"]["id"] != response


async def test_speech_does_not_stop_one_that_may_not_be(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
        await talk.update(heard(clip, turn_detection=detection))
        await talk.speak(bytes(2 * clip.rate), clip.rate // 5)
        response = await waiting(talk)
        await talk.speak(clip.data + bytes(3 * clip.rate), clip.rate // 5)
        await talk.until("input_audio_buffer.committed")
        await talk.send("response.cancel")
        answer = (await talk.until("response.done"))["response"]
        assert answer["id"] == response
        assert answer["status_details"]["reason"] == "client_cancelled"
        assert len(talk.of("response.created")) == 1


async def test_history_is_what_was_heard(server: Served) -> None:
    async with talking(server, GA) as talk:
        answer = await talk.ask("long")
        item = answer["output"][0]["id"]
        text = answer["output"][0]["content"][0]["transcript"]
        seconds = len(talk.sound()) / 2 / 24_000
        for kind, at in (("content_index", 1), ("audio_end_ms", round(seconds * 1_000) + 500)):
            where = {"content_index": 0, "audio_end_ms": 10} | {kind: at}
            await talk.send("conversation.item.truncate", item_id=item, **where)
            assert (await talk.refusal())["param"] == kind
        where = {"item_id": item, "content_index": 0, "audio_end_ms": round(seconds * 500)}
        await talk.send("conversation.item.truncate", **where)
        truncated = await talk.until("conversation.item.truncated")
        assert {key: truncated[key] for key in where} == where
        trimmed = (await retrieved(talk, item))["content"][0]["transcript"]
        assert text.startswith(trimmed)
        assert 0.4 < len(trimmed) / len(text) < 0.6
        answer = await talk.ask("history", output_modalities=["text"])
        assert answer["output"][0]["content"][0]["text"] == f"long | {trimmed} | history"
        assert (await retrieved(talk, item))["status"] == "incomplete"


async def test_the_client_says_when_its_turn_is_over(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update(heard(clip, turn_detection=None, transcription={"language": "en"}))
        await talk.speak(clip.data[: clip.rate * 2], clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.send("response.create")
        answer = (await talk.until("response.done"))["response"]
        assert answer["output"][0]["content"][0]["transcript"].startswith("You said nine")
        assert talk.of("input_audio_buffer.speech_started") == []
        assert len(talk.of("response.created")) == 1
        await talk.send("input_audio_buffer.commit")
        assert (await talk.refusal())["code"] == "input_audio_buffer_commit_empty"


async def test_what_is_cleared_is_not_answered(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update(heard(clip))
        await talk.speak(clip.data[: clip.rate], clip.rate // 5)
        await talk.until("input_audio_buffer.speech_started")
        await talk.send("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")
        await talk.speak(bytes(4 * clip.rate), clip.rate // 5)
        assert (await talk.ask("hello"))["output"][0]["content"][0]["transcript"].startswith("You")
        assert talk.of("input_audio_buffer.committed") == []
        assert len(talk.of("response.created")) == 1


async def test_a_client_that_holds_is_told_to(server: Served, clip: Pcm) -> None:
    """It pauses at a sound, and goes on where nothing was said; else the answer is over."""
    async with talking(server, GA) as talk:
        await talk.update({**heard(clip), "sotto": {"holds": True}})
        first = (await talk.ask("hello"))["output"][0]["id"]
        where = {"content_index": 0, "audio_end_ms": 100}
        await talk.send("conversation.item.truncate", item_id=first, **where)
        await talk.until("conversation.item.truncated")  # it is over, and known is how it sounds
        response = (await talk.ask("long"))["id"]
        await talk.speak(bytes(2 * clip.rate) + clip.data[: clip.rate * 4 // 5], clip.rate // 5)
        assert (await talk.until("output_audio_buffer.paused"))["response_id"] == response
        await talk.send("input_audio_buffer.clear")  # no word of it was sure yet
        assert (await talk.until("output_audio_buffer.resumed"))["response_id"] == response
        assert talk.of("input_audio_buffer.speech_started") == []
        await talk.speak(clip.data, clip.rate // 5)
        await talk.until("output_audio_buffer.paused")
        await talk.until("conversation.item.truncated")
        await talk.until("input_audio_buffer.speech_started")


async def test_silence_is_answered_where_the_client_wants_that(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        detection = {"type": "server_vad", "idle_timeout_ms": 1_000}
        await talk.update(heard(clip, turn_detection=detection))
        first = (await talk.ask("hello"))["output"][0]["id"]
        where = {"content_index": 0, "audio_end_ms": 100}
        await talk.send("conversation.item.truncate", item_id=first, **where)
        await talk.until("conversation.item.truncated")
        await talk.speak(bytes(6 * clip.rate), clip.rate // 5)
        timeout = await talk.until("input_audio_buffer.timeout_triggered")
        assert timeout["audio_end_ms"] - timeout["audio_start_ms"] == 1_000
        committed = await talk.until("input_audio_buffer.committed")
        assert committed["item_id"] == timeout["item_id"]
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_a_client_that_vanishes_leaves_nothing_behind(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update(heard(clip))
        await talk.speak(clip.data, clip.rate // 5)
        await waiting(talk)
        talk.socket.transport.abort()
    async with talking(server, GA) as talk:
        assert (await talk.ask("hello"))["status"] == "completed"

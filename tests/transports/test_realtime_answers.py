"""Answers over a real socket: which events come, in which order, with what in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import numpy as np
import pytest

from sotto.audio.format import Encoding, PcmFormat, PcmReader
from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le
from tests.transports.realtime_client import ITEM, Event, Talk, heard, pcm, talking
from tests.transports.talk_partner import talk_server

GA = "?model=gpt-realtime"
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with talk_server() as served:
        yield served


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


def check(talk: Talk) -> None:
    """What holds for every conversation."""
    ids = [event["event_id"] for event in talk.events]
    assert len(set(ids)) == len(ids)
    for created in talk.of("response.created"):
        own = [e for e in talk.events if created["response"]["id"] in str(e)]
        assert own[0] is created
        assert own[-1]["type"] == "response.done"
        assert all(e["response_id"] == created["response"]["id"] for e in own[1:-1])
        assert own[-1]["response"]["output"] == [
            e["item"] for e in own if e["type"] == "response.output_item.done"
        ]


SPOKEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
WRITTEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
ASKED = ["conversation.item.added", "conversation.item.done"]


async def test_the_first_event_is_a_whole_session(server: Served) -> None:
    async with talking(server, GA) as talk:
        session = talk.events[0]["session"]
        assert session["object"] == "realtime.session"
        assert session["model"] == "gpt-realtime"
        assert session["instructions"] == "Be kind."
        assert session["output_modalities"] == ["audio"]
        assert (session["tools"], session["tool_choice"]) == ([], "auto")
        assert session["max_output_tokens"] == "inf"
        assert session["audio"]["input"]["transcription"] is None
        assert session["audio"]["input"]["turn_detection"]["create_response"] is True
        assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
        wanted: Event = {"type": "realtime", "tracing": "auto", "audio": {"output": {"speed": 1.5}}}
        updated = await talk.update(wanted)
        assert updated["tracing"] == "auto"
        assert updated["audio"]["output"] == {**session["audio"]["output"], "speed": 1.5}
        assert updated["audio"]["input"] == session["audio"]["input"]


async def test_what_was_to_be_a_conversation_may_be_written_down_alone(
    server: Served, clip: Pcm
) -> None:
    async with talking(server, GA) as talk:
        session = await talk.update(pcm(clip))
        assert session["object"] == "realtime.transcription_session"
        assert session["audio"]["input"]["transcription"]["model"] == "whisper-1"
        assert "output" not in session["audio"]
        assert "instructions" not in session
        assert "create_response" not in session["audio"]["input"]["turn_detection"]
        await talk.speak(clip.data + bytes(3 * clip.rate), clip.rate // 5)
        await talk.until(lambda event: "one" in event.get("transcript", ""))
        assert talk.transcript() == CLIP_TEXT
        await talk.send("response.create")
        assert (await talk.refusal())["code"] == "conversation_unavailable"


async def test_a_turn_is_heard_and_answered(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update(heard(clip, transcription={"model": "gpt-4o-mini-transcribe"}))
        silence = bytes(3 * clip.rate)
        await talk.speak(clip.data[: clip.rate * 2] + silence, clip.rate // 5)
        done = await talk.until("response.done")
        check(talk)
        kinds = talk.kinds()
        words = [kind for kind in kinds if kind.startswith(ITEM)]
        assert words == [f"{ITEM}delta", f"{ITEM}completed"]
        rest = [kind for kind in kinds if not kind.startswith(ITEM)]
        assert [kind for kind in rest if kind.startswith("input_audio_buffer.")] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
        ]
        assert rest[-len(SPOKEN) :] == SPOKEN
        user = talk.of("input_audio_buffer.committed")[0]["item_id"]
        assert talk.of("conversation.item.added")[1]["previous_item_id"] == user
        (item,) = done["response"]["output"]
        assert item["content"] == [
            {"type": "output_audio", "transcript": "You said nine. Good day."}
        ]
        assert (item["status"], item["role"]) == ("completed", "assistant")
        said = "".join(e["delta"] for e in talk.of("response.output_audio_transcript.delta"))
        assert said == "You said nine. Good day."
        assert max(len(e["delta"]) for e in talk.of("response.output_audio.delta")) <= 12_800
        usage = done["response"]["usage"]
        spoken = len(talk.sound()) / 2 / 24_000
        assert usage["output_token_details"] == {"text_tokens": 7, "audio_tokens": spoken * 20}
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_words_that_nobody_asked_for_are_not_told(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update(heard(clip))
        await talk.speak(clip.data[: clip.rate * 2] + bytes(3 * clip.rate), clip.rate // 5)
        await talk.until("response.done")
        assert [kind for kind in talk.kinds() if kind.startswith(ITEM)] == []
        user = talk.of("input_audio_buffer.committed")[0]["item_id"]
        await talk.send("conversation.item.retrieve", item_id=user)
        retrieved = await talk.until("conversation.item.retrieved")
        assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": "nine"}]


async def test_a_written_answer(server: Served) -> None:
    async with talking(server, GA) as talk:
        await talk.update({"type": "realtime", "output_modalities": ["text"]})
        answer = await talk.ask("hello")
        check(talk)
        assert talk.kinds() == ASKED + WRITTEN
        assert answer["status"] == "completed"
        assert answer["output_modalities"] == ["text"]
        text = "You said hello. Good day."
        assert answer["output"][0]["content"] == [{"type": "output_text", "text": text}]
        assert talk.of("response.output_text.done")[0]["text"] == text
        assert talk.of("response.content_part.done")[0]["part"] == {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("form", "other"),
    [
        ({"type": "audio/pcm", "rate": 16_000}, PcmFormat(Encoding.PCM_S16LE, 16_000)),
        ({"type": "audio/pcmu"}, PcmFormat(Encoding.MULAW, 8_000)),
        ({"type": "audio/pcma"}, PcmFormat(Encoding.ALAW, 8_000)),
    ],
)
async def test_sound_leaves_as_the_client_wants_it(
    server: Served, form: Event, other: PcmFormat
) -> None:
    async with talking(server, GA) as talk:
        plain = await talk.ask("hello")
        length = len(talk.sound()) / 2 / 24_000
        assert plain["audio"]["output"]["format"]["rate"] == 24_000
        talk.events.clear()
        answer = await talk.ask("hello", audio={"output": {"format": form}})
        assert answer["audio"]["output"]["format"] == form
        samples = PcmReader(other).receive(talk.sound())
        assert len(samples) / other.sample_rate == pytest.approx(length, abs=0.002)
        spectrum = np.abs(np.fft.rfft(samples[: other.sample_rate]))
        assert abs(int(spectrum.argmax()) - 200) <= 2  # the tone of English


async def test_functions_are_called_and_their_outcome_is_answered(server: Served) -> None:
    async with talking(server, GA) as talk:
        await talk.update({"type": "realtime", "tools": [WEATHER], "output_modalities": ["text"]})
        answer = await talk.ask("weather")
        (call,) = answer["output"]
        assert call["type"] == "function_call"
        assert (call["name"], call["arguments"]) == ("weather", '{"city": "Oslo"}')
        deltas = talk.of("response.function_call_arguments.delta")
        assert "".join(event["delta"] for event in deltas) == call["arguments"]
        (done,) = talk.of("response.function_call_arguments.done")
        assert (done["call_id"], done["name"]) == (call["call_id"], "weather")
        assert done["item_id"] == call["id"]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "cold"}
        await talk.send("conversation.item.create", item=output)
        await talk.send("response.create")
        answer = (await talk.until("response.done"))["response"]
        assert answer["output"][0]["content"][0]["text"] == "It is cold."
        check(talk)


async def test_an_answer_apart_leaves_the_conversation_as_it_is(server: Served) -> None:
    async with talking(server, GA) as talk:
        await talk.say("one")
        content = [{"type": "input_text", "text": "history"}]
        await talk.send(
            "response.create",
            response={
                "conversation": "none",
                "metadata": {"client_event_id": "7"},
                "output_modalities": ["text"],
                "input": [{"type": "message", "role": "user", "content": content}],
            },
        )
        apart = (await talk.until("response.done"))["response"]
        assert apart["metadata"] == {"client_event_id": "7"}
        assert apart["conversation_id"] is None
        assert apart["output"][0]["content"][0]["text"] == "history"
        assert len(talk.of("conversation.item.added")) == 1
        answer = await talk.ask("history", output_modalities=["text"])
        assert answer["output"][0]["content"][0]["text"] == "one\nhistory"
        check(talk)


async def test_items_may_be_answered_by_reference(server: Served) -> None:
    async with talking(server, GA) as talk:
        first = await talk.say("history")
        await talk.say("two")
        wanted = {"input": [{"type": "item_reference", "id": first}], "output_modalities": ["text"]}
        await talk.send("response.create", response=wanted)
        answer = (await talk.until("response.done"))["response"]
        assert answer["output"][0]["content"][0]["text"] == "history"
        wanted["input"] = [{"type": "item_reference", "id": "none"}]
        await talk.send("response.create", response=wanted, event_id="e")
        assert (await talk.refusal())["event_id"] == "e"


ENDINGS: list[tuple[str, str, dict[str, Any]]] = [
    ("break", "failed", {"type": "failed", "error": {"code": "chat_unavailable"}}),
    ("endless", "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
]


@pytest.mark.parametrize(("text", "status", "details"), ENDINGS)
async def test_an_answer_that_does_not_come_to_its_end(
    server: Served, text: str, status: str, details: dict[str, Any]
) -> None:
    async with talking(server, GA) as talk:
        answer = await talk.ask(text)
        assert answer["status"] == status
        told = answer["status_details"]
        assert told["type"] == details["type"]
        assert told.get("reason") == details.get("reason")
        if "error" in details:
            assert told["error"]["type"] == "server_error"
            assert told["error"]["code"] == "chat_unavailable"
            assert told["error"]["message"] == "the model is gone"
        assert answer["output"][0]["status"] == "incomplete"
        assert (await talk.ask("hello"))["status"] == "completed"  # the session lives on
        check(talk)


async def test_a_browsers_key_carries_its_conversation(server: Served) -> None:
    wanted = {"type": "realtime", "instructions": "Be short.", "output_modalities": ["text"]}
    async with httpx2.AsyncClient(base_url=server.url) as client:
        for session, kind in (({}, "realtime"), ({"type": "transcription"}, "transcription")):
            told = await client.post("/v1/realtime/client_secrets", json={"session": session})
            assert told.json()["session"]["type"] == kind
        made = await client.post("/v1/realtime/client_secrets", json={"session": wanted})
    assert made.json()["session"]["instructions"] == "Be short."
    protocols = ["realtime", f"openai-insecure-api-key.{made.json()['value']}"]
    async with talking(server, GA, protocols=protocols) as talk:
        assert talk.events[0]["session"]["instructions"] == "Be short."
        assert (await talk.ask("hello"))["output_modalities"] == ["text"]


async def test_times_are_told_to_those_who_know_them(server: Served) -> None:
    async with talking(server, GA) as talk:
        assert "sotto" not in await talk.ask("hello")
        await talk.update({"type": "realtime", "sotto": {}})
        timing = (await talk.ask("hello"))["sotto"]["timing"]
        assert 0 <= timing["first_word"] <= timing["first_sound"] <= timing["last_sound"]

"""Items of a conversation over a real socket: put in, looked at, taken out; and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, Pcm, pcm_s16le
from tests.transports.realtime_client import Event, heard, talking
from tests.transports.talk_partner import talk_server

GA = "?model=gpt-realtime"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with talk_server() as served:
        yield served


@pytest.fixture(scope="module")
def clip() -> Pcm:
    return pcm_s16le(CLIP)


def message(role: str, kind: str, **fields: Any) -> Event:
    return {"type": "message", "role": role, "content": [{"type": kind, **fields}]}


async def test_items_stand_where_they_are_put(server: Served) -> None:
    async with talking(server, GA) as talk:
        await talk.update({"type": "realtime", "output_modalities": ["text"]})
        second = await talk.say("second")
        first = {**message("system", "input_text", text="first"), "id": "mine"}
        await talk.send("conversation.item.create", item=first, previous_item_id="root")
        added = await talk.until("conversation.item.added")
        assert added["previous_item_id"] is None
        assert added["item"] == {
            **first,
            "object": "realtime.item",
            "status": "completed",
        }
        middle = message("assistant", "output_text", text="middle")
        await talk.send("conversation.item.create", item=middle, previous_item_id="mine")
        done = (await talk.until("conversation.item.added"))["item"]
        assert done["content"] == [{"type": "output_text", "text": "middle"}]
        answer = await talk.ask("history")
        assert answer["output"][0]["content"][0]["text"] == "middle | second\nhistory"
        await talk.send("conversation.item.delete", item_id=second)
        deleted = await talk.until("conversation.item.deleted")
        assert deleted["item_id"] == second
        await talk.send("conversation.item.retrieve", item_id=second)
        assert (await talk.refusal())["code"] == "item_retrieve_invalid_item_id"
        answer = await talk.ask("history")
        text = answer["output"][0]["content"][0]["text"]
        assert text.startswith("middle | history | middle | second")


async def test_sound_in_an_item_is_heard(server: Served, clip: Pcm) -> None:
    async with talking(server, GA) as talk:
        await talk.update({**heard(clip), "output_modalities": ["text"]})
        audio = base64.b64encode(clip.data).decode()
        content = [
            {"type": "input_audio", "audio": audio},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        ]
        item = {"type": "message", "role": "user", "content": content}
        await talk.send("conversation.item.create", item=item)
        done = (await talk.until("conversation.item.done"))["item"]
        assert done["content"] == [{"type": "input_audio", "transcript": CLIP_TEXT}]
        await talk.send("response.create")
        answer = (await talk.until("response.done"))["response"]
        assert answer["output"][0]["content"][0]["text"].startswith(f"You said {CLIP_TEXT}.")
        item["content"] = [{"type": "input_audio", "audio": "AAAA"}]  # a sample and a half
        await talk.send("conversation.item.create", item=item, event_id="e")
        refusal = await talk.refusal()
        assert (refusal["code"], refusal["event_id"]) == ("bad_audio", "e")


TEXT = message("user", "input_text", text="a")
LONG = "x" * 201_000
BAD: list[tuple[str, Event, str]] = [
    ("conversation.item.create", {}, "invalid_value"),
    ("conversation.item.create", {"item": {"type": "dance"}}, "invalid_value"),
    ("conversation.item.create", {"item": {**TEXT, "role": "king"}}, "invalid_value"),
    ("conversation.item.create", {"item": {**TEXT, "id": "i" * 129}}, "invalid_value"),
    (
        "conversation.item.create",
        {"item": message("user", "input_text", text=LONG)},
        "invalid_value",
    ),
    ("conversation.item.create", {"item": TEXT, "previous_item_id": "none"}, "invalid_value"),
    ("conversation.item.create", {"item": {"type": "item_reference", "id": "a"}}, "invalid_value"),
    (
        "conversation.item.create",
        {"item": message("user", "input_audio", audio=7)},
        "invalid_value",
    ),
    ("conversation.item.delete", {"item_id": "none"}, "item_delete_invalid_item_id"),
    ("conversation.item.retrieve", {"item_id": "none"}, "item_retrieve_invalid_item_id"),
    ("conversation.item.retrieve", {"item_id": 7}, "invalid_value"),
    (
        "conversation.item.truncate",
        {"item_id": "none", "content_index": 0, "audio_end_ms": 0},
        "item_truncate_invalid_item_id",
    ),
    (
        "conversation.item.truncate",
        {"item_id": "none", "content_index": 0, "audio_end_ms": -1},
        "invalid_value",
    ),
    ("response.cancel", {}, "response_cancel_not_active"),
    ("response.create", {"response": {"input": [{}] * 1_001}}, "invalid_value"),
    ("response.create", {"response": {"metadata": {"k": "v" * 513}}}, "invalid_value"),
    ("response.create", {"response": {"max_output_tokens": 0}}, "invalid_value"),
    ("response.create", {"response": {"output_modalities": ["smell"]}}, "invalid_value"),
    ("response.create", {"response": {"audio": {"output": {"language": "xx"}}}}, "invalid_value"),
    ("response.create", {"response": 7}, "invalid_event"),
    ("session.update", {"session": {"tools": [{"type": "function"}]}}, "invalid_value"),
    ("session.update", {"session": {"instructions": "x" * 128_001}}, "invalid_value"),
    ("session.update", {"session": {"audio": {"output": {"speed": 9}}}}, "invalid_value"),
    ("output_audio_buffer.clear", {}, "invalid_value"),
]


async def test_what_makes_no_sense_is_refused_and_harms_nothing(server: Served) -> None:
    async with talking(server, GA) as talk:
        for number, (kind, fields, code) in enumerate(BAD):
            await talk.send(kind, event_id=str(number), **fields)
            refusal = await talk.refusal()
            assert (refusal["event_id"], refusal["code"]) == (str(number), code), refusal
            assert refusal["type"] == "invalid_request_error"
            assert "expected" in refusal["message"]
        assert talk.of("error")[13]["error"]["message"].startswith("Cancellation failed")
        assert (await talk.ask("hello"))["status"] == "completed"
        assert len(talk.of("conversation.item.done")) == 2


HARMLESS: list[Event] = [
    {"tracing": {"workflow_name": "w"}, "truncation": {"type": "retention_ratio"}},
    {"prompt": {"id": "p"}, "parallel_tool_calls": False, "reasoning": {"effort": "low"}},
    {"include": ["item.input_audio_transcription.logprobs"], "novelty": [1]},
    {"tools": [{"type": "mcp", "server_label": "s"}], "tool_choice": {"type": "mcp"}},
    {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
    {"audio": {"output": {"voice": {"id": "voice_1"}}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": None}}}},
    {"model": "gpt-realtime-2", "instructions": "", "max_output_tokens": 4_096},
]


async def test_what_means_nothing_here_is_told_back(server: Served) -> None:
    async with talking(server, GA) as talk:
        for fragment in HARMLESS:
            session = await talk.update({"type": "realtime", **fragment})
            assert "id" in session, session
            told = json.dumps(session)
            for key, value in fragment.items():
                if key != "audio":
                    assert session[key] == value
                else:
                    assert all(json.dumps(v)[1:-1] in told for part in value.values() for v in part)
        answer = await talk.ask("hello")
        assert answer["status"] == "completed"
        assert answer["max_output_tokens"] == 4_096

"""Conversations with the released `openai` package: turns, answers, tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.talk_line import COMPLETED, calling, joined, of, order, sound
from tests.conformance.talk_served import (
    CALL,
    LAST,
    OUTCOME,
    SHORT,
    Conversing,
    conversing,
    spoken_bytes,
)
from tests.speech import CLIP_TEXT

TOOL = {
    "type": "function",
    "name": CALL.name,
    "description": "Where a parcel is.",
    "parameters": {"type": "object", "properties": {"number": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversing]:
    with conversing(tmp_path_factory.mktemp("talk")) as running:
        yield running


async def test_a_turn_is_heard_and_answered(talk: Conversing) -> None:
    talk.chat.will(SHORT)
    async with calling(talk, vad=True) as line:
        await line.speak(talk)
        events = await line.until("response.done")
    started, stopped, committed = (
        of(events, f"input_audio_buffer.{kind}")
        for kind in ("speech_started", "speech_stopped", "committed")
    )
    assert len(started) == len(stopped) == len(committed) == 1
    (completed,) = of(events, COMPLETED)
    assert completed["transcript"] == CLIP_TEXT
    assert completed["item_id"] == started[0]["item_id"] == committed[0]["item_id"]
    assert 0 <= started[0]["audio_start_ms"] < stopped[0]["audio_end_ms"] < 9_400
    assert len(sound(events)) == spoken_bytes(SHORT)
    assert joined(events, "response.output_audio_transcript.delta") == SHORT
    (done,) = of(events, "response.done")
    assert done["response"]["status"] == "completed"
    (item,) = done["response"]["output"]
    assert item["content"][0]["transcript"] == SHORT
    usage = done["response"]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert talk.asked(-1)[-1] == {"role": "user", "content": CLIP_TEXT}


async def test_the_order_of_an_answer(talk: Conversing) -> None:
    talk.chat.will(SHORT)
    async with calling(talk) as line:
        await line.write("Hello?")
        events = await line.until("response.done")
    at = order(events).index("response.created")
    kinds = [kind for kind in order(events)[at:] if not kind.endswith(".delta")]
    assert kinds == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    previous = [event["previous_item_id"] for event in of(events, "conversation.item.added")]
    assert previous == [None, of(events, "conversation.item.added")[0]["item"]["id"]]


async def test_text_alone(talk: Conversing) -> None:
    talk.chat.will(SHORT)
    async with calling(talk, output_modalities=["text"], instructions="Be short.") as line:
        await line.write("Where is it?")
        events = await line.until("response.done")
    assert joined(events, "response.output_text.delta") == SHORT
    assert sound(events) == b""
    assert of(events, "response.output_text.done")[0]["text"] == SHORT
    system, question = talk.asked(-1)
    assert system["role"] == "system"
    assert "Be short." in system["content"]
    assert question == {"role": "user", "content": "Where is it?"}


async def test_the_client_says_where_turns_end(talk: Conversing) -> None:
    talk.chat.will(SHORT)
    async with calling(talk) as line:
        await line.speak(talk)
        await line.connection.input_audio_buffer.commit()
        heard = await line.until(COMPLETED)
        assert of(heard, "response.created") == []
        await line.connection.response.create()
        events = await line.until("response.done")
        await line.connection.input_audio_buffer.commit()
        (error,) = of(await line.until("error"), "error")
    assert of(heard, COMPLETED)[0]["transcript"] == CLIP_TEXT
    assert len(sound(events)) == spoken_bytes(SHORT)
    assert error["error"]["code"] == "input_audio_buffer_commit_empty"


async def test_a_tool(talk: Conversing) -> None:
    talk.chat.will(CALL)
    talk.chat.will(SHORT)
    async with calling(talk, tools=[TOOL]) as line:
        await line.write("Where is 925831?")
        events = await line.until("response.done")
        (done,) = of(events, "response.function_call_arguments.done")
        item = {"type": "function_call_output", "call_id": done["call_id"], "output": OUTCOME}
        await line.connection.conversation.item.create(item=item)
        await line.connection.response.create()
        answer = await line.until("response.done")
    assert (done["name"], done["arguments"]) == (CALL.name, CALL.arguments)
    assert joined(events, "response.function_call_arguments.delta") == CALL.arguments
    (called,) = of(events, "response.done")[0]["response"]["output"]
    assert (called["type"], called["status"]) == ("function_call", "completed")
    assert joined(answer, "response.output_audio_transcript.delta") == SHORT
    assert talk.chat.asked[0].body["tools"][0]["function"]["name"] == CALL.name
    call, outcome = talk.asked(-1)[-2:]
    assert call["tool_calls"][0]["function"]["arguments"] == CALL.arguments
    assert outcome == {
        "role": "tool",
        "tool_call_id": call["tool_calls"][0]["id"],
        "content": OUTCOME,
    }


async def test_an_answer_out_of_band(talk: Conversing) -> None:
    """It is given what it is given, knows nothing of the conversation, and is not of it."""
    for text in (SHORT, "Yes.", LAST):
        talk.chat.will(text)
    part = {"type": "input_text", "text": "Is this spam?"}
    async with calling(talk, output_modalities=["text"]) as line:
        await line.write("Hello.")
        await line.until("response.done")
        await line.connection.response.create(
            response={
                "conversation": "none",
                "metadata": {"topic": "spam"},
                "instructions": "Say yes or no.",
                "input": [{"type": "message", "role": "user", "content": [part]}],
            }
        )
        apart = await line.until("response.done")
        await line.write("And now?")
        await line.until("response.done")
    assert joined(apart, "response.output_text.delta") == "Yes."
    assert of(apart, "conversation.item.added") == []
    assert of(apart, "response.done")[0]["response"]["metadata"] == {"topic": "spam"}
    assert [each["content"] for each in talk.asked(1)[1:]] == ["Is this spam?"]
    assert "Say yes or no." in talk.asked(1)[0]["content"]
    assert [each["content"] for each in talk.asked(2)[1:]] == ["Hello.", SHORT, "And now?"]

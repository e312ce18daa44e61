"""Conversations with the released `openai` package: what is cut, and what items there are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.chat_server import Held, happens
from tests.conformance.talk_line import COMPLETED, calling, joined, of
from tests.conformance.talk_served import (
    LAST,
    LONG,
    RATE,
    SHORT,
    Conversing,
    conversing,
    remembered,
    spoken_bytes,
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversing]:
    with conversing(tmp_path_factory.mktemp("talk")) as running:
        yield running


async def test_an_answer_is_cancelled(talk: Conversing) -> None:
    held = Held()
    talk.chat.will("One is said. Two", held, "is not.")  # whose first word ends the sentence
    async with calling(talk) as line:
        await line.write("Count.")
        await line.until("response.output_audio.delta")
        await line.connection.response.create(event_id="mine")
        (busy,) = of(await line.until("error"), "error")
        await line.connection.response.cancel()
        (done,) = of(await line.until("response.done"), "response.done")
        await line.connection.response.cancel()
        (error,) = of(await line.until("error"), "error")
        await happens(talk.chat.asked[0].gone)
    assert busy["error"]["code"] == "conversation_already_has_active_response"
    assert busy["error"]["event_id"] == "mine"
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"]["reason"] == "client_cancelled"
    assert done["response"]["output"][0]["status"] == "incomplete"
    assert error["error"]["code"] == "response_cancel_not_active"
    assert error["error"]["message"].startswith("Cancellation failed")


async def test_an_answer_is_cut_to_what_was_heard(talk: Conversing) -> None:
    talk.chat.will(LONG)
    talk.chat.will(LAST)
    async with calling(talk) as line:
        items = line.connection.conversation.item
        await line.write("Where does it go?")
        said = await line.until("response.done")
        (item,) = of(said, "response.done")[0]["response"]["output"]
        await items.truncate(item_id=item["id"], content_index=0, audio_end_ms=1_700)
        (cut,) = of(await line.until("conversation.item.truncated"), "conversation.item.truncated")
        await items.retrieve(item_id=item["id"])
        *_, retrieved = await line.until("conversation.item.retrieved")
        await line.speak(talk)
        await line.connection.input_audio_buffer.commit()
        await line.until(COMPLETED)
        await line.connection.response.create()
        await line.until("response.done")
    assert joined(said, "response.output_audio_transcript.delta") == LONG
    assert (cut["item_id"], cut["audio_end_ms"]) == (item["id"], 1_700)
    heard = retrieved["item"]["content"][0]["transcript"]
    assert heard.strip() == "First it goes to Bergen by train."  # 33 characters, 1.65 s
    assert talk.asked(-1)[-2]["content"].strip() == heard.strip()
    remembered(talk.asked(-1))


async def test_a_user_interrupts(talk: Conversing) -> None:
    talk.chat.will(LONG)
    talk.chat.will(LAST)
    async with calling(talk, vad=True) as line:
        await line.write("Where does it go?")
        await line.until("response.output_audio.delta")
        await asyncio.sleep(1.5)  # of the long answer so much was played
        await line.speak(talk)
        events = await line.until(COMPLETED)
        if not of(events, "response.done"):
            events += await line.until("response.done")
        (last,) = of(await line.until("response.done"), "response.done")
    assert last["response"]["output"][0]["content"][0]["transcript"] == LAST
    remembered(talk.asked(-1))


async def test_items_have_places_and_go(talk: Conversing) -> None:
    talk.chat.will(SHORT)
    async with calling(talk, output_modalities=["text"]) as line:
        items = line.connection.conversation.item
        for id, after in (("b", None), ("a", "root"), ("c", "b"), ("gone", "c")):
            part = {"type": "input_text", "text": id}
            await items.create(
                item={"id": id, "type": "message", "role": "user", "content": [part]},
                **({"previous_item_id": after} if after else {}),
            )
        added = of(await line.until("conversation.item.done", 4), "conversation.item.added")
        await items.delete(item_id="gone")
        await line.until("conversation.item.deleted")
        await items.retrieve(item_id="gone", event_id="rci_gone")
        (error,) = of(await line.until("error"), "error")
        await line.connection.response.create()
        await line.until("response.done")
    assert [event["previous_item_id"] for event in added] == [None, None, "b", "c"]
    assert error["error"]["code"] == "item_retrieve_invalid_item_id"
    assert error["error"]["event_id"] == "rci_gone"
    told = " ".join(each["content"] for each in talk.asked(-1)[1:]).split()
    assert told == ["a", "b", "c"]


async def test_the_end_is_no_cut(talk: Conversing) -> None:
    """Clients cut answers that they played whole, and round the length up."""
    talk.chat.will(SHORT)
    length = spoken_bytes(SHORT) * 1_000 // (2 * RATE)
    async with calling(talk) as line:
        items = line.connection.conversation.item
        await line.write("Where is it?")
        (done,) = of(await line.until("response.done"), "response.done")
        id = done["response"]["output"][0]["id"]
        for end in (length, length + 1):
            await items.truncate(item_id=id, content_index=0, audio_end_ms=end)
            *_, cut = await line.until("conversation.item.truncated")
            assert cut["item_id"] == id
        await items.truncate(item_id=id, content_index=0, audio_end_ms=length + 1_000)
        *_, error = await line.until("error")
        await items.retrieve(item_id=id)
        *_, retrieved = await line.until("conversation.item.retrieved")
    assert error["error"]["type"] == "invalid_request_error"
    assert retrieved["item"]["content"][0]["transcript"] == SHORT


async def test_what_nobody_here_knows_is_no_fault(talk: Conversing) -> None:
    """Some clients end at the first error."""
    wanted = {
        "tracing": "auto",
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
        "reasoning": {"effort": "low"},
        "prompt": None,
        "audio": {
            "input": {
                "noise_reduction": {"type": "far_field", "strength": 1},
                "turn_detection": {"type": "semantic_vad", "eagerness": "auto"},
            },
            "output": {"voice": {"id": "voice_mine"}, "speed": 1.0},
        },
    }
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    async with calling(talk) as line:
        await line.connection.session.update(session={"type": "realtime", **wanted})
        *_, updated = await line.until("session.updated")
        for id in ("a", "a"):
            item = {"id": id, "type": "message", "role": "user", "content": [image]}
            await line.connection.conversation.item.create(item=item)
        events = await line.until("error")
        (item,) = [event["item"] for event in of(events, "conversation.item.done")]
    session = updated["session"]
    assert session["tracing"] == "auto"
    detection = session["audio"]["input"]["turn_detection"]
    assert detection["type"] == "semantic_vad"
    assert detection["create_response"] is detection["interrupt_response"] is True
    assert item["id"] == "a"
    assert of(events, "error")[0]["error"]["code"] == "item_create_duplicate_item_id"

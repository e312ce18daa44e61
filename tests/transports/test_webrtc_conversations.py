"""Calls whose conversation has a name: hung up in the middle of an answer, and called again."""

from __future__ import annotations

from tests.serving import Served
from tests.speech import CLIP, pcm_s16le
from tests.transports.test_webrtc_talk import LONG, REALTIME, SHORT, ask, loud, server
from tests.transports.webrtc_client import calling

__all__ = ["server"]


async def test_a_call_goes_on_with_what_was_heard(server: Served, no_traceback: None) -> None:
    named = {**REALTIME, "sotto": {"conversation": "phone"}}
    async with calling(server, named, clip=pcm_s16le(CLIP)) as (caller, _):
        ask(caller, "hello")
        await caller.until("output_audio_buffer.stopped")
        ask(caller, "tell me a story")
        before = loud(caller.pieces)
        await caller.until_pieces(lambda pieces: loud(pieces) >= before + 50)
    async with calling(server, REALTIME, query="?conversation=phone") as (caller, _):
        await caller.until(lambda _: len(caller.of("conversation.item.done")) == 4)
        items = [event["item"] for event in caller.of("conversation.item.done")]
        said = [item["content"][0] for item in items]
        assert [part.get("text") or part["transcript"] for part in said[:3]] == [
            "hello",
            SHORT,
            "tell me a story",
        ]
        assert items[3]["status"] == "incomplete"
        story = said[3]["transcript"]
        assert LONG.startswith(story)
        assert 0 < len(story) < len(LONG) / 4

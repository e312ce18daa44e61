"""A client of Deepgram's `/v1/listen` that shows every byte, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.serving import Served
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

FINALIZE = '{"type": "Finalize"}'
KEEP_ALIVE = '{"type": "KeepAlive"}'
CLOSE_STREAM = '{"type": "CloseStream"}'
RAW = {"encoding": "linear16", "sample_rate": 16_000}
SECOND = 32_000
"""Bytes of such sound."""
_EDGES = (0.0, 1.1, 2.15, 3.45, 4.45, 5.6, 7.37)
"""Seconds, in the middle of the silence between the clip's digits."""


@dataclass
class Told:
    """What a server said on one socket."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    close: tuple[int | None, str | None] = (None, None)
    """Code and reason."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def results(self, channel: int = 0) -> list[dict[str, Any]]:
        return [one for one in self.of("Results") if one["channel_index"][0] == channel]

    def finals(self, channel: int = 0) -> list[dict[str, Any]]:
        return [one for one in self.results(channel) if one["is_final"]]

    def text(self, channel: int = 0) -> str:
        return " ".join(filter(None, map(transcript, self.finals(channel))))

    @property
    def error(self) -> dict[str, Any]:
        (error,) = self.of("Error")
        return error


def spoken(*digits: str) -> bytes:
    """Some of the clip's digits, in any order."""
    sound, known = pcm_s16le(CLIP).data, CLIP_TEXT.split()
    at = [round(edge * SECOND / 2) * 2 for edge in _EDGES]
    return b"".join(sound[at[place] : at[place + 1]] for place in map(known.index, digits))


def transcript(result: dict[str, Any]) -> str:
    (alternative,) = result["channel"]["alternatives"]
    text: str = alternative["transcript"]
    return text


def words(result: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result["channel"]["alternatives"][0]["words"]
    return found


def until(result: dict[str, Any]) -> float:
    return round(result["start"] + result["duration"], 2)


def address(server: Served, query: dict[str, Any]) -> str:
    return f"ws://{server.host}/v1/listen?{urlencode(query, doseq=True)}"


def cut(sound: bytes, size: int = 3_200) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


async def hear_all(socket: ClientConnection) -> Told:
    """Everything up to the close."""
    told = Told()
    try:
        async for message in socket:
            told.messages.append(json.loads(message))
    except ConnectionClosed:
        pass
    told.close = (socket.close_code, socket.close_reason)
    return told


async def talk(
    server: Served,
    query: dict[str, Any],
    messages: Iterable[str | bytes],
    *,
    finish: bool = True,
) -> Told:
    """Send the messages as fast as they go, and take what comes until the server closes."""
    async with connect(address(server, query), max_size=None) as socket:
        try:
            for message in messages:
                await socket.send(message)
            if finish:
                await socket.send(CLOSE_STREAM)
        except ConnectionClosed:
            pass
        return await hear_all(socket)


def check(told: Told, channels: int = 1) -> None:
    """What holds for every stream that came to its end."""
    assert told.close == (1000, "")
    assert told.messages[-1]["type"] == "Metadata"
    assert len(told.of("Metadata")) == 1
    assert told.of("Error") == []
    for channel in range(channels):
        check_results(told.results(channel))


def check_results(results: list[dict[str, Any]]) -> None:
    """Finals cover each word once, in order; interim results what is after them."""
    end, last_word = 0.0, 0.0
    for result in results:
        assert result["start"] >= end, result
        for word in words(result):
            assert result["start"] <= word["start"] <= word["end"] <= until(result), result
        if result["is_final"]:
            assert all(word["start"] >= last_word for word in words(result)[:1])
            end = until(result)
            last_word = max([last_word, *(word["end"] for word in words(result))])
        else:
            assert not result["speech_final"]
            assert not result["from_finalize"]
        starts = [word["start"] for word in words(result)]
        assert all(a <= b for a, b in pairwise(starts))

"""A client of WhisperLiveKit that shows every byte, for tests."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.serving import Served
from tests.transports.socket_talk import send

END = b""

NUMBERS = {
    "remaining_time_transcription",
    "remaining_time_transcription_processing",
    "remaining_time_transcription_policy",
    "remaining_time_diarization",
}
FULL = {
    "status",
    "lines",
    "buffer_transcription",
    "buffer_diarization",
    "buffer_translation",
    *NUMBERS,
}
CLOCK = re.compile(r"(\d+):(\d\d):(\d\d\.\d\d)")


def at(clock: str) -> float:
    """Seconds of a line's time."""
    found = CLOCK.fullmatch(clock)
    assert found, clock
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


@dataclass
class Client:
    """What a client knows: in full mode the last update, in diff mode what it put together."""

    config: dict[str, Any] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    seq: int = 0
    done: bool = False
    error: str = ""
    close_code: int | None = None

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        assert not self.done, "nothing comes after ready_to_stop"
        match message.get("type"):
            case "config":
                assert not self.config
                self.config = message
            case "ready_to_stop":
                self.done = True
            case "error":
                self.error = message["error"]
            case "snapshot" | "diff":
                self.updates.append(self.put_together(message))
            case None:
                assert set(message) == FULL
                self.updates.append(message)
            case other:
                raise AssertionError(other)

    def put_together(self, message: dict[str, Any]) -> dict[str, Any]:
        """As the documentation tells: drop from the front, append to the end."""
        self.seq += 1
        assert message["seq"] == self.seq
        if message["type"] == "snapshot":
            assert self.seq == 1
            self.lines = list(message["lines"])
        else:
            assert "lines" not in message
            del self.lines[: message.get("lines_pruned", 0)]
            self.lines += message.get("new_lines", [])
            assert message["n_lines"] == len(self.lines), "it is out of step"
        told = {key: value for key, value in message.items() if key in FULL}
        return told | {"lines": list(self.lines)}

    @property
    def text(self) -> str:
        """Lines and buffer of the last update, as its test client joins them."""
        last = self.updates[-1]
        parts = [line["text"] for line in last["lines"] if line["text"]]
        return " ".join([*parts, *filter(None, [last["buffer_transcription"]])])


def check(client: Client, mode: str = "full") -> None:
    """What holds for every stream that ends well."""
    assert client.config == {"type": "config", "useAudioWorklet": True, "mode": mode}
    assert client.done
    assert client.close_code == 1000
    assert client.updates
    for update in client.updates:
        assert set(update) == FULL
        assert all(isinstance(update[name], float) and update[name] >= 0 for name in NUMBERS)
        something = bool(update["lines"] or update["buffer_transcription"])
        assert update["status"] == ("active_transcription" if something else "no_audio_detected")
        for line in update["lines"]:
            assert isinstance(line["speaker"], int)
            assert at(line["start"]) <= at(line["end"])
        for before, after in pairwise(update["lines"]):
            assert at(before["end"]) <= at(after["start"])


def url(server: Served, query: str = "") -> str:
    return f"ws://{server.host}/asr{query}"


async def talk(server: Served, query: str, messages: Iterable[str | bytes]) -> Client:
    """Wait for the configuration, send sound, and take what comes until the server closes."""
    client = Client()
    async with connect(url(server, query), max_size=None) as socket:
        try:
            client.take(await socket.recv())
            sending = asyncio.create_task(send(socket, messages))
            async for message in socket:
                client.take(message)
            await asyncio.gather(sending, return_exceptions=True)
        except ConnectionClosed:
            pass
        client.close_code = socket.close_code
    return client

"""WhisperLive (collabora): segments that grow, and are complete once another one follows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat

from sotto.bench.clips import S16
from sotto.bench.peers.peer import Peer, closed_unless_welcome
from sotto.bench.streams.dialect import (
    Committed,
    Failed,
    Final,
    Message,
    Observation,
    Over,
    Shown,
    Wire,
    open_socket,
)
from sotto.bench.streams.sound import Pcm
from sotto.errors import ServerError


class Segment(BaseModel):
    """A stretch of speech."""

    start: str
    end: FiniteFloat
    """Seconds of the stream."""
    text: str
    completed: bool = False


class Told(BaseModel):
    """Any message; what is not there is not said."""

    message: str | float | None = None
    status: str | None = None
    segments: list[Segment] = Field(default=[])
    """The last ten that are complete, and perhaps one that is not."""


@dataclass(frozen=True)
class WhisperLive:
    """As its own client speaks.

    Nothing is sent at the end: END_OF_AUDIO ends a stream at once, without its last words, and its
    client sends it only after 15 seconds in which nothing changed.
    """

    language: str = "en"
    name: str = "whisperlive"
    says_over: bool = False

    async def connect(self, address: str) -> Wire:
        """Once it is ready, which for the first is once the model is loaded. Raises ServerError."""
        wire = await open_socket(f"ws{address.removeprefix('http')}", deflate=False)
        async with closed_unless_welcome(wire):
            await wire.send(json.dumps(self._options()))
            told = Told.model_validate_json(await wire.receive())
            if told.message != "SERVER_READY":
                raise ServerError(f"expected SERVER_READY, got {told.status} {told.message}")
        return wire

    def message(self, pcm: Pcm) -> Message:
        """As float32, which is what it takes unless told otherwise."""
        return (pcm / np.float32(S16)).astype("<f4").tobytes()

    def goodbye(self) -> Sequence[Message]:
        """Nothing."""
        return ()

    def reader(self) -> _Reader:
        """For a new connection."""
        return _Reader()

    def _options(self) -> dict[str, object]:
        """The defaults of its client, except for the language."""
        return {
            "uid": str(uuid4()),
            "language": self.language,
            "task": "transcribe",
            "model": "small",
            "use_vad": True,
            "send_last_n_segments": 10,
            "no_speech_thresh": 0.45,
            "clip_audio": False,
            "same_output_threshold": 10,
        }


@dataclass
class _Reader:
    """Keeps what was heard already, since each segment comes many times."""

    _last: Segment | None = field(default=None)
    _shown: str = ""

    def read(self, message: Message) -> Sequence[Observation]:
        """What a message says. Raises ValueError."""
        told = Told.model_validate_json(message)
        if told.status in {"ERROR", "WAIT"}:
            return (Failed(f"{told.status}: {told.message}"),)
        if told.message == "DISCONNECT":
            return (Over(),)
        return self._heard(told.segments) if told.segments else ()

    def _heard(self, segments: Sequence[Segment]) -> Sequence[Observation]:
        complete = [segment for segment in segments if segment.completed]
        heard: list[Observation] = []
        for segment in _after(complete, self._last):
            heard += [Committed(f" {segment.text.strip()}"), Final(segment.end)]
            self._last = segment
        shown = " ".join(segment.text.strip() for segment in segments if not segment.completed)
        if heard or shown != self._shown:
            heard.append(Shown(shown))
        self._shown = shown
        return heard


def _after(complete: Sequence[Segment], last: Segment | None) -> Sequence[Segment]:
    """Those that follow the one known; all where it left the window of ten."""
    known = (place for place in reversed(range(len(complete))) if complete[place] == last)
    return complete[next(known, -1) + 1 :]


SINGLE = Peer(
    "whisperlive",
    ("whisperlive",),
    module="whisper_live",
    packages=("whisper-live", "faster-whisper", "ctranslate2"),
    dialect=lambda setup: WhisperLive(setup.language),
)
"""All clients share one model, and take turns."""

BATCH = Peer(
    "whisperlive-batch",
    ("whisperlive", "--batched"),
    module="whisper_live",
    packages=SINGLE.packages,
    dialect=lambda setup: WhisperLive(setup.language, name="whisperlive-batch"),
)
"""Windows of several clients are decoded together, up to eight within 50 ms."""

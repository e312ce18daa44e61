"""WhisperLiveKit (QuentinFuxa): the whole transcript in each message, and an uncertain tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from pydantic import BaseModel, Field

from sotto.bench.peers.peer import Peer, Setup, closed_unless_welcome
from sotto.bench.streams.dialect import (
    Committed,
    Failed,
    Final,
    Message,
    Observation,
    Over,
    Shown,
    TakenBack,
    Wire,
    open_socket,
)
from sotto.bench.streams.sound import Pcm
from sotto.errors import ServerError

SILENCE = -2
"""The speaker of a line that stands for a pause."""


class Line(BaseModel):
    """What one speaker said between two pauses."""

    speaker: int
    text: str | None = None


class Told(BaseModel):
    """Any message."""

    type: str | None = None
    error: str | None = None
    lines: list[Line] = Field(default=[])
    """All of them, from the stream's beginning."""
    buffer_transcription: str = ""
    buffer_diarization: str = ""


@dataclass(frozen=True)
class WhisperLiveKit:
    """Its own `/asr`."""

    name: str = "whisperlivekit"
    says_over: bool = True

    async def connect(self, address: str) -> Wire:
        """Once it has told its configuration. Raises ServerError."""
        wire = await open_socket(f"ws{address.removeprefix('http')}/asr", deflate=False)
        async with closed_unless_welcome(wire):
            told = Told.model_validate_json(await wire.receive())
            if told.type != "config":
                raise ServerError(f"expected its configuration, got {told.type}: {told.error}")
        return wire

    def message(self, pcm: Pcm) -> Message:
        """As 16 bits, which it takes where it was started with `--pcm-input`."""
        return pcm.astype("<i2").tobytes()

    def goodbye(self) -> Sequence[Message]:
        """Nothing at all ends the stream."""
        return (b"",)

    def reader(self) -> _Reader:
        """For a new connection."""
        return _Reader()


@dataclass
class _Reader:
    """Keeps what was said before: all of it comes again, a dozen times a second."""

    _text: str = ""
    _pauses: int = 0
    _shown: str = ""

    def read(self, message: Message) -> Sequence[Observation]:
        """What a message says. Raises ValueError."""
        told = Told.model_validate_json(message)
        if told.error:
            return (Failed(told.error),)
        match told.type:
            case "ready_to_stop":
                return Shown(""), Final(), Over()
            case None:
                return self._heard(told)
            case _:
                return ()

    def _heard(self, told: Told) -> Sequence[Observation]:
        spoken = [line for line in told.lines if line.speaker != SILENCE]
        text = " ".join(" ".join(line.text or "" for line in spoken).split())
        pauses = len(told.lines) - len(spoken)
        heard: list[Observation] = [*_changed(self._text, text)]
        if pauses > self._pauses:
            heard.append(Final())
        shown = f"{told.buffer_diarization} {told.buffer_transcription}".strip()
        if heard or shown != self._shown:
            heard.append(Shown(shown))
        self._text, self._pauses, self._shown = text, pauses, shown
        return heard


def _changed(before: str, now: str) -> list[Observation]:
    """What leads from one text to the other."""
    if now.startswith(before):  # its last word may go on: a token is not always a word
        rest = now[len(before) :]
        return [Committed(rest if before else f" {rest}")] if rest else []
    old, new = before.split(), now.split()
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    heard: list[Observation] = [TakenBack(len(old) - same)]
    if same < len(new):
        heard.append(Committed(f" {' '.join(new[same:])}"))
    return heard


def _why_not(setup: Setup) -> str | None:
    if setup.decoder is None:
        return (
            "its decoder runs in PyTorch only: it needs the same model's weights as Whisper's own "
            "checkpoint beside the folder of CTranslate2"
        )
    return None


PACKAGES = ("whisperlivekit", "faster-whisper", "ctranslate2", "torch")

AGREEMENT = Peer(
    "whisperlivekit",
    ("whisperlivekit",),
    module="whisperlivekit",
    packages=PACKAGES,
    dialect=lambda setup: WhisperLiveKit(),
)
"""LocalAgreement, faster-whisper."""

SIMULTANEOUS = Peer(
    "whisperlivekit-simul",
    ("whisperlivekit",),
    module="whisperlivekit",
    packages=PACKAGES,
    dialect=lambda setup: WhisperLiveKit(name="whisperlivekit-simul"),
    decodes_in_torch=True,
    why_not=_why_not,
)
"""SimulStreaming: CTranslate2's encoder in int8, and the decoder in PyTorch in float32."""

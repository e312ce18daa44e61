"""What the page's own client sends of a clip: its modules, run by node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sotto.audio.anonymize import Disguise
from sotto.audio.format import Samples
from sotto.errors import SottoError

SCRIPT = Path(__file__).with_name("client.mjs")
MISSING = "node is not installed"
LONGEST = 600
"""Seconds that node may take for one call."""

_ERROR = re.compile(r"\w*Error: ")
"""How node begins the line that says what broke."""


class ClientFailed(SottoError):
    """The page's modules broke under node."""

    code = "client_failed"


@dataclass(frozen=True)
class Message:
    """One binary message to the server."""

    heard: int
    """Samples that had come when it left."""
    at: int
    """Its first frame."""
    end: int
    """The frame after its last one; `at` where only the clock goes on."""
    data: bytes


@dataclass(frozen=True)
class Sent:
    """All of one clip."""

    milliseconds: float
    """Of the processor's work, from samples to messages."""
    messages: tuple[Message, ...]

    @property
    def bytes(self) -> int:
        """Of all messages."""
        return sum(len(message.data) for message in self.messages)


def has_node() -> bool:
    """Whether `send` can work here."""
    return shutil.which("node") is not None


def send(
    sounds: Sequence[Samples], n_mels: int, disguises: Sequence[Disguise | None]
) -> list[Sent]:
    """What a live client sends of each. Raises ClientFailed."""
    about = [
        {"samples": len(samples), "disguise": None if disguise is None else asdict(disguise)}
        for samples, disguise in zip(sounds, disguises, strict=True)
    ]
    head = json.dumps({"bands": n_mels, "clips": about}).encode() + b"\n"
    body = b"".join(samples.astype("<f4").tobytes() for samples in sounds)
    try:
        out = subprocess.run(
            [shutil.which("node") or "node", str(SCRIPT)],
            input=head + body,
            capture_output=True,
            timeout=LONGEST,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientFailed(f"expected messages from {SCRIPT.name}, got {error}") from error
    if out.returncode:
        lines = out.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        told = next((line for line in lines if _ERROR.match(line)), lines[-1])
        raise ClientFailed(f"expected messages from {SCRIPT.name}, got {told}")
    return _parsed(out.stdout)


def _parsed(out: bytes) -> list[Sent]:
    line, _, bodies = out.partition(b"\n")
    at, clips = 0, []
    for clip in json.loads(line)["clips"]:
        messages = []
        for told in clip["messages"]:
            data = bodies[at : at + told["bytes"]]
            at += told["bytes"]
            messages.append(Message(told["heard"], told["at"], told["end"], data))
        clips.append(Sent(clip["milliseconds"], tuple(messages)))
    return clips


def disguise_for(seed: int) -> Disguise:
    """One clip's, as if each were a stream of its own."""
    return Disguise.drawn(np.random.default_rng(seed))

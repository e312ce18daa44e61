"""The dialect of `/stream`; docs/protocol.md is its table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

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
from sotto.training.evaluation.scoring import align
from sotto.transports.stream import PATH


@dataclass(frozen=True)
class SottoStream:
    """Sotto's own."""

    config: tuple[tuple[str, Any], ...] = ()
    """Fields of the configuration: model, language, policy."""
    deflate: bool = False
    name: str = "sotto"
    says_over: bool = True

    async def connect(self, address: str) -> Wire:
        """Once `ready` has come. Raises ServerError."""
        wire = await open_socket(f"ws{address.removeprefix('http')}{PATH}", deflate=self.deflate)
        async with AsyncExitStack() as leaving:
            leaving.push_async_callback(wire.close)
            await wire.send(json.dumps(dict(self.config)))
            first = json.loads(await wire.receive())
            if first.get("type") != "ready":
                raise ServerError(f"expected ready, got {first.get('code') or first.get('type')!r}")
            leaving.pop_all()
        return wire

    def message(self, pcm: Pcm) -> Message:
        """As `pcm_s16le`."""
        return pcm.astype("<i2").tobytes()

    def goodbye(self) -> Sequence[Message]:
        """The last utterance ends here."""
        return ('{"type": "finish"}',)

    def reader(self) -> _Reader:
        """For a new connection."""
        return _Reader()


@dataclass
class _Reader:
    """Keeps the partial, of which a commit takes the beginning away."""

    _partial: list[dict[str, Any]] = field(default_factory=list)
    _certain: list[str] = field(default_factory=list)
    """Pieces of the open utterance."""

    def read(self, message: Message) -> Sequence[Observation]:
        """What a message says."""
        told = json.loads(message)
        match told["type"]:
            case "partial":
                self._partial = told["words"]
                return (self._shown(),)
            case "committed":
                return self._commit(told)
            case "final":
                return self._end(told)
            case "error":
                return (Failed(f"{told['code']}: {told['message']}"),)
            case "closed":
                return (Over(),)
            case _:
                return ()

    def _shown(self) -> Shown:
        return Shown("".join(word["word"] for word in self._partial))

    def _commit(self, told: dict[str, Any]) -> Sequence[Observation]:
        words = told["words"]
        if not words:
            return ()
        # As the page does: the next partial may be a while away.
        certain_until = words[-1]["end"]
        self._partial = [word for word in self._partial if word["start"] >= certain_until]
        self._certain.append(told["text"])
        text = (
            told["text"]
            if told["text"][:1].isspace() or len(self._certain) > 1
            else (f" {told['text']}")
        )
        ends = tuple(float(word["end"]) for word in words if word["word"].strip())
        return Committed(text, ends if len(ends) == len(text.split()) else ()), self._shown()

    def _end(self, told: dict[str, Any]) -> Sequence[Observation]:
        certain, final = "".join(self._certain).split(), told["text"].split()
        self._partial, self._certain = [], []
        heard: list[Observation] = [Shown(""), Final(float(told["end"]))]
        if different := align(certain, final).errors:
            heard.append(TakenBack(different))
        return heard

"""Somebody to converse with: what is said follows from what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from sotto.app.settings import load
from sotto.dialogue.partner import Partner
from sotto.dialogue.request import Manner
from sotto.dialogue.voices import Voices
from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import (
    CallPiece,
    ChatPiece,
    ChatRequest,
    Finish,
    Finished,
    Outcome,
    Piece,
    Said,
)
from sotto.interfaces.turn_detector import TurnDetector
from sotto.testing.talking import Script, ScriptedChat, ToneVoice
from tests.serving import Served, serving

USAGE = Finished(Finish.STOP, input_tokens=12, output_tokens=7)


class Echo(ScriptedChat):
    """Says what it was told, unless that is a word that it knows."""

    def __init__(self) -> None:
        super().__init__(by=script)

    async def answer(self, request: ChatRequest) -> AsyncIterator[ChatPiece]:
        async for piece in super().answer(request):
            yield piece
            if isinstance(piece, Piece) and piece.text.startswith("Wait"):
                await asyncio.Event().wait()


def script(request: ChatRequest) -> Script:
    last = request.messages[-1]
    if isinstance(last, Outcome):
        return [f"It is {last.output}.", USAGE]
    said = last.text.rpartition("\n")[2] if isinstance(last, Said) else ""
    match said:
        case "weather" if request.tools:
            return [
                CallPiece(0, "call_1", request.tools[0].name, '{"city": '),
                CallPiece(0, arguments='"Oslo"}'),
                USAGE,
            ]
        case "break":
            return ["Well. ", ChatUnavailable("the model is gone")]
        case "endless":
            return ["On and ", Finished(Finish.LENGTH, 5, 2)]
        case "wait":
            return ["Wait for it, please, "]
        case "long":
            return [f"This is sentence {number} of many. " for number in range(20)]
        case "history":
            told = (each.text for each in request.messages[1:] if isinstance(each, Said))
            return [" | ".join(told)]
        case _:
            return ["You ", f"said {said}. ", "Good day.", USAGE]


@contextmanager
def talk_server(turns: TurnDetector | None = None) -> Iterator[Served]:
    """A server with that partner, who has a voice of tones."""
    manner = Manner(instructions="Be kind.")
    partner = Partner(Echo(), Voices([ToneVoice()]), manner, turns=turns)
    with serving(load(environ={}), partner=partner) as served:
        yield served

"""What the model is told of a conversation: a pure function of its items."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import TypeAlias

from sotto.dialogue.items import FunctionCall, FunctionOutput, Item, Message, Speech, Text
from sotto.dialogue.request import Manner
from sotto.dialogue.scripts import is_sign
from sotto.interfaces.chat import Call, ChatMessage, Outcome, Role, Said
from sotto.transcript.languages import LANGUAGES

LETTERS_A_TOKEN = 4
"""Of what is written with an alphabet; a Chinese or Japanese sign is a token of its own. Which
tokenizer a server has is not known: this is near enough to keep a conversation within bounds."""
TOKENS_A_MESSAGE = 4
"""For its role, and where it begins and ends."""

SPOKEN = (
    "Your answer is spoken aloud as it comes. Use short, plain sentences as in speech, and no "
    "markup: no lists, tables, headings, code, links or emoji."
)
AS_SPOKEN = "Answer in the language in which the user speaks."

Unit: TypeAlias = tuple[ChatMessage, ...]
"""What makes no sense apart: words of one side, or calls and all that came of them."""


def messages(items: Iterable[Item], manner: Manner, budget: int) -> tuple[ChatMessage, ...]:
    """The system's prompt, then the newest of the conversation that fits into `budget` tokens.

    All from the user's last words on is told, whatever it takes. Left out are turns whose words
    are not known yet, calls that nothing came of yet, and outcomes without their call.
    """
    prompt = Said(Role.SYSTEM, system_prompt(manner))
    units = _units(tuple(items))
    told = _newest(units, budget - cost(prompt))
    return tuple(_merged([prompt, *(message for unit in told for message in unit)]))


def system_prompt(manner: Manner) -> str:
    """The instructions, the answer's language, and that it is spoken."""
    language = LANGUAGES.get(manner.language, manner.language)
    tongue = f"Answer in {language}, whatever the user speaks." if language else AS_SPOKEN
    parts = (manner.instructions.strip(), tongue, SPOKEN if manner.speaks else "")
    return "\n\n".join(part for part in parts if part)


def cost(message: ChatMessage) -> int:
    """Tokens, estimated: a quarter of each letter, one for each sign, rounded up."""
    match message:
        case Said(text=text) | Outcome(output=text):
            return TOKENS_A_MESSAGE + tokens(text)
        case Call():
            return TOKENS_A_MESSAGE + tokens(message.name) + tokens(message.arguments)


def tokens(text: str) -> int:
    """Of a text without its frame; see `cost`."""
    signs = sum(map(is_sign, text))
    return signs + math.ceil((len(text) - signs) / LETTERS_A_TOKEN)


def _newest(units: Sequence[Unit], budget: int) -> Sequence[Unit]:
    users = (at for at, unit in enumerate(units) if _is_of_user(unit))
    kept = max(users, default=len(units))
    left = budget - sum(map(_cost, units[kept:]))
    while kept > 0 and (left := left - _cost(units[kept - 1])) >= 0:
        kept -= 1
    return units[kept:]


def _is_of_user(unit: Unit) -> bool:
    return isinstance(unit[0], Said) and unit[0].role is Role.USER


def _cost(unit: Unit) -> int:
    return sum(map(cost, unit))


def _units(items: Sequence[Item]) -> list[Unit]:
    """What is told, oldest first; outcomes stand right behind the calls that were made with theirs,
    as chat servers want them, whenever they came."""
    outcomes = {item.call_id: item for item in items if isinstance(item, FunctionOutput)}
    units: list[Unit] = []
    told: set[str] = set()
    for at, item in enumerate(items):
        match item:
            case Message() if text := said(item):
                units.append((Said(item.role, text),))
            case FunctionCall() if item.call_id in outcomes and item.call_id not in told:
                together = takewhile(lambda each: isinstance(each, FunctionCall), items[at:])
                calls = {
                    each.call_id: Call(each.call_id, each.name, each.arguments)
                    for each in together
                    if isinstance(each, FunctionCall)
                    and each.call_id in outcomes
                    and each.call_id not in told
                }
                told.update(calls)
                came = (Outcome(id, outcomes[id].output) for id in calls)
                units.append((*calls.values(), *came))
            case _:
                pass
    return units


def said(message: Message) -> str:
    """The words of a message that are known; of an answer that was cut those that were heard."""
    return " ".join(filter(None, map(_text, message.content)))


def _text(content: Text | Speech) -> str:
    words = content.text if isinstance(content, Text) else content.transcript
    return (words or "").strip()


def _merged(told: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Without two messages of one side in a row, which some models' templates refuse."""
    merged: list[ChatMessage] = []
    for message in told:
        last = merged[-1] if merged else None
        if isinstance(message, Said) and isinstance(last, Said) and last.role is message.role:
            merged[-1] = Said(last.role, f"{last.text}\n{message.text}")
        else:
            merged.append(message)
    return merged

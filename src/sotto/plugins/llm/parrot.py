"""The partner of those who have no language model: it says so, and repeats what it heard."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from sotto.dialogue.tongue import tongue
from sotto.interfaces.chat import ChatMessage, ChatPiece, ChatRequest, Finished, Piece, Role, Said

LONGEST = 300
"""Characters that are repeated."""


@dataclass(frozen=True)
class _Phrasebook:
    """What it says in one language."""

    greeting: str
    """In the first answer of a conversation."""
    repeating: str
    """With what was heard at `{}`."""
    between: str = " "


_PHRASEBOOKS = {
    "en": _Phrasebook(
        "There is no language model here yet, so I can only repeat what I hear.", "You said: {}"
    ),
    "es": _Phrasebook(
        "Aquí todavía no hay ningún modelo de lenguaje, así que solo puedo repetir lo que oigo.",
        "Has dicho: {}",
    ),
    "fr": _Phrasebook(
        "Il n'y a pas encore de modèle de langue ici, je ne peux donc que répéter ce que "
        "j'entends.",
        "Vous avez dit : {}",
    ),
    "zh": _Phrasebook("这里还没有语言模型，我只能重复我听到的话。", "你说的是：{}", ""),
    "ja": _Phrasebook(
        "ここにはまだ言語モデルがないので、聞こえたことを繰り返すだけです。",
        "「{}」と言いましたね。",
        "",
    ),
}

_PIECES = re.compile(r"\s*(?:[\u2e80-\ufaff\uff00-\uffef]|[^\s\u2e80-\ufaff\uff00-\uffef]+)|\s+$")
"""Words with the space before them; Chinese and Japanese sign by sign."""


class Parrot:
    """Answers at once, word by word, and never asks for a function."""

    name = "parrot"

    async def answer(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        """The answer. It never fails."""
        length = 0
        for word in _words(_said(request)):
            length += 1
            yield Piece(word)
        yield Finished(output_tokens=length)

    async def warm_up(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing is held."""


def _said(request: ChatRequest) -> str:
    heard = " ".join(_last_words(request.messages).split())
    language = request.language or tongue(heard, "", "")
    book = _PHRASEBOOKS.get(language, _PHRASEBOOKS["en"])
    is_first = not any(
        isinstance(each, Said) and each.role is Role.ASSISTANT for each in request.messages
    )
    parts = [book.greeting] if is_first or not heard else []
    parts += [book.repeating.format(heard[:LONGEST])] if heard else []
    return book.between.join(parts)


def _last_words(messages: tuple[ChatMessage, ...]) -> str:
    """The user's."""
    said = [each.text for each in messages if isinstance(each, Said) and each.role is Role.USER]
    return said[-1] if said else ""


def _words(text: str) -> Iterator[str]:
    return (found[0] for found in _PIECES.finditer(text))

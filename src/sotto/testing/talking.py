"""A language model that says what a test wants, and a voice whose sound follows from its text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np

from sotto.audio.format import Samples
from sotto.dialogue.items import OUTPUT_RATE
from sotto.errors import VoiceUnavailable
from sotto.interfaces.chat import ChatPiece, ChatRequest, Finished, Piece
from sotto.interfaces.synthesizer import Phrase

Script: TypeAlias = Iterable[str | ChatPiece | Exception]
"""What one answer gives, in order; words may stand for a Piece. Nothing follows an error."""
LANGUAGES = ("en", "es", "fr", "zh", "ja")
SECONDS_PER_CHARACTER = 0.05
PIECE_SECONDS = 0.1
PITCHES: Mapping[str, float] = {language: 200.0 + 50.0 * n for n, language in enumerate(LANGUAGES)}
"""Hz by language: a test can hear in which one was spoken."""


class Asked:
    """One answer that a ScriptedChat was asked for. `release` may be called from any thread."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.given = 0
        """Pieces that whoever asked has taken."""
        self.closed = asyncio.Event()
        """Its generator is at its end, or was closed."""
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | ChatPiece | Exception] = asyncio.Queue()

    def release(self, *pieces: str | ChatPiece | Exception) -> None:
        """Let these be said; a Finished or an error ends the answer."""
        for piece in pieces:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    def finish(self, *pieces: str | ChatPiece) -> None:
        """Let these be the last."""
        self.release(*pieces, Finished())

    async def answer(self) -> AsyncIterator[ChatPiece]:
        """What is released."""
        while True:
            piece = await self._pieces.get()
            if isinstance(piece, Exception):
                raise piece
            self.given += 1
            yield Piece(piece) if isinstance(piece, str) else piece
            if isinstance(piece, Finished):
                return


class ScriptedChat:
    """A ChatModel that says what a test wants.

        ScriptedChat(["Good ", "day."], ["Bye."])  answers in this order, then the last again
        ScriptedChat(by=lambda request: [...])     answers what is asked
        ScriptedChat()                             says what `asked(n)` is told to release

    A script without a Finished at its end is given one.
    """

    def __init__(
        self,
        *scripts: Script,
        by: Callable[[ChatRequest], Script] | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.answers: list[Asked] = []
        """In the order in which they were asked for."""
        self.warmed = 0
        self.is_closed = False
        self._scripts = [tuple(script) for script in scripts]
        self._by = by
        self._more = asyncio.Event()

    @property
    def requests(self) -> list[ChatRequest]:
        """What was asked for so far."""
        return [asked.request for asked in self.answers]

    @property
    def open(self) -> int:
        """Answers whose generators are neither at their end nor closed."""
        return sum(not asked.closed.is_set() for asked in self.answers)

    async def asked(self, n: int = 0) -> Asked:
        """The answer of that number, from 0, as soon as it was asked for."""
        while len(self.answers) <= n:
            self._more.clear()
            await self._more.wait()
        return self.answers[n]

    async def answer(self, request: ChatRequest) -> AsyncIterator[ChatPiece]:
        """What was written down, or what is released."""
        asked = Asked(request)
        script = self._script(request, len(self.answers))
        self.answers.append(asked)
        self._more.set()
        if script is not None:
            asked.release(*script)
            asked.finish()
        try:
            async for piece in asked.answer():
                yield piece
        finally:
            asked.closed.set()

    async def warm_up(self) -> None:
        """Count it."""
        self.warmed += 1

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True

    def _script(self, request: ChatRequest, n: int) -> Script | None:
        if self._by is not None:
            return self._by(request)
        return self._scripts[min(n, len(self._scripts) - 1)] if self._scripts else None


class ToneVoice:
    """A Synthesizer: a tone of 50 ms for each character, at the pitch of its language.

    It comes in pieces of 100 ms; `by_hand`: each waits for `release`.
    """

    def __init__(
        self,
        languages: Iterable[str] = LANGUAGES,
        *,
        rate: int = OUTPUT_RATE,
        breaks_at: str = "",
        by_hand: bool = False,
        name: str = "tone",
    ) -> None:
        self.name = name
        self.languages = frozenset(languages)
        self.voices = (f"{name}-low", f"{name}-high")
        self.sample_rate = rate
        self.spoken: list[Phrase] = []
        """All that was asked of it."""
        self.open = 0
        """Phrases whose generators are neither at their end nor closed."""
        self.warmed = 0
        self.is_closed = False
        self._breaks_at = breaks_at
        """A text: after the first piece of a phrase that holds it, the engine breaks."""
        self._by_hand = by_hand
        self._released = asyncio.Semaphore(0)
        self._more = asyncio.Event()

    async def asked(self, n: int = 0) -> Phrase:
        """The phrase of that number, from 0, as soon as it is to be spoken."""
        while len(self.spoken) <= n:
            self._more.clear()
            await self._more.wait()
        return self.spoken[n]

    def release(self, pieces: int = 1) -> None:
        """Let so many pieces of 100 ms more be made. In the loop's own thread."""
        for _ in range(pieces):
            self._released.release()

    def length(self, text: str, speed: float = 1.0) -> int:
        """Samples of a text's sound at its rate."""
        return round(len(text) * SECONDS_PER_CHARACTER * self.sample_rate / speed)

    async def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """The tone, piece by piece. Raises VoiceUnavailable."""
        self.spoken.append(phrase)
        self._more.set()
        if phrase.language not in self.languages:
            raise VoiceUnavailable(
                f"expected one of {', '.join(sorted(self.languages))}, got {phrase.language!r}"
            )
        self.open += 1
        try:
            for piece in self._pieces(phrase):
                await (self._released.acquire() if self._by_hand else asyncio.sleep(0))
                yield piece
                if self._breaks_at and self._breaks_at in phrase.text:
                    raise VoiceUnavailable(f"{self.name} broke")
        finally:
            self.open -= 1

    async def warm_up(self) -> None:
        """Count it."""
        self.warmed += 1

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True

    def _pieces(self, phrase: Phrase) -> list[Samples]:
        pitch = PITCHES.get(phrase.language, 150.0) * (2 if phrase.voice == self.voices[1] else 1)
        times = np.arange(self.length(phrase.text, phrase.speed)) / self.sample_rate
        sound = (0.3 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)
        step = round(PIECE_SECONDS * self.sample_rate)
        return [sound[at : at + step] for at in range(0, len(sound), step)]

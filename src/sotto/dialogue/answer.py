"""One answer: what the model says, cut into phrases, spoken, and told as it comes.

    chat ── text ──▶ phrases ── two of them at most ──▶ voice ── sound ──▶ told
          └─ told at once

Whatever breaks ends the answer, not the talk: what came until then stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from sotto.audio.format import Samples
from sotto.dialogue.calls import Calls
from sotto.dialogue.closing import closing, in_time
from sotto.dialogue.events import (
    AnswerEvent,
    AudioDelta,
    Ending,
    ItemDone,
    ItemStarted,
    Place,
    Reason,
    ResponseDone,
    TextDelta,
    Usage,
)
from sotto.dialogue.items import OUTPUT_RATE, Item, Message, Status
from sotto.dialogue.partner import Partner
from sotto.dialogue.phrases import Phrases
from sotto.dialogue.progress import Stopwatch, Tape, message
from sotto.dialogue.request import ResponseRequest
from sotto.dialogue.speakable import speakable
from sotto.dialogue.tongue import tongue
from sotto.errors import ChatUnavailable, SottoError, VoiceUnavailable
from sotto.interfaces.chat import (
    CallPiece,
    ChatMessage,
    ChatPiece,
    ChatRequest,
    Finish,
    Finished,
    Piece,
    Role,
)
from sotto.interfaces.synthesizer import Phrase

AHEAD = 2
"""Phrases that wait for the voice before the model is read no further."""
DELTA = 2 * OUTPUT_RATE // 5
"""Samples that are told at once at most, 400 ms."""
_REASONS = {Finish.LENGTH: Reason.LENGTH, Finish.FILTER: Reason.FILTER}


@dataclass(frozen=True)
class Scene:
    """What an answer is given in."""

    messages: Callable[[], Awaitable[tuple[ChatMessage, ...]]]
    """What is answered, once all of it is known."""
    language: str
    """In which the user spoke last; empty where nobody knows."""
    generation: int
    since: float
    """Clock time at which what is answered was there."""
    heard: float | None = None
    """See Timing."""


class Answer:
    """Runs once. `tape` and `watch` say at any moment how far it is."""

    def __init__(
        self,
        partner: Partner,
        request: ResponseRequest,
        scene: Scene,
        tell: Callable[[AnswerEvent], Awaitable[None]],
        make_id: Callable[[str], str],
    ) -> None:
        self.request = request
        self.tape = Tape()
        self.watch = Stopwatch(partner.clock, scene.since, scene.heard)
        self._partner = partner
        self._scene = scene
        self._listener = tell
        self._make_id = make_id
        self._calls = Calls(self._begin, self._tell, make_id, partner.limits)
        self._outputs = 0
        self._items: dict[int, Item] = {}
        """Those that are done, by output."""
        self._at: Place | None = None
        """Of the message."""
        self._text = ""
        self._phrases: Phrases | None = None
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(AHEAD)
        self._finished: Finished | None = None
        self._failure: SottoError | None = None
        self._hoarse: VoiceUnavailable | None = None
        self._is_mute = not request.manner.speaks

    async def run(self) -> None:
        """From its first item to its last event; that it began is told already."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._think())
            tasks.create_task(self._speak())
        if self._at is not None:
            phrases = self.tape.phrases() if self.request.manner.speaks else None
            said = message(self._at.item, self._text, self._status, phrases)
            await self._tell(ItemDone(self._at, said))
        self.watch.mark("over")
        await self._tell(self._done())

    # ---- the model

    async def _think(self) -> None:
        try:
            await self._read()
        except SottoError as error:
            self._failure = error
        await self._calls.finish(self._status)
        if self._phrases is not None:
            await self._wait_for_voice(self._phrases.finish())
        await self._waiting.put(None)

    async def _read(self) -> None:
        manner = self.request.manner
        request = ChatRequest(
            messages=await self._scene.messages(),
            language=manner.language or self._scene.language,
            tools=manner.tools,
            tool_choice=manner.tool_choice,
            max_tokens=manner.max_tokens,
        )
        within = self._partner.limits.silence
        late = ChatUnavailable(f"expected the model to go on within {within:g} s, got nothing")
        pieces = in_time(self._partner.chat.answer(request), within, late)
        async with closing(pieces):
            async for piece in pieces:
                await self._take(piece)
                if self._finished is not None:
                    return
        raise ChatUnavailable("expected the model to end its answer, got one that breaks off")

    async def _take(self, piece: ChatPiece) -> None:
        match piece:
            case Piece(text):
                await self._write(text)
            case CallPiece():
                await self._calls.take(piece)
            case Finished():
                self._finished = piece

    async def _write(self, text: str) -> None:
        """White space alone is no message yet: some models begin with it, and then call."""
        room = self._partner.limits.characters - len(self._text)
        if len(text) > room:
            text, self._finished = text[:room], Finished(Finish.LENGTH)
        self._text += text
        if self._at is None:
            if not self._text.strip():
                return
            text = self._text
            self._at = await self._begin(
                Message(self._make_id("item"), Role.ASSISTANT, (), Status.IN_PROGRESS)
            )
            self._phrases = self._cutter()
        if not text:
            return
        self.watch.mark("first_word")
        self.watch.mark("last_word")
        await self._tell(TextDelta(self._at, text))
        if self._phrases is not None:
            await self._wait_for_voice(self._phrases.receive(text))

    def _cutter(self) -> Phrases | None:
        """None where nothing is spoken."""
        if self._is_mute:
            return None
        try:
            return Phrases()
        except VoiceUnavailable as error:
            self._hoarse = error
            return None

    async def _wait_for_voice(self, phrases: list[str]) -> None:
        for phrase in phrases:
            self.watch.mark("first_phrase")
            await self._waiting.put(phrase)

    # ---- the voice

    async def _speak(self) -> None:
        while (text := await self._waiting.get()) is not None:
            number = self.tape.begin(text)
            try:
                await self._say(number, speakable(text))
            except VoiceUnavailable as error:
                self._hoarse = self._hoarse or error
            self.tape.finish()

    async def _say(self, number: int, text: str) -> None:
        """Raises VoiceUnavailable. Where an engine broke, nothing more is asked of it; a language
        that nobody speaks is left out, and the next phrase may be another's."""
        if not text or self._is_mute:
            return
        manner, limits = self.request.manner, self._partner.limits
        language = tongue(text, manner.language, self._scene.language)
        phrase = Phrase(text, language, manner.voice, manner.speed)
        late = VoiceUnavailable(f"expected sound within {limits.hoarseness:g} s, got none")
        most, since = round(limits.sound * OUTPUT_RATE), self.tape.length
        try:
            pieces = in_time(self._partner.voices.speak(phrase), limits.hoarseness, late)
            async with closing(pieces):
                async for piece in pieces:
                    await self._sound(number, piece)
                    if self.tape.length - since > most:
                        raise VoiceUnavailable(f"expected {limits.sound:g} s at most, got more")
        except VoiceUnavailable:
            self._is_mute = language in self._partner.voices.languages
            raise

    async def _sound(self, number: int, samples: Samples) -> None:
        assert self._at is not None
        for start in range(0, len(samples), DELTA):
            piece = samples[start : start + DELTA]
            self.tape.add(len(piece))
            self.watch.mark("first_sound")
            self.watch.mark("last_sound")
            await self._tell(AudioDelta(self._at, number, _pcm(piece)))

    # ---- what is told

    async def _begin(self, item: Item) -> Place:
        at = Place(self._scene.generation, self.request.id, self._outputs, item.id)
        self._outputs += 1
        await self._tell(ItemStarted(at, item, None))
        return at

    async def _tell(self, event: AnswerEvent) -> None:
        if isinstance(event, ItemDone):
            self._items[event.at.output] = event.item
        await self._listener(event)

    @property
    def _status(self) -> Status:
        is_whole = self._finished is not None and self._finished.why is Finish.STOP
        return Status.COMPLETED if is_whole else Status.INCOMPLETE

    def _done(self) -> ResponseDone:
        finished = self._finished or Finished()
        failure = self._failure or self._hoarse
        reason = None if failure else _REASONS.get(finished.why)
        ending = Ending.INCOMPLETE if reason else Ending.COMPLETED
        return ResponseDone(
            request=self.request,
            ending=Ending.FAILED if failure else ending,
            items=tuple(self._items[output] for output in sorted(self._items)),
            usage=Usage(finished.input_tokens, finished.output_tokens, self.tape.length),
            timing=self.watch.timing,
            reason=reason,
            error=(failure.code, failure.message) if failure else None,
        )


def _pcm(samples: Samples) -> bytes:
    """s16le; what is no number is silence."""
    sound = np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    return np.rint(sound * 32_767).astype("<i2").tobytes()

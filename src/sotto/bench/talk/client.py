"""One conversation: a microphone that never stops, and somebody who waits for answers.

A message is due when the last of its sound has been spoken; one that is late moves none that
follow (as in `bench/streams/client.py`). Answers come faster than they sound: the client plays them
from their first sound on, and tells how much it played when it is interrupted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

import numpy as np

from sotto.audio.format import SAMPLE_RATE, exact_div
from sotto.bench.streams.client import Sleep
from sotto.bench.streams.plan import Utterance
from sotto.bench.streams.sound import Bank, Pcm
from sotto.bench.talk.plan import Interruption, Log, Plan, Question
from sotto.bench.talk.reading import answer_to, asked, read
from sotto.client.talk_events import Paused, Sounds, TalkEvent, TurnStarted
from sotto.client.talking import Talking
from sotto.clock import Clock
from sotto.errors import SottoError

PIECE = exact_div(SAMPLE_RATE, 25)  # 640 samples, 40 ms: as the page sends them
PAUSE = 0.5
"""Seconds between the end of an answer and the next question."""
LEFT = 0.6
"""Seconds of an answer that must be left for it to be spoken into."""

Found = TypeVar("Found")


class Microphone:
    """Sound at the pace of speech; silence where nothing is said."""

    def __init__(self, talk: Talking, clock: Clock, sleep: Sleep) -> None:
        self._talk = talk
        self._clock = clock
        self._sleep = sleep
        self._began = 0.0
        self._sent = 0
        """Pieces."""
        self._waiting: deque[Pcm] = deque()
        self.late: list[float] = []
        """Seconds by which each piece was."""

    async def run(self) -> None:
        """For ever."""
        self._began = self._clock.monotonic()
        for self._sent in count():
            due = self._began + (self._sent + 1) * PIECE / SAMPLE_RATE
            if (wait := due - self._clock.monotonic()) > 0:
                await self._sleep(wait)
            self.late.append(max(0.0, self._clock.monotonic() - due))
            piece = self._waiting.popleft() if self._waiting else np.zeros(PIECE, np.int16)
            await self._talk.send(piece.astype("<i2").tobytes())

    def say(self, pcm: Pcm) -> float:
        """With the next piece; when its first sample is due, in the clock's seconds."""
        padded = np.pad(pcm, (0, -len(pcm) % PIECE))
        self._waiting.extend(padded.reshape(-1, PIECE))
        return self._began + self._sent * PIECE / SAMPLE_RATE


class Ear:
    """Everything that the server says, with the time at which it came."""

    def __init__(self, talk: Talking, clock: Clock) -> None:
        self._talk = talk
        self._clock = clock
        self._news = asyncio.Event()
        self.told: list[tuple[float, TalkEvent]] = []

    async def run(self) -> None:
        """Until the server hangs up. Raises what `Talking` does."""
        async for event in self._talk:
            self.told.append((self._clock.monotonic(), event))
            self._news.set()

    async def find(self, look: Callable[[], Found | None]) -> Found:
        """What `look` finds in what was told, as soon as it does."""
        while (found := look()) is None:
            self._news.clear()
            await self._news.wait()
        return found

    def first(self, since: int, kind: type[TalkEvent]) -> float | None:
        """When the first of that kind came, of all that was told from a place on."""
        return next((at for at, event in self.told[since:] if isinstance(event, kind)), None)


@dataclass
class Client:
    """Somebody who talks with the server."""

    talk: Talking
    bank: Bank
    plan: Plan
    clock: Clock
    sleep: Sleep
    patience: float
    """Seconds after the end of a question in which an answer must have come."""
    log: Log
    _microphone: Microphone = field(init=False)
    _ear: Ear = field(init=False)

    def __post_init__(self) -> None:
        self._microphone = Microphone(self.talk, self.clock, self.sleep)
        self._ear = Ear(self.talk, self.clock)
        self.log.late = self._microphone.late

    async def converse(self) -> None:
        """Ask everything that is planned; what fails is in the log."""
        try:
            async with self.talk:
                beside = {
                    asyncio.ensure_future(work)
                    for work in (self._microphone.run(), self._ear.run())
                }
                asking = asyncio.ensure_future(self._ask_all())
                try:
                    await asyncio.wait({asking, *beside}, return_when=asyncio.FIRST_COMPLETED)
                    for one in (*beside, asking):
                        if one.done():
                            one.result()
                finally:
                    for one in (asking, *beside):
                        one.cancel()
                    await asyncio.gather(asking, *beside, return_exceptions=True)
        except SottoError as error:
            self.log.failure = str(error)

    async def _ask_all(self) -> None:
        said = iter(self.plan.said(self.bank.spoken, self.log.conversation))
        left = self.plan.interruptions
        await self._ask(next(said), None)  # in the first answer, echo cancellation settles
        for number in range(1, self.plan.turns + left):
            await self._ask(next(said), into=next(said) if number <= left else None)

    async def _ask(self, utterance: Utterance, into: Utterance | None) -> None:
        """One question; `into`: what is said while its answer sounds."""
        since = len(self._ear.told)
        began = self._microphone.say(self.bank.render(utterance))
        question = asked(utterance, began)
        question = await self._answered(question, since)
        self.log.questions.append(question)
        if question.first_sound is None:
            return
        if into is None:
            await self._until(question.first_sound + question.sound + PAUSE)
            return
        await self._until(question.first_sound + self.plan.after)
        if self.clock.monotonic() + LEFT > question.first_sound + question.sound:
            self.log.short += 1
            await self._ask(into, None)
            return
        await self._interrupt(into, question.first_sound)

    async def _interrupt(self, utterance: Utterance, playing_since: float) -> None:
        since = len(self._ear.told)
        began = self._microphone.say(self.bank.render(utterance))
        question = asked(utterance, began)
        stop = await self._within(
            lambda: self._ear.first(since, TurnStarted), question.ended + self.patience
        )
        pause = self._ear.first(since, Paused)
        interruption = Interruption(question.began, pause, stop)
        self.log.interruptions.append(interruption)
        if interruption.quiet is not None:
            await self._truncate(playing_since, interruption.quiet)
        question = await self._answered(question, since)
        self.log.questions.append(question)
        if question.first_sound is not None:
            await self._until(question.first_sound + question.sound + PAUSE)

    async def _truncate(self, playing_since: float, stopped: float) -> None:
        """As clients do that stop playing."""
        sounding = [event for _, event in self._ear.told if isinstance(event, Sounds)]
        played = round(1_000 * (stopped - playing_since))
        await self.talk.truncate(sounding[-1].item, played)

    async def _answered(self, question: Question, since: int) -> Question:
        """The same with what came of it, once its answer is over or patience is."""

        def over() -> str | None:
            return answer_to(question, self._ear.told[since:])

        response = await self._within(over, question.ended + self.patience)
        if response is None:
            return replace(question, failure="no answer came in time")
        return read(question, self._ear.told[since:], response)

    async def _within(self, look: Callable[[], Found | None], until: float) -> Found | None:
        try:
            async with asyncio.timeout(max(0.0, until - self.clock.monotonic())):
                return await self._ear.find(look)
        except TimeoutError:
            return None

    async def _until(self, at: float) -> None:
        if (wait := at - self.clock.monotonic()) > 0:
            await self.sleep(wait)

"""One conversation in a terminal: what goes to the server, and what comes of it."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import numpy as np

from sotto.app.cli.dialog import Dialog
from sotto.app.cli.speaker import Speaker
from sotto.audio.format import Samples
from sotto.client.talk_events import (
    AnswerEnded,
    AnswerStarted,
    GoesOn,
    Paused,
    Sounds,
    TalkEvent,
    TurnStarted,
    Understood,
)
from sotto.client.talking import Talking

FULL_SCALE = 32_767


@dataclass
class Conversing:
    """Shows and plays what the server says; each question is asked by one of the methods."""

    talk: Talking
    dialog: Dialog
    speaker: Speaker
    understood: asyncio.Event = field(default_factory=asyncio.Event)
    """The words of a turn are there."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """An answer is over, though it may sound still."""
    answering: str = ""
    """The answer that is on its way."""
    is_asked: bool = False
    """Whether an answer was asked for that did not begin yet."""

    async def follow(self) -> None:
        """Until the server hangs up. Raises what `Talking` does."""
        async for event in self.talk:
            await self._act(event)
            self.dialog.show(event)

    async def _act(self, event: TalkEvent) -> None:
        match event:
            case TurnStarted():
                await self._quiet()
            case Paused():
                self.speaker.pause()
            case GoesOn():
                self.speaker.resume()
            case Understood():
                self.understood.set()
            case AnswerStarted(response):
                self.answering, self.is_asked = response, False
            case Sounds(response, item, pcm) if response == self.answering:
                self.speaker.play(item, pcm)
            case AnswerEnded(response):
                if response == self.answering:
                    self.answering = ""
                self.answered.set()
            case _:
                return

    async def _quiet(self) -> None:
        """No more of what sounds; the server is told how much of it was heard."""
        if (heard := self.speaker.stop()) is not None:
            await self.talk.truncate(*heard)

    @property
    def is_answering(self) -> bool:
        """Whether there is something to interrupt."""
        return bool(self.answering) or self.is_asked or self.speaker.is_sounding

    async def interrupt(self) -> None:
        """End the answer that is on its way, or sounds still."""
        if self.answering or self.is_asked:
            self.answering, self.is_asked = "", False
            await self.talk.cancel()
        await self._quiet()

    async def ask(self, text: str) -> None:
        """A question that was typed, to the end of its answer."""
        await self.talk.say(text)
        await self._answer()

    async def ask_aloud(self, pieces: AsyncIterator[Samples]) -> None:
        """A question that was recorded, to the end of its answer."""
        async for piece in pieces:
            await self.talk.send(to_pcm(piece))
        await self.talk.commit()
        await self.understood.wait()
        await self._answer()

    async def listen(self, pieces: AsyncIterator[Samples], *, always: bool) -> None:
        """A microphone, until it ends. Without `always` it hears silence while an answer sounds:
        loudspeakers would interrupt themselves."""
        async for piece in pieces:
            is_open = always or not self.is_answering
            await self.talk.send(to_pcm(piece if is_open else np.zeros_like(piece)))

    async def _answer(self) -> None:
        self.answered.clear()
        self.is_asked = True
        await self.talk.respond()
        await self.answered.wait()
        await self.speaker.finished()


def to_pcm(samples: Samples) -> bytes:
    """s16le."""
    return (np.clip(samples, -1, 1) * FULL_SCALE).astype("<i2").tobytes()


@contextmanager
def interrupting(conversing: Conversing) -> Iterator[None]:
    """Ctrl-C ends the answer, where there is one; else it means what it meant before."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    tasks = set[asyncio.Task[None]]()

    def interrupt() -> None:
        task = asyncio.ensure_future(conversing.interrupt())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def handle(number: int, frame: FrameType | None) -> None:
        if conversing.is_answering:
            loop.call_soon_threadsafe(interrupt)
        elif callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def typed(prompt: Callable[[], None]) -> AsyncIterator[str]:
    """Lines of standard input that say something; `prompt` is called before each.

    They are read in a thread that nobody waits for: it is blocked until the next line comes.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()
    wanted = threading.Semaphore(0)

    def read() -> None:
        while wanted.acquire():
            line = sys.stdin.readline()
            loop.call_soon_threadsafe(lines.put_nowait, line)
            if not line:
                return

    threading.Thread(target=read, name="typed", daemon=True).start()
    while True:
        prompt()
        wanted.release()
        if not (line := await lines.get()):
            return
        if text := line.strip():
            yield text

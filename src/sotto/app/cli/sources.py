"""Where the sound of `sotto live` comes from: a file at the pace of speech, or a microphone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from sotto.app.cli.lags import Lags
from sotto.audio.format import SAMPLE_RATE, Samples, exact_div
from sotto.clock import Clock
from sotto.errors import BadAudio, CallerError
from sotto.runtime.container import read_file

MIC = "mic"
PIECES_PER_SECOND = 10
PIECE = exact_div(SAMPLE_RATE, PIECES_PER_SECOND)  # 1600 samples

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
"""Returns after so many seconds of its clock."""


@dataclass(frozen=True)
class Source:
    """Sound that comes when it is due."""

    rate: int
    """Samples a second."""
    pieces: AsyncIterator[Samples]
    """Raises CallerError where the sound breaks off."""
    speed: float = 1.0
    """Seconds of sound a second; 0: as fast as it is taken."""


class Pace:
    """When sound is due: at the moment in which a microphone would have given it.

    It is told by the clock and not by the length of the pieces, so that a late one does not make
    all after it late.
    """

    def __init__(self, clock: Clock, sleep: Sleep, speed: float) -> None:
        """`speed`: seconds of sound a second; 0: nothing is waited for."""
        self.speed = speed
        self._clock = clock
        self._sleep = sleep
        self._began: float | None = None

    async def reach(self, at: float) -> None:
        """Wait until `at` seconds of sound would have been heard since the first call."""
        if not self.speed:
            return
        now = self._clock.monotonic()
        if self._began is None:
            self._began = now
        due = self._began + at / self.speed
        if due > now:
            await self._sleep(due - now)


@contextmanager
def open_source(name: str, pace: Pace) -> Iterator[Source]:
    """The microphone, or a file in pieces of 100 ms, each when it is due.

    Raises CallerError where there is none; a file's pieces raise BadAudio where it has no sound.
    """
    if name == MIC:
        yield microphone()
        return
    with _opened(name) as file:
        yield Source(SAMPLE_RATE, _paced(file, pace), pace.speed)


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise BadAudio(f"{name}: {error.strerror}") from error


async def _paced(file: BinaryIO, pace: Pace) -> AsyncIterator[Samples]:
    done = 0
    await pace.reach(0)
    async for piece in _cut(file):
        done += len(piece)
        await pace.reach(done / SAMPLE_RATE)
        yield piece


async def _cut(file: BinaryIO) -> AsyncIterator[Samples]:
    """The file in pieces of 100 ms; the last may be shorter."""
    reader = read_file(file)
    rest = np.empty(0, np.float32)
    try:
        while (samples := await asyncio.to_thread(next, reader, None)) is not None:
            rest = np.concatenate([rest, samples])
            whole = len(rest) - len(rest) % PIECE
            for at in range(0, whole, PIECE):
                yield rest[at : at + PIECE]
            rest = rest[whole:]
    except (BadAudio, OSError) as error:
        raise BadAudio(f"{file.name}: {error}") from error
    if len(rest):
        yield rest


def microphone() -> Source:
    """The machine's default microphone, at its own rate.

    Raises CallerError where there is none, or nothing to listen to it with.
    """
    try:
        import sounddevice
    except ImportError:
        raise CallerError(
            "the microphone needs an extra: pip install 'sotto[mic]'; a file needs none: "
            "sotto live FILE"
        ) from None
    except OSError as error:  # the wheels for Linux come without the library
        raise CallerError(
            f"the microphone needs PortAudio ({error}): apt install libportaudio2"
        ) from error
    try:
        device = sounddevice.query_devices(kind="input")
    except (sounddevice.PortAudioError, ValueError) as error:
        raise CallerError(f"expected a microphone, got none: {error}") from error
    rate = int(device["default_samplerate"])
    return Source(rate, _record(sounddevice, rate))


async def _record(sounddevice: Any, rate: int) -> AsyncIterator[Samples]:
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[Samples | None] = asyncio.Queue()

    def keep(heard: Samples, length: int, time: object, status: object) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, heard[:, 0].copy())

    def end() -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, None)

    try:
        with sounddevice.InputStream(
            samplerate=rate,
            channels=1,
            dtype="float32",
            blocksize=rate // PIECES_PER_SECOND,
            callback=keep,
            finished_callback=end,  # also where the device is pulled out
        ):
            while (piece := await pieces.get()) is not None:
                yield piece
    except sounddevice.PortAudioError as error:
        raise CallerError(f"the microphone does not open: {error}") from error


@contextmanager
def sounding(source: Source, lags: Lags) -> Iterator[AsyncIterator[bytes]]:
    """The source's pieces as `pcm_f32le`, until it ends or Ctrl-C ends it."""
    stopped = asyncio.Event()
    with first_interrupt(stopped.set):
        yield _to_bytes(until(stopped, source.pieces), source.rate, lags)


async def _to_bytes(pieces: AsyncIterator[Samples], rate: int, lags: Lags) -> AsyncIterator[bytes]:
    async for piece in pieces:
        lags.hear(len(piece) / rate)
        yield piece.astype("<f4").tobytes()


async def until(stopped: asyncio.Event, pieces: AsyncIterator[Samples]) -> AsyncIterator[Samples]:
    """The pieces that come before the event is set."""
    stop = asyncio.ensure_future(stopped.wait())
    following: asyncio.Future[Samples | None] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(pieces, None))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done() or (piece := following.result()) is None:
                return
            yield piece
    finally:
        stop.cancel()
        if following is not None:
            following.cancel()


@contextmanager
def first_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C acts in the event loop; the next means what it meant before."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        loop.call_soon_threadsafe(act)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

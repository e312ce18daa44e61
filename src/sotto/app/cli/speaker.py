"""Where the answers of `sotto talk` sound: from a loudspeaker, into a file, or nowhere."""

from __future__ import annotations

import asyncio
import threading
import wave
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sotto.audio.format import exact_div
from sotto.client.talk_events import ANSWER_RATE
from sotto.errors import BadOption, CallerError

SAMPLE_BYTES = 2
PER_MILLISECOND = exact_div(ANSWER_RATE, 1_000)  # 24 samples


class Speaker(Protocol):
    """Sound goes in as it comes, and is heard at its own pace."""

    def play(self, item: str, pcm: bytes) -> None:
        """Sound more of an answer's item: s16le, mono, ANSWER_RATE."""
        ...

    def stop(self) -> tuple[str, int] | None:
        """Throw away what was not heard yet.

        The item that it is of, and how many milliseconds of that were heard; None: nothing sounds.
        """
        ...

    def pause(self) -> None:
        """Keep what was not heard yet."""
        ...

    def resume(self) -> None:
        """Go on with it."""
        ...

    @property
    def is_sounding(self) -> bool:
        """Whether something was not heard yet."""
        ...

    async def finished(self) -> None:
        """Come back when all was heard."""
        ...


class Playlist:
    """What is to be heard, in order, and how much of the last item was. For two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[tuple[str, bytes]] = deque()
        self._item = ""
        self._heard = 0
        """Bytes of that item."""

    def push(self, item: str, pcm: bytes) -> None:
        """More, after all that waits."""
        if pcm:
            with self._lock:
                self._pieces.append((item, pcm))

    def take(self, size: int) -> bytes:
        """So many bytes, to be heard now; silence where nothing waits."""
        taken = bytearray()
        with self._lock:
            while self._pieces and len(taken) < size:
                item, pcm = self._pieces.popleft()
                wanted = size - len(taken)
                if len(pcm) > wanted:
                    self._pieces.appendleft((item, pcm[wanted:]))
                if item != self._item:
                    self._item, self._heard = item, 0
                self._heard += len(pcm[:wanted])
                taken += pcm[:wanted]
        return bytes(taken).ljust(size, b"\0")

    def clear(self) -> tuple[str, int] | None:
        """As `Speaker.stop`."""
        with self._lock:
            if not self._pieces:
                return None
            item = self._pieces[0][0]
            heard = self._heard if item == self._item else 0
            self._pieces.clear()
            return item, heard // (SAMPLE_BYTES * PER_MILLISECOND)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._pieces


class Loudspeaker:
    """The machine's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._playlist = Playlist()
        self._is_paused = False
        self._silent = asyncio.Event()
        self._silent.set()

    def play(self, item: str, pcm: bytes) -> None:
        """As soon as what came before was heard."""
        self._playlist.push(item, pcm)
        self._silent.clear()

    def stop(self) -> tuple[str, int] | None:
        """At once, but for what the device has taken already."""
        self._is_paused = False
        return self._playlist.clear()

    def pause(self) -> None:
        """Silence in between."""
        self._is_paused = True

    def resume(self) -> None:
        """From where it was."""
        self._is_paused = False

    @property
    def is_sounding(self) -> bool:
        """Whether something was not heard yet."""
        return not self._silent.is_set()

    async def finished(self) -> None:
        """Come back when all was heard."""
        await self._silent.wait()

    def fill(self, out: Any, frames: int, time: object, status: object) -> None:
        """Called by the device, in its own thread."""
        was_empty, size = self._playlist.is_empty, frames * SAMPLE_BYTES
        out[:] = bytes(size) if self._is_paused else self._playlist.take(size)
        if was_empty:  # what was taken before has sounded by now
            self._loop.call_soon_threadsafe(self._rest)

    def _rest(self) -> None:
        if self._playlist.is_empty:
            self._silent.set()


class Recorder:
    """Writes answers down; nobody hears them."""

    is_sounding = False

    def __init__(self, write: Callable[[bytes], None] = lambda pcm: None) -> None:
        """Without `write`, sound is dropped."""
        self._write = write

    def play(self, item: str, pcm: bytes) -> None:
        """It is written at once."""
        self._write(pcm)

    def stop(self) -> tuple[str, int] | None:
        """All is written already."""
        return None

    def pause(self) -> None:
        """Nothing sounds."""

    def resume(self) -> None:
        """Nothing sounds."""

    async def finished(self) -> None:
        """All is written already."""


@contextmanager
def recording(path: Path) -> Iterator[Recorder]:
    """Into a WAV file. Raises BadOption where it cannot be written."""
    try:
        file = wave.open(str(path), "wb")  # noqa: SIM115 - it is closed below
    except OSError as error:
        raise BadOption("output", f"cannot write {path}: {error.strerror}") from error
    with file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(ANSWER_RATE)
        yield Recorder(file.writeframesraw)


@contextmanager
def loudspeaker() -> Iterator[Loudspeaker]:
    """The machine's default one. Raises CallerError where there is none."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the wheels for Linux come without the library
        raise CallerError(
            f"answers cannot be heard here ({error}): pip install 'sotto[mic]', and PortAudio"
        ) from error
    speaker = Loudspeaker(asyncio.get_running_loop())
    try:
        stream = sounddevice.RawOutputStream(
            samplerate=ANSWER_RATE, channels=1, dtype="int16", callback=speaker.fill
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise CallerError(f"expected a loudspeaker, got none: {error}") from error
    with stream:
        yield speaker

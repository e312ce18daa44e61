"""Bytes that are pushed → a decoder that pulls, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Protocol, TypeAlias

import numpy as np

from sotto.audio.format import SAMPLE_RATE, Samples
from sotto.errors import BadAudio

MAX_SECONDS_AT_ONCE = 900
"""Sound that one piece of a stream may decode to: 58 MB. FLAC packs silence 18,000 times."""

_JOIN_SECONDS = 5.0


class BrokenOff(BadAudio):
    """The bytes end, or turn bad, after some sound."""


class Readable(Protocol):
    """What a decoder needs of a file."""

    def read(self, size: int, /) -> bytes:
        """1 to `size` bytes; none at the end."""
        ...


Decode: TypeAlias = Callable[[Readable], Generator[Samples, None, None]]
"""Pulls bytes, yields mono samples at 16 kHz. Raises BadAudio; BrokenOff after some sound."""


class Held:
    """Pieces that wait to be taken as one."""

    def __init__(self) -> None:
        self.length = 0
        """Samples."""
        self._pieces: list[Samples] = []

    def add(self, samples: Samples) -> None:
        """Hold one piece more."""
        if len(samples):
            self._pieces.append(samples)
            self.length += len(samples)

    def take(self) -> Samples:
        """All of them, and hold none."""
        whole = np.concatenate([np.empty(0, np.float32), *self._pieces])
        self._pieces.clear()
        self.length = 0
        return whole


class PullThread:
    """The thread, and both ends of its pipe. Only one of caller and thread runs at a time.

    `feed` and `end` return when the thread has used up all bytes and sleeps, or is through. So
    neither can wait for the other for ever, nothing piles up between them, and what comes out
    depends on the bytes alone.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._changed = threading.Condition()
        self._data = memoryview(b"")
        self._hungry = False
        """Whether the thread has used up all bytes and sleeps."""
        self._over = False
        """Whether no more bytes come."""
        self._abandoned = False
        self._ended = False
        """Whether the thread is through."""
        self._held = Held()
        self._error: BadAudio | None = None
        self._thread = threading.Thread(target=self._run, name="sotto-pull", daemon=True)
        self._thread.start()

    def feed(self, data: bytes) -> Samples:
        """Hand bytes to the thread, and take what it made of them. Raises BadAudio.

        Bytes after the end that the decoder found are an error: sound that nobody hears.
        """
        with self._changed:
            if self._ended and data and not (self._error or self._abandoned):
                raise BadAudio(f"expected nothing after the sound's end, got {len(data)} bytes")
            self._data = memoryview(data)
            return self._wait()

    def end(self) -> Samples:
        """Say that no more bytes come, and take the rest. Raises BadAudio."""
        with self._changed:
            self._over = True
            return self._wait()

    def abandon(self) -> None:
        """Let the thread end at its next step, at most one packet away."""
        with self._changed:
            self._abandoned = self._over = True
            self._data = memoryview(b"")
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for the thread to be gone, but not for a decoder that hangs."""
        self._thread.join(timeout=_JOIN_SECONDS)

    def read(self, size: int, /) -> bytes:
        """1 to `size` bytes, as soon as there are any; none at the end. The decoder calls it."""
        with self._changed:
            while not (self._data or self._over):
                self._hungry = True
                self._changed.notify_all()
                self._changed.wait()
            piece = bytes(self._data[:size])
            self._data = self._data[size:]
            return piece

    def _wait(self) -> Samples:
        self._hungry = False
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._hungry or self._ended)
        if self._error:
            # A new one: what is raised holds its caller's frames, and this one is kept by a thread
            # that the callers' reader holds. They would never be freed.
            raise type(self._error)(self._error.message) from self._error
        return self._held.take()

    def _run(self) -> None:
        # Stands where the lines below end in a way that nobody foresaw: the caller must hear of it.
        error: BadAudio | None = BadAudio("expected sound, got bytes that broke the decoder")
        try:
            self._collect()
            error = None
        except BrokenOff as broken:
            error = None if self._over else broken
        except BadAudio as bad:
            error = bad
        finally:
            with self._changed:
                self._error = error
                self._ended = True
                self._changed.notify_all()

    def _collect(self) -> None:
        with closing(self._decode(self)) as sounds:
            for samples in sounds:
                if self._abandoned:
                    return
                self._held.add(samples)
                if self._held.length > MAX_SECONDS_AT_ONCE * SAMPLE_RATE:
                    raise BadAudio(
                        f"expected at most {MAX_SECONDS_AT_ONCE} s of sound at once, got more"
                    )

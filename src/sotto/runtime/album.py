"""Images of one recording, one after the other → frames, one image at a time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol

from sotto.audio.chunk import MelChunk
from sotto.audio.edges import WholeEdges
from sotto.audio.mel8 import ValueRange
from sotto.errors import BadAudio, TooLarge
from sotto.runtime.intake import in_pieces
from sotto.runtime.mel_door import MelDoor, gap
from sotto.runtime.picture import MAX_BYTES, look, outline
from sotto.runtime.runner import Heard


class Recording(Protocol):
    """A spectrogram of known size, of which a part may be in memory at a time."""

    @property
    def n_mels(self) -> int:
        """Bands."""
        ...

    def __len__(self) -> int:
        """Frames."""
        ...

    def chunks(self) -> Iterator[MelChunk]:
        """All frames from 0 on, with how probable speech is. Raises BadAudio."""
        ...


@dataclass(frozen=True)
class _Place:
    """Where one image stands."""

    file: BinaryIO
    at: int
    """Its first frame, counted from the first image's."""


@dataclass(frozen=True)
class Album:
    """Images that follow each other, held to what they say of themselves."""

    places: Sequence[_Place]
    frames: int
    n_mels: int
    given: ValueRange | None
    """What black and white stand for, where an image does not say."""

    def __len__(self) -> int:
        """Frames."""
        return self.frames

    @staticmethod
    def of(files: Sequence[BinaryIO], given: ValueRange | None = None) -> Album:
        """The files' images, in order, of which nothing is unpacked.

        A picture begins where the image before it ended; a mel8 image stands at its position,
        counted from the first image's. What is left out between them is silence.
        Raises BadAudio, TooLarge; of several, they tell which.
        """
        places: list[_Place] = []
        due = first = bands = 0
        for number, file in enumerate(files, 1):
            with _telling_which(number, len(files)):
                seen = outline(_read(file))
                if number == 1:
                    first, bands = seen.position or 0, seen.bands
                if seen.bands != bands:
                    raise BadAudio(
                        f"expected an image of {bands} bands, as the first, got {seen.bands}"
                    )
                at = due if seen.position is None else seen.position - first
                due += gap(at, due) + seen.frames
            places.append(_Place(file, at))
        if not due:
            raise BadAudio("expected an image with frames, got none")
        return Album(tuple(places), due, bands, given)

    def chunks(self) -> Iterator[MelChunk]:
        """All frames from 0 on, an image or a run of them at a time. Raises BadAudio.

        Images that no client marked and no gap parts are judged as if they were one.
        """
        door = MelDoor(self.n_mels, WholeEdges)
        for number, place in enumerate(self.places, 1):
            with _telling_which(number, len(self.places)):
                image = look(_read(place.file), self.given)
            yield door.take(replace(image, position=place.at))
        yield door.finish()


async def hear_recording(recording: Recording) -> AsyncIterator[Heard]:
    """Its frames, off the event loop, no faster than they are taken. Raises BadAudio."""
    chunks = recording.chunks()
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        async for piece in in_pieces(chunk):
            yield piece


def _read(file: BinaryIO) -> bytes:
    """Raises BadAudio, TooLarge."""
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise BadAudio("expected an image, got an empty file")
    if size > MAX_BYTES:
        raise TooLarge(f"expected an image of at most {MAX_BYTES:,} bytes, got {size:,}")
    file.seek(0)
    return file.read(size)


@contextmanager
def _telling_which(number: int, of: int) -> Iterator[None]:
    """Of several images, say which was at fault."""
    try:
        yield
    except (BadAudio, TooLarge) as error:
        if of == 1:
            raise
        raise type(error)(f"image {number}: {error.message}") from error

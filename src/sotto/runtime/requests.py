"""What is asked for: streams, files, and how much of them is too much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sotto.audio.format import PcmFormat
from sotto.streaming.segmenter import SegmenterOptions
from sotto.transcript.options import DecodeOptions, StreamOptions


class Container:
    """The sound comes in a container, as a browser's MediaRecorder makes them."""


@dataclass(frozen=True)
class Sniffed:
    """The sound comes in a container if its first bytes say so, else as raw samples."""

    otherwise: PcmFormat = field(default_factory=PcmFormat)


class MelImages:
    """No sound comes: each message is an image of its spectrogram, as `audio/mel8.py` has it."""


SoundFormat: TypeAlias = PcmFormat | Container | Sniffed | MelImages


@dataclass(frozen=True)
class Place:
    """Where on its session's clock a stream goes on, as its client has it."""

    at: int = 0
    """The session's frame at which the sound that is sent begins."""
    received: int | None = None
    """Utterances whose finals the client has. None: it is one that does not come back after a cut,
    and what was open then is written down at once."""
    heard: int = 0
    """The frame up to which the client has all that was said: the sound before it is for the
    detector alone, which knows the room by then."""

    @property
    def comes_back(self) -> bool:
        """Whether the client sends again what a cut leaves open."""
        return self.received is not None


@dataclass(frozen=True)
class StreamRequest:
    """What a client wants of a stream."""

    model: str = ""
    """A name; empty takes the server's default."""
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    stream: StreamOptions = field(default_factory=StreamOptions)
    sound: SoundFormat = field(default_factory=PcmFormat)
    pause: float | None = None
    """Seconds of silence that end an utterance; None takes the server's. No less than 0.36 s."""
    threshold: float | None = None
    """Probability at which speech begins; None takes the server's."""
    idle: float | None = None
    """Seconds without sound after which an open utterance is ended; None takes the server's."""
    longest: float | None = None
    """Seconds after which an utterance is cut, 1 to 30; None takes the server's."""
    group: str | None = None
    """What the streams of several voices share in the store: a meeting, a recording's channels."""
    speaker: str | None = None
    """Which of the group's voices it is."""
    session: str | None = None
    """A name in the store, under which an earlier stream of that name is carried on; None makes
    one up."""
    place: Place | None = None
    """Where it is carried on, by a client that sends again what is not stored; None: frames are
    counted from 0, and nothing is sent again."""

    @property
    def can_resume(self) -> bool:
        """Whether its client comes back after an error; others go on without a store."""
        return self.place is not None or self.session is not None


@dataclass(frozen=True)
class FileRequest:
    """What a client wants of a file."""

    model: str = ""
    """A name; empty takes the server's default."""
    decode: DecodeOptions = field(default_factory=DecodeOptions)


@dataclass(frozen=True)
class Limits:
    """How much is too much."""

    max_sessions: int = 256
    max_files: int = 64
    max_file_seconds: float = 6 * 3600
    """Of sound in one file: FLAC packs hours of silence into a few bytes."""
    keep: float = 0.0
    """Seconds for which a session is kept once nothing more is heard of it; 0: for ever."""
    idle: float = 2.0
    """Seconds without sound after which an open utterance is ended."""
    guard: int | None = None
    """Frames, for the policy `alignatt`; None takes the model's own."""
    whole_partials: bool = True
    """False holds for all streams, whatever they ask for."""
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)

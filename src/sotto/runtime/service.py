"""What every transport asks for: a stream to talk to, a file to be written down."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from sotto.audio.chunk import MelChunk
from sotto.audio.edges import MAJORITY, OPENS, RELEASES
from sotto.audio.format import PcmFormat, frames, seconds
from sotto.errors import Draining, Overloaded, TooLarge
from sotto.interfaces.detector import DetectorFactory
from sotto.interfaces.engine import Traits
from sotto.interfaces.store import TranscriptStore
from sotto.runtime.batcher import Recognizer
from sotto.runtime.container import ContainerReader, read_file
from sotto.runtime.door import Door, Ear, PcmSource, WayIn
from sotto.runtime.fitting import fit, reader, warnings
from sotto.runtime.intake import Message, at_most, hear_file, hear_stream, in_pieces
from sotto.runtime.mel_door import MelDoor
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool
from sotto.runtime.names import Hold, Names, until
from sotto.runtime.runner import Heard, Listener, Surroundings, run_session
from sotto.runtime.transcribe import transcribe
from sotto.streaming.guards import GuardOptions
from sotto.streaming.options import SessionOptions
from sotto.streaming.policies import make_policy
from sotto.streaming.segmenter import SegmenterOptions
from sotto.streaming.session import Session
from sotto.transcript.events import Warned
from sotto.transcript.options import DecodeOptions, PolicyName, StreamOptions
from sotto.transcript.words import Segment, Transcript

FILE_LOOKAHEAD = 16
"""Windows of one file that may be decoded at once."""
EARLIER_SEGMENTS = 8
"""Of a stream that is carried on, whose text helps to decode what comes."""


class Container:
    """The sound comes in a container, as a browser's MediaRecorder makes them."""


class MelImages:
    """No sound comes: each message is an image of its spectrogram, as `audio/mel8.py` has it."""


SoundFormat: TypeAlias = PcmFormat | Container | MelImages

BY_EDGES = GuardOptions(gate=RELEASES, faint=MAJORITY)
"""What to believe of a hypothesis where edges tell of speech: they know no more certainty."""


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
    session: str | None = None
    """A name in the store, under which an earlier stream of that name is carried on; None makes
    one up."""


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
    idle: float = 2.0
    """Seconds without sound after which an open utterance is ended."""
    guard: int | None = None
    """Frames, for the policy `alignatt`; None takes the model's own."""
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)


@dataclass(frozen=True)
class Stream:
    """One open stream."""

    id: str
    model: str
    traits: Traits
    session: Session
    warnings: tuple[Warned, ...]
    """What the client should know before it sends sound."""
    _door: WayIn
    _around: Surroundings
    _idle: float
    _hold: Hold

    async def run(self, messages: AsyncIterator[Message], listener: Listener) -> None:
        """From the first message to the last event; see `run_session`."""
        try:
            messages = until(messages, self._hold.wanted)
            heard = hear_stream(messages, self._door, idle=self._idle)
            await run_session(self.session, heard, listener, self._around)
        finally:
            self._door.close()


@dataclass
class Service:
    """One process' ears: models, detector, store, and the limits on them."""

    models: ModelPool[Recognizer]
    detectors: DetectorFactory
    store: TranscriptStore
    metrics: Metrics
    limits: Limits
    defaults: DecodeOptions = field(default_factory=DecodeOptions)
    """What holds where a client does not say otherwise."""
    policy: PolicyName = PolicyName.ALIGNATT
    """The same, for streams."""
    names: Names = field(default_factory=Names)
    draining: bool = False
    open_streams: int = 0
    open_files: int = 0
    done: int = 0
    """Files and streams that came to their end."""

    @asynccontextmanager
    async def open_stream(self, request: StreamRequest, dialect: str) -> AsyncIterator[Stream]:
        """A stream, for as long as the context lasts.

        Raises Overloaded, Draining, what the model pool raises, and BadOption.
        """
        with self._admit_stream(dialect):
            stream_id = request.session or str(uuid.uuid4())
            async with (
                self.names.hold(stream_id) as hold,
                self.models.use(request.model) as (name, model),
            ):
                earlier = await self.store.segments(stream_id)
                options = SessionOptions(
                    decode=fit(request.decode, model.traits),
                    policy=make_policy(request.stream, guard=self._guard(model.traits)),
                    segmenter=self._segmenter(request),
                    guards=BY_EDGES if isinstance(request.sound, MelImages) else GuardOptions(),
                    partials=request.stream.partials,
                    use_context=request.stream.use_context,
                    first=earlier[-1].id + 1 if earlier else 0,
                    text=" ".join(segment.text for segment in earlier[-EARLIER_SEGMENTS:]),
                )
                yield Stream(
                    id=stream_id,
                    model=name,
                    traits=model.traits,
                    session=Session(model.traits, options),
                    warnings=tuple(warnings(name, model.traits, request.decode)),
                    _door=self._door(request.sound, model.traits),
                    _around=Surroundings(model, self.metrics, self.store, stream_id),
                    _idle=self.limits.idle if request.idle is None else request.idle,
                    _hold=hold,
                )
                self.done += 1

    async def transcribe_file(
        self,
        file: Path | BinaryIO,
        request: FileRequest,
        tell: Callable[[Segment], None] = lambda segment: None,
    ) -> Transcript:
        """All that is said in any audio or video file.

        Raises BadAudio, TooLarge, Overloaded, Draining, what the model pool raises, and BadOption.
        """

        def hear(traits: Traits) -> AsyncIterator[Heard]:
            pieces = at_most(self.limits.max_file_seconds, read_file(file))
            return hear_file(pieces, Ear(traits.n_mels, self.detectors()))

        with self._admit_file():
            options = SessionOptions(segmenter=self.limits.segmenter)
            return await self._write_down(hear, request, options, tell)

    async def transcribe_image(
        self, see: Callable[[], MelChunk], request: FileRequest
    ) -> Transcript:
        """All that is said in a spectrogram, by a model that reads as many bands as it has.

        `see` gives it, in a thread. Raises BadAudio where no such model is served; what `see`
        raises; and as `transcribe_file`.
        """
        with self._admit_file():
            image = await asyncio.to_thread(see)
            most = self.limits.max_file_seconds
            if seconds(len(image)) > most:
                raise TooLarge(f"expected at most {most:g} s of sound in one image, got more")
            options = SessionOptions(segmenter=_by_edges(self.limits.segmenter), guards=BY_EDGES)
            model = reader(self.models, image.mel.shape[1], request.model)
            request = replace(request, model=model)
            return await self._write_down(lambda _: in_pieces(image), request, options)

    async def _write_down(
        self,
        hear: Callable[[Traits], AsyncIterator[Heard]],
        request: FileRequest,
        options: SessionOptions,
        tell: Callable[[Segment], None] = lambda segment: None,
    ) -> Transcript:
        async with self.models.use(request.model) as (_, model):
            options = replace(
                options,
                decode=fit(request.decode, model.traits),
                partials=False,
                use_context=False,
                lookahead=FILE_LOOKAHEAD,
            )
            around = Surroundings(model, self.metrics, kind="file")
            session = Session(model.traits, options)
            transcript = await transcribe(hear(model.traits), session, around, tell)
        self.done += 1
        self.metrics.files_total.inc()
        return replace(transcript, task=request.decode.task)

    def _segmenter(self, request: StreamRequest) -> SegmenterOptions:
        """The server's, but for what the client wants otherwise. Raises BadOption."""
        usual = self.limits.segmenter
        if isinstance(request.sound, MelImages):
            usual = _by_edges(usual)
        return usual.but(
            threshold=request.threshold,
            silence=None if request.pause is None else frames(request.pause),
            longest=None if request.longest is None else frames(request.longest),
        )

    def _guard(self, traits: Traits) -> int:
        return traits.guard if self.limits.guard is None else self.limits.guard

    def _door(self, sound: SoundFormat, traits: Traits) -> WayIn:
        if isinstance(sound, MelImages):
            return MelDoor(traits.n_mels)
        reader = PcmSource(sound) if isinstance(sound, PcmFormat) else ContainerReader()
        return Door(reader, Ear(traits.n_mels, self.detectors()))

    @contextmanager
    def _admit_stream(self, dialect: str) -> Iterator[None]:
        self._check_open()
        if self.open_streams >= self.limits.max_sessions:
            raise Overloaded(f"expected at most {self.limits.max_sessions} streams, got one more")
        self.open_streams += 1
        self.metrics.sessions_total.labels(dialect).inc()
        self.metrics.sessions.labels(dialect).inc()
        try:
            yield
        finally:
            self.open_streams -= 1
            self.metrics.sessions.labels(dialect).dec()

    @contextmanager
    def _admit_file(self) -> Iterator[None]:
        self._check_open()
        if self.open_files >= self.limits.max_files:
            raise Overloaded(f"expected at most {self.limits.max_files} files, got one more")
        self.open_files += 1
        self.metrics.files.inc()
        try:
            yield
        finally:
            self.open_files -= 1
            self.metrics.files.dec()

    def _check_open(self) -> None:
        if self.draining:
            raise Draining("the server is about to stop: try again in a moment")


def _by_edges(usual: SegmenterOptions) -> SegmenterOptions:
    return replace(usual, threshold=OPENS, release=RELEASES)

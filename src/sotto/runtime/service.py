"""What every transport asks for: a stream to talk to, a file to be written down."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, assert_never

from sotto.audio.edges import MAJORITY, OPENS, RELEASES
from sotto.audio.format import PcmFormat, frames, seconds
from sotto.errors import Draining, Overloaded, TooLarge
from sotto.interfaces.engine import Traits
from sotto.interfaces.store import Beginning, TranscriptStore
from sotto.runtime.album import Recording, hear_recording
from sotto.runtime.batcher import Recognizer
from sotto.runtime.container import ContainerReader, read_file
from sotto.runtime.door import Door, PcmSource, SampleReader, WayIn
from sotto.runtime.fitting import fit, reader, warnings
from sotto.runtime.front_end import FrontEnd
from sotto.runtime.intake import Message, at_most, hear_file, hear_stream
from sotto.runtime.mel_door import MelDoor
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool
from sotto.runtime.names import Hold, Names
from sotto.runtime.requests import (
    Container,
    FileRequest,
    Limits,
    MelImages,
    Sniffed,
    SoundFormat,
    StreamRequest,
)
from sotto.runtime.runner import Heard, Listener, Surroundings, run_session
from sotto.runtime.sniff import SniffingReader
from sotto.runtime.transcribe import transcribe
from sotto.runtime.until import until
from sotto.streaming.guards import GuardOptions
from sotto.streaming.options import SessionOptions
from sotto.streaming.policies import make_policy
from sotto.streaming.segmenter import SegmenterOptions
from sotto.streaming.session import Session
from sotto.transcript.events import Warned
from sotto.transcript.options import DecodeOptions, PolicyName
from sotto.transcript.words import Segment, Transcript

FILE_LOOKAHEAD = 16
"""Windows of one file that may be decoded at once."""
EARLIER_SEGMENTS = 8
"""Of a stream that is carried on, whose text helps to decode what comes."""


BY_EDGES = GuardOptions(gate=RELEASES, faint=MAJORITY)
"""What to believe of a hypothesis where edges tell of speech: they know no more certainty."""


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
    _front_end: FrontEnd
    _around: Surroundings
    _idle: float
    _hold: Hold

    async def run(self, messages: AsyncIterator[Message], listener: Listener) -> None:
        """From the first message to the last event; see `run_session`."""
        try:
            messages = until(messages, self._hold.wanted)
            heard = hear_stream(messages, self._door, self._front_end, idle=self._idle)
            await run_session(self.session, heard, listener, self._around)
        finally:
            self._door.close()


@dataclass
class Service:
    """One process' ears: models, detector, store, and the limits on them."""

    models: ModelPool[Recognizer]
    front_end: FrontEnd
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
    async def open_stream(
        self, request: StreamRequest, dialect: str, owner: str | None = None
    ) -> AsyncIterator[Stream]:
        """A stream, for as long as the context lasts; what is said in it is the owner's.

        Raises Overloaded, Draining, StoreUnavailable, Forbidden where the session is another's,
        what the model pool raises, and BadOption.
        """
        with self._admit_stream(dialect):
            stream_id = request.session or str(uuid.uuid4())
            async with (
                self.names.hold(stream_id) as hold,
                self.models.use(request.model) as (name, model),
            ):
                options = SessionOptions(
                    decode=fit(request.decode, model.traits),
                    policy=make_policy(request.stream, self._settling(model.traits)),
                    segmenter=self._segmenter(request),
                    guards=BY_EDGES if isinstance(request.sound, MelImages) else GuardOptions(),
                    partials=request.stream.partials,
                    use_context=request.stream.use_context,
                )
                await self.store.begin(_beginning(stream_id, request, dialect, owner, name))
                earlier = await self.store.segments(stream_id, last=EARLIER_SEGMENTS)
                options = replace(
                    options,
                    first=earlier[-1].id + 1 if earlier else 0,
                    text=" ".join(segment.text for segment in earlier),
                )
                yield Stream(
                    id=stream_id,
                    model=name,
                    traits=model.traits,
                    session=Session(model.traits, options),
                    warnings=tuple(warnings(name, model.traits, request.decode)),
                    _door=self._door(request.sound, model.traits),
                    _front_end=self.front_end,
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
            return hear_file(pieces, self.front_end.ear(traits.n_mels))

        with self._admit_file():
            options = SessionOptions(segmenter=self.limits.segmenter)
            return await self._write_down(hear, request, options, tell)

    async def transcribe_image(
        self, see: Callable[[], Recording], request: FileRequest
    ) -> Transcript:
        """All that is said in a spectrogram, by a model that reads as many bands as it has.

        `see` gives it, in a thread. Raises BadAudio where no such model is served; what `see`
        raises; and as `transcribe_file`.
        """
        with self._admit_file():
            image = await asyncio.to_thread(see)
            most = self.limits.max_file_seconds
            if seconds(len(image)) > most:
                raise TooLarge(f"expected at most {most:g} s of sound in one recording, got more")
            options = SessionOptions(segmenter=_by_edges(self.limits.segmenter), guards=BY_EDGES)
            model = reader(self.models, image.n_mels, request.model)
            request = replace(request, model=model)
            return await self._write_down(lambda _: hear_recording(image), request, options)

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

    def _settling(self, traits: Traits) -> Traits:
        guard = self.limits.guard
        return traits if guard is None else replace(traits, guard=guard, doubt=guard)

    def _door(self, sound: SoundFormat, traits: Traits) -> WayIn:
        if isinstance(sound, MelImages):
            return MelDoor(traits.n_mels)
        return Door(_reader(sound), self.front_end.ear(traits.n_mels))

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


def _beginning(
    session: str, request: StreamRequest, dialect: str, owner: str | None, model: str
) -> Beginning:
    return Beginning(
        id=session,
        dialect=dialect,
        owner=owner,
        group=request.group,
        speaker=request.speaker,
        model=model,
        language=request.decode.language,
    )


def _reader(sound: PcmFormat | Container | Sniffed) -> SampleReader:
    match sound:
        case PcmFormat():
            return PcmSource(sound)
        case Container():
            return ContainerReader()
        case Sniffed(otherwise):
            return SniffingReader(otherwise)
        case _:
            assert_never(sound)


def _by_edges(usual: SegmenterOptions) -> SegmenterOptions:
    return replace(usual, threshold=OPENS, release=RELEASES)

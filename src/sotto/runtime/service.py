"""What every transport asks for: a stream to talk to, a file to be written down."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from sotto.audio.edges import MAJORITY, OPENS, RELEASES
from sotto.audio.format import frames, seconds
from sotto.errors import Draining, Overloaded, TooLarge
from sotto.interfaces.conversations import ConversationStore, KeepsConversations
from sotto.interfaces.engine import Traits
from sotto.interfaces.store import Beginning, TranscriptStore
from sotto.runtime.admission import Admission
from sotto.runtime.album import Recording, hear_recording
from sotto.runtime.batcher import Recognizer
from sotto.runtime.carrying import carry_on
from sotto.runtime.closing import Closing
from sotto.runtime.container import read_file
from sotto.runtime.door import Door, WayIn
from sotto.runtime.fitting import fit, reader, warnings
from sotto.runtime.front_end import FrontEnd
from sotto.runtime.intake import at_most, hear_file
from sotto.runtime.live_streams import LiveStream, LiveStreams
from sotto.runtime.mel_door import MelDoor
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool
from sotto.runtime.names import Names
from sotto.runtime.observing import Observing
from sotto.runtime.quota import metered
from sotto.runtime.readers import sample_reader
from sotto.runtime.requests import FileRequest, Limits, MelImages, StreamRequest
from sotto.runtime.runner import Heard, Surroundings
from sotto.runtime.stream import Stream
from sotto.runtime.tails import Tails
from sotto.runtime.transcribe import transcribe
from sotto.runtime.webhook import Webhook
from sotto.streaming.guards import GuardOptions
from sotto.streaming.options import SessionOptions
from sotto.streaming.policies import make_policy
from sotto.streaming.segmenter import SegmenterOptions
from sotto.streaming.session import Session
from sotto.transcript.options import DecodeOptions, PolicyName
from sotto.transcript.words import Segment, Transcript

FILE_LOOKAHEAD = 16
"""Windows of one file that may be decoded at once."""

BY_EDGES = GuardOptions(gate=RELEASES, faint=MAJORITY)
"""What to believe of a hypothesis where edges tell of speech: they know no more certainty."""


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
    tails: Tails = field(default_factory=Tails)
    live: LiveStreams = field(default_factory=LiveStreams)
    closing: Closing = field(default_factory=Closing)
    observing: Observing = field(default_factory=Observing)
    webhook: Webhook | None = None
    """Where finals of streams are posted."""
    admission: Admission | None = None
    """None: streams are let in however much the server has to do."""
    draining: bool = False
    warming: bool = False
    """Whether who answers in conversations is still being made ready."""
    open_streams: int = 0
    open_files: int = 0
    done: int = 0
    """Files and streams that came to their end."""

    @property
    def conversations(self) -> ConversationStore | None:
        """Where those are kept that have a name; None: nowhere."""
        return self.store.conversations if isinstance(self.store, KeepsConversations) else None

    @asynccontextmanager
    async def open_stream(
        self, request: StreamRequest, dialect: str, owner: str | None = None
    ) -> AsyncIterator[Stream]:
        """A stream, for as long as the context lasts; what is said in it is the owner's.

        Raises Overloaded, Draining, StoreUnavailable, Forbidden where the session is another's,
        what the model pool raises, and BadOption.
        """
        stream_id = request.session or str(uuid.uuid4())
        whose = (owner, stream_id)
        self.names.ask(whose)  # what an older stream takes up may be what this one needs
        with self._admit_stream(dialect):
            async with (
                self.names.hold(whose) as hold,
                self.models.use(request.model) as (name, model),
            ):
                options = self._options(request, model.traits)
                beginning = _beginning(stream_id, request, dialect, owner, name)
                keeping, start = await carry_on(self.store, self.tails, beginning, request)
                options = replace(options, first=start.first, text=start.text, air=start.air)
                watch = self.observing.stream(stream_id, dialect, name, owner)
                stream = Stream(
                    id=stream_id,
                    model=name,
                    traits=model.traits,
                    session=Session(model.traits, options),
                    warnings=tuple(warnings(name, model.traits, request.decode)),
                    start=start,
                    _place=request.place,
                    _door=self._door(request, model.traits),
                    _front_end=self.front_end,
                    _around=Surroundings(model, self.metrics, keeping, start.origin, watch=watch),
                    _idle=self.limits.idle if request.idle is None else request.idle,
                    _hold=hold,
                    _closing=self.closing,
                )
                about = LiveStream(stream_id, dialect, name, owner, stream.session, hold)
                with self.live.present(about), watch.telling(stream.session):
                    yield stream
                self.done += 1

    def _options(self, request: StreamRequest, traits: Traits) -> SessionOptions:
        """Raises BadOption."""
        return SessionOptions(
            decode=fit(request.decode, traits),
            policy=make_policy(request.stream, self._settling(traits)),
            segmenter=self._segmenter(request),
            guards=BY_EDGES if isinstance(request.sound, MelImages) else GuardOptions(),
            partials=request.stream.partials,
            whole_partials=request.stream.whole_partials and self.limits.whole_partials,
            use_context=request.stream.use_context,
        )

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

        with self.admit_file():
            options = SessionOptions(segmenter=self.limits.segmenter)
            return await self._write_down(hear, request, options, tell)

    async def transcribe_image(
        self, see: Callable[[], Recording], request: FileRequest
    ) -> Transcript:
        """All that is said in a spectrogram, by a model that reads as many bands as it has.

        `see` gives it, in a thread. Raises BadAudio where no such model is served; what `see`
        raises; and as `transcribe_file`.
        """
        with self.admit_file():
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
            transcript = await transcribe(metered(hear(model.traits)), session, around, tell)
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

    def _door(self, request: StreamRequest, traits: Traits) -> WayIn:
        if isinstance(request.sound, MelImages):
            return MelDoor(traits.n_mels, origin=request.place.at if request.place else 0)
        return Door(sample_reader(request.sound), self.front_end.ear(traits.n_mels))

    @contextmanager
    def _admit_stream(self, dialect: str) -> Iterator[None]:
        self._check_open()
        if self.open_streams >= self.limits.max_sessions:
            raise Overloaded(f"expected at most {self.limits.max_sessions} streams, got one more")
        if self.admission is not None:
            self.admission.check()
        self.open_streams += 1
        self.metrics.sessions_total.labels(dialect).inc()
        self.metrics.sessions.labels(dialect).inc()
        try:
            yield
        finally:
            self.open_streams -= 1
            self.metrics.sessions.labels(dialect).dec()

    @contextmanager
    def admit_file(self) -> Iterator[None]:
        """One file more, heard or spoken, for as long as the context lasts.

        Raises Overloaded, Draining.
        """
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
        continues=request.place is not None,
    )


def _by_edges(usual: SegmenterOptions) -> SegmenterOptions:
    return replace(usual, threshold=OPENS, release=RELEASES)

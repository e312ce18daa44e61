"""Messages of `/stream` ↔ events and options; docs/protocol.md is their table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypedDict

from pydantic import TypeAdapter, ValidationError

from sotto.audio.format import SAMPLE_RATE, Encoding, PcmFormat
from sotto.client.events import (
    Acknowledged,
    Closed,
    Committed,
    Event,
    Final,
    Partial,
    Ready,
    SpeechEnded,
    SpeechStarted,
    Warned,
)
from sotto.client.failures import told
from sotto.errors import BadOption, ServerError

FLUSH, FINISH = '{"type": "flush"}', '{"type": "finish"}'

_EVENTS: dict[str, TypeAdapter[Event]] = {
    "ready": TypeAdapter(Ready),
    "speech_started": TypeAdapter(SpeechStarted),
    "partial": TypeAdapter(Partial),
    "committed": TypeAdapter(Committed),
    "speech_ended": TypeAdapter(SpeechEnded),
    "final": TypeAdapter(Final),
    "acknowledged": TypeAdapter(Acknowledged),
    "warning": TypeAdapter(Warned),
    "closed": TypeAdapter(Closed),
}


class StreamOptions(TypedDict, total=False):
    """What a stream may ask for; what is left out is as the server has it."""

    model: str
    """A name that the server lists; `auto`: its largest that is ready."""
    language: str | None
    """A code such as `en`; None detects it."""
    languages: list[str]
    """Codes to choose from when it is detected."""
    task: str
    """`transcribe`, or `translate` into English."""
    encoding: str
    """How bytes lie: `pcm_s16le`, `pcm_f32le`, `pcm_u8`, `mulaw`, `alaw`."""
    sample_rate: int
    """Samples a second of each channel, 4,000 to 384,000; 16,000 where nothing is said."""
    channels: int
    """1 to 32, interleaved; they are mixed down."""
    policy: str
    """When a word is committed: `alignatt`, `local-agreement`, `chunked`."""
    partials: bool
    """False: nothing before an utterance is over."""
    word_timestamps: bool
    """True: each final lists its words."""
    use_context: bool
    """Whether what was said before helps to decode what comes."""
    chunk_duration: float
    """Seconds, of the policy `chunked`."""
    overlap: float
    """Seconds, of the policy `chunked`."""
    prompt: str
    """Text that is taken to stand before the first word: names, spelling, style."""
    hotwords: str
    """Words to expect in every window."""
    beam_size: int
    """1 to 20."""


@dataclass(frozen=True)
class Place:
    """From where on a stream is to hear."""

    session: str | None
    """The server's name for what it carries on; None: nothing."""
    at: float
    """Seconds on the session's clock at which the sound begins that is sent."""
    received: int
    """Utterances whose finals came."""
    heard: float = 0.0
    """Seconds up to which all is told and stored; the sound before it is for the detector alone."""


def pcm_format(options: StreamOptions) -> PcmFormat:
    """How the sound of a stream lies. Raises BadOption."""
    encoding = options.get("encoding", Encoding.PCM_S16LE)
    if encoding not in tuple(Encoding):
        # What a container holds cannot be sent again from the middle on.
        raise BadOption("encoding", f"expected one of {', '.join(Encoding)}, got {encoding!r}")
    return PcmFormat(
        Encoding(encoding), options.get("sample_rate", SAMPLE_RATE), options.get("channels", 1)
    )


def config(options: StreamOptions, pcm: PcmFormat) -> str:
    """The first message of a run's streams, but for their place. Raises BadOption."""
    unknown = options.keys() - StreamOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(StreamOptions.__annotations__)
        raise BadOption(min(unknown), f"expected one of {known}, got {min(unknown)!r}")
    sound = {"encoding": pcm.encoding, "sample_rate": pcm.sample_rate, "channels": pcm.channels}
    try:
        return json.dumps({**options, **sound}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadOption("options", f"expected values that JSON has: {error}") from error


def config_at(config: str, place: Place) -> str:
    """The same for the stream that begins at a place."""
    carried: dict[str, Any] = {}
    if place.session is not None:
        carried = {"session": place.session, "at": place.at, "heard": place.heard}
    return json.dumps({**json.loads(config), **carried, "received": place.received})


def parse(message: str | bytes, address: str) -> Event | None:
    """What the server says; None where it says what this client does not know yet.

    Raises what an `error` tells, and ServerError where it is no message of `/stream`.
    """
    try:
        said: Any = json.loads(message)
    except (ValueError, RecursionError):
        said = None
    kind = said.get("type") if isinstance(said, dict) else None
    if not isinstance(kind, str):
        raise ServerError(f"expected the messages of /stream from {address}, got others")
    if kind == "error":
        raise told(said)
    if kind not in _EVENTS:
        return None
    try:
        return _EVENTS[kind].validate_python(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ServerError(
            f"expected the messages of /stream from {address}, got another {kind}: "
            f"{where}: {first['msg']}"
        ) from None

"""What Deepgram's clients ask for, as the core takes it. Pure."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.audio.format import Encoding, PcmFormat
from sotto.errors import BadOption, ProtocolViolation
from sotto.runtime.requests import Container, SoundFormat, StreamRequest
from sotto.transcript.languages import parse_language
from sotto.transcript.options import DecodeOptions, PolicyName, StreamOptions
from sotto.transports.model_names import local_name

PATH = "/v1/listen"

RAW = {
    "linear16": Encoding.PCM_S16LE,
    "linear32": Encoding.PCM_F32LE,
    "mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
}
"""By Deepgram's names."""
IN_CONTAINERS = ("flac", "ogg-opus", "opus")
"""Encodings that bring their own header, so that nothing need be known of them."""
TELEPHONE_RATE = 8_000

FAMILIES = frozenset({
    "nova", "enhanced", "base", "whisper", "general", "meeting", "phonecall", "finance",
    "conversationalai", "voicemail", "video", "medical", "custom",
})  # fmt: skip
"""What Deepgram's own names of models begin with, up to the first hyphen."""

MAX_ENDPOINTING = 10_000
"""Milliseconds. A longer pause would never end anything: utterances are cut at 28 s."""
MAX_HOTWORDS = 1_000
"""Characters."""
MANY = frozenset({"detect_language", "keyterm", "keywords", "redact"})
"""Options that may be given more than once."""

Words = tuple[Annotated[str, Field(max_length=MAX_HOTWORDS)], ...]


class Query(BaseModel):
    """What an address says after its question mark; what is unknown is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str = Field("", max_length=200)
    language: str = Field("", max_length=40)
    detect_language: Words = ()
    encoding: str | None = Field(None, max_length=40)
    sample_rate: int | None = None
    channels: int = 1
    multichannel: bool = False
    keyterm: Words = ()
    keywords: Words = ()
    callback: str | None = None
    redact: Words = ()
    interim_results: bool = False
    endpointing: str = Field("true", max_length=40)
    utterance_end_ms: int | None = Field(None, ge=1_000, le=5_000)
    vad_events: bool = False
    utterances: bool = False
    utt_split: float = Field(0.8, ge=0, le=3_600, allow_inf_nan=False)
    paragraphs: bool = False
    smart_format: bool = False

    @property
    def sound(self) -> SoundFormat:
        """How the sound comes. Raises BadOption."""
        if self.encoding is None or self.encoding in IN_CONTAINERS:
            return Container()
        if self.encoding not in RAW:
            expected = ", ".join([*RAW, *IN_CONTAINERS])
            raise BadOption(
                "encoding", f"expected an encoding of {expected}; got {self.encoding!r}"
            )
        rate = self.sample_rate
        if rate is None:
            if self.encoding not in ("mulaw", "alaw"):
                raise BadOption("sample_rate", "expected a sample_rate with raw sound, got none")
            rate = TELEPHONE_RATE
        return PcmFormat(RAW[self.encoding], rate, self.channels)

    @property
    def split(self) -> PcmFormat | None:
        """The interleaved sound whose channels are heard each on its own. Raises BadOption."""
        sound = self.sound
        if not self.multichannel:
            return None
        if not isinstance(sound, PcmFormat):
            raise BadOption(
                "multichannel", "expected multichannel with raw sound only, got it with a container"
            )
        return sound

    @property
    def detects(self) -> bool:
        """Whether the language is to be found out, by whatever name."""
        return self.language == "multi" or any(_is_on(given) for given in self.detect_language)

    @property
    def pause(self) -> float | None:
        """Seconds of silence that end an utterance; None: the server's. Raises BadOption."""
        if self.endpointing.lower() in ("true", "false"):
            return None
        if not (self.endpointing.isascii() and self.endpointing.isdigit()):
            raise BadOption(
                "endpointing",
                f"expected milliseconds, true or false, got {self.endpointing!r}",
            )
        if int(self.endpointing) > MAX_ENDPOINTING:
            raise BadOption(
                "endpointing", f"expected at most {MAX_ENDPOINTING} ms, got {self.endpointing}"
            )
        return int(self.endpointing) / 1_000

    @property
    def has_endpoints(self) -> bool:
        """Whether results say that an utterance is over."""
        return self.endpointing.lower() != "false"

    def decode(self, defaults: DecodeOptions) -> DecodeOptions:
        """How to decode. Raises BadOption, UnknownLanguage."""
        codes = [given for given in self.detect_language if given.lower() not in ("true", "false")]
        hotwords = ", ".join([*self.keyterm, *(word.partition(":")[0] for word in self.keywords)])
        if len(hotwords) > MAX_HOTWORDS:
            raise BadOption(
                "keyterm", f"expected at most {MAX_HOTWORDS} characters, got {len(hotwords)}"
            )
        return replace(
            defaults,
            language=None if self.detects else parse_language(self.language),
            candidates=tuple(filter(None, map(parse_language, codes))),
            hotwords=hotwords,
        )

    def stream_request(self, defaults: DecodeOptions, policy: PolicyName) -> StreamRequest:
        """What the core is asked for, for all channels or each. Raises BadOption."""
        if self.utterance_end_ms is not None and not self.interim_results:
            raise BadOption(
                "utterance_end_ms", "expected interim_results=true with it, got none or false"
            )
        split = self.split
        return StreamRequest(
            decode=self.decode(defaults),
            stream=StreamOptions(policy=policy, partials=self.interim_results),
            sound=self.sound if split is None else replace(split, channels=1),
            pause=self.pause,
        )

    def model_of(self, resolve: Callable[[str], str]) -> str:
        """The name to ask the core for; see `local_name`. Raises UnknownModel."""
        return local_name(self.model, resolve, _is_deepgrams)


def _is_deepgrams(name: str) -> bool:
    return name.partition("-")[0].casefold() in FAMILIES


def _is_on(given: str) -> bool:
    return given.lower() != "false"


def parse_query(items: Iterable[tuple[str, str]]) -> Query:
    """What is asked for; of an option that is given again, the last. Raises BadOption."""
    given: dict[str, list[str]] = {}
    for name, value in items:
        given.setdefault(name, []).append(value)
    shaped = {name: tuple(all_) if name in MANY else all_[-1] for name, all_ in given.items()}
    try:
        query = Query.model_validate(shaped)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        param = str(first["loc"][0])
        what = str(first["msg"]).removeprefix("Input should be ").split(", ")[0]
        shown = reprlib.repr(first["input"])
        raise BadOption(param, f"expected {param} to be {what}, got {shown}") from None
    _refuse_what_cannot_be(query)
    return query


def _refuse_what_cannot_be(query: Query) -> None:
    """What a client must not be left to believe in. Raises BadOption."""
    if query.callback is not None:
        raise BadOption(
            "callback", "expected no callback, got one: this server answers the request alone"
        )
    if any(_is_on(given) for given in query.redact):
        raise BadOption("redact", "expected no redact, got one: this server does not redact")


# ---- a client's text messages


class Command(StrEnum):
    """What a client may say besides sound."""

    KEEP_ALIVE = "KeepAlive"
    FINALIZE = "Finalize"
    CLOSE_STREAM = "CloseStream"
    CONFIGURE = "Configure"


@dataclass(frozen=True)
class Told:
    """One text message."""

    command: Command
    channel: int | None = None
    """The only channel that it is about; None: all."""


def parse_message(text: str, channels: int) -> Told:
    """A text message for a stream of so many channels. Raises ProtocolViolation."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind not in tuple(Command):
        expected = ", ".join(Command)
        raise ProtocolViolation(f"expected JSON of a type {expected}, got {reprlib.repr(text)}")
    channel = message.get("channel")
    if channel is None or kind != Command.FINALIZE:
        return Told(Command(kind))
    if type(channel) is not int or not 0 <= channel < channels:
        raise ProtocolViolation(
            f"expected a channel of 0 to {channels - 1}, got {reprlib.repr(channel)}"
        )
    return Told(Command.FINALIZE, channel)

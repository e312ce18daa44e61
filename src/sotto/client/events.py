"""What a stream tells a program, and what is heard in a file. All times are seconds.

Times count the sound of a run from its first sample, and utterances count from 0, however often
the connection was lost meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field

from sotto.errors import SottoError

Seconds: TypeAlias = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Number: TypeAlias = Annotated[int, Field(ge=0, le=10**9)]
Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""Bounds of what a server may say; what is beyond them is no message of `/stream`."""


@dataclass(frozen=True)
class Word:
    """One word as it was heard."""

    text: Annotated[str, Field(validation_alias="word")]
    """In a stream with its leading space where the language writes one, so that words can be
    joined as they are; in a file's transcript without."""
    start: Seconds
    end: Seconds
    probability: Probability
    """Mean probability of its tokens, 0..1."""


Words: TypeAlias = tuple[Word, ...]


@dataclass(frozen=True)
class Ready:
    """A stream listens: the first one, and one after each lost connection."""

    session: str
    """The server's name for all that the run says, however often the connection is lost."""
    model: str
    task: str
    encoding: str
    policy: str
    version: str
    """The server's."""
    language: str | None = None
    """None: it is detected."""
    at: Seconds = 0.0
    """What was said before is stored; from here on the stream hears."""
    utterance: Number = 0
    """The number of the first utterance that it hears."""


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody began to speak."""

    utterance: Number
    at: Seconds


@dataclass(frozen=True)
class Partial:
    """The words after the committed ones, as they look now; each replaces the one before.

    One that was not read yet when the next event of its utterance came is left out.
    """

    utterance: Number
    text: str
    words: Words
    until: Seconds
    """Sound was heard up to here for this."""


@dataclass(frozen=True)
class Committed:
    """Words that will never change again: append them, until `Resumed` says otherwise."""

    utterance: Number
    text: str
    words: Words


@dataclass(frozen=True)
class SpeechEnded:
    """The utterance is over; its final follows."""

    utterance: Number
    at: Seconds


@dataclass(frozen=True)
class Final:
    """A whole utterance. Each has one, in order, whatever happens to the connection."""

    utterance: Number
    text: str
    """Empty where no word was heard."""
    start: Seconds
    end: Seconds
    language: str
    """Whisper's code, as `en`."""
    language_probability: float = 1.0
    avg_logprob: float = 0.0
    """Mean natural log-probability of its tokens."""
    no_speech_prob: float = 0.0
    words: Words | None = None
    """With `word_timestamps` alone."""


@dataclass(frozen=True)
class Acknowledged:
    """All finals up to here are stored: no connection that is lost brings them back."""

    until: Seconds


@dataclass(frozen=True)
class Warned:
    """Something to know that stops nothing."""

    code: str
    message: str


@dataclass(frozen=True)
class Reconnecting:
    """The connection was lost; it is tried again."""

    seconds: float
    """Until the next try."""
    error: SottoError
    """Why."""


@dataclass(frozen=True)
class Resumed:
    """It is back. Words of this utterance, which had no final, are heard again: forget them."""

    at: float
    """What was said before is stored; the sound from here on is sent again."""
    utterance: int


@dataclass(frozen=True)
class Closed:
    """The last event of a stream that ended well."""

    duration: Seconds
    utterances: Number
    reason: str = ""


Event: TypeAlias = (
    Ready
    | SpeechStarted
    | Partial
    | Committed
    | SpeechEnded
    | Final
    | Acknowledged
    | Warned
    | Reconnecting
    | Resumed
    | Closed
)


@dataclass(frozen=True)
class Segment:
    """A stretch of a file between two pauses."""

    id: Number
    start: Seconds
    end: Seconds
    text: str
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0


@dataclass(frozen=True)
class Transcript:
    """All that was said in a file."""

    text: str
    language: str
    """Its name, as `english`."""
    duration: Seconds
    task: str
    segments: tuple[Segment, ...]
    words: Words

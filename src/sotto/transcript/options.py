"""What a caller may ask for. Frozen values that travel with each job."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sotto.errors import BadOption
from sotto.transcript.languages import check_language

Choice = TypeVar("Choice", bound=StrEnum)


def one_of(choices: type[Choice], param: str, given: str) -> Choice:
    """The choice of that name. Raises BadOption."""
    try:
        return choices(given)
    except ValueError:
        expected = ", ".join(choices)
        raise BadOption(param, f"expected one of {expected}, got {given!r}") from None


class Task(StrEnum):
    """What to write down."""

    TRANSCRIBE = "transcribe"
    """The words, in the language that is spoken."""
    TRANSLATE = "translate"
    """Their meaning, in English."""


class AudioContext(StrEnum):
    """How much of its 30 s window the encoder is given."""

    EXACT = "exact"
    """The real length; for checkpoints that were trained so."""
    MARGIN = "margin"
    """The real length and 2.56 s of silence after it."""
    FULL = "full"
    """Always 30 s."""


class PolicyName(StrEnum):
    """Who decides that a word will not change any more."""

    ALIGNATT = "alignatt"
    LOCAL_AGREEMENT = "local-agreement"
    CHUNKED = "chunked"


@dataclass(frozen=True)
class DecodeOptions:
    """How to decode. Raises UnknownLanguage or BadOption."""

    task: Task = Task.TRANSCRIBE
    language: str | None = None
    """Whisper's code; None detects it."""
    candidates: tuple[str, ...] = ()
    """Languages to choose from when it is detected; empty means all of the model's."""
    prompt: str = ""
    """Text that is taken to stand before the first word: names, spelling, style."""
    hotwords: str = ""
    """Words to expect in every window."""
    temperature: float = 0.0
    """0 takes the likeliest token; above, tokens are sampled."""
    beam_size: int = 1
    audio_context: AudioContext | None = None
    """None takes what suits the checkpoint."""

    def __post_init__(self) -> None:
        for language in (*self.candidates, *([self.language] if self.language else [])):
            check_language(language)
        if not 0.0 <= self.temperature <= 1.0:
            raise BadOption(
                "temperature", f"expected a temperature of 0 to 1, got {self.temperature}"
            )
        if not 1 <= self.beam_size <= 20:
            raise BadOption("beam_size", f"expected a beam of 1 to 20, got {self.beam_size}")


@dataclass(frozen=True)
class StreamOptions:
    """How to follow speech while it is spoken. Raises BadOption."""

    policy: PolicyName = PolicyName.ALIGNATT
    partials: bool = True
    """Whether unstable words are shown, and words are committed before the utterance ends."""
    whole_partials: bool = True
    """Whether they show all that was heard. Else the decoder may stop where no word is committed
    yet (policy `alignatt` alone, where the engine can): partials lag, and looks cost less."""
    use_context: bool = True
    """Whether what was said before helps to decode what comes (where the checkpoint can)."""
    chunk_duration: float = 5.0
    """Seconds; policy `chunked` alone."""
    overlap: float = 0.5
    """Seconds that neighboring chunks share; policy `chunked` alone."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.chunk_duration <= 28.0:
            raise BadOption(
                "chunk_duration", f"expected 1 to 28 seconds, got {self.chunk_duration}"
            )
        if not 0.0 <= self.overlap <= self.chunk_duration / 2:
            raise BadOption("overlap", f"expected 0 to half of chunk_duration, got {self.overlap}")

"""What is understood of a session of OpenAI Realtime, and of an answer that is asked for. No I/O.

All else that a client sets is told back to it, and means nothing here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sotto.audio.format import MAX_RATE, MIN_RATE, Encoding, PcmFormat
from sotto.dialogue.request import Manner
from sotto.errors import BadOption
from sotto.interfaces.chat import Tool, ToolChoice
from sotto.transcript.languages import parse_language
from sotto.transports.conversation_names import MAX_NAME, is_name
from sotto.transports.realtime.events import Json
from sotto.transports.realtime.shapes import OPENAIS_RATE

TELEPHONES_RATE = 8_000
"""Samples a second of G.711."""
PAUSES: dict[str, float | None] = {"low": 1.2, "medium": None, "auto": None, "high": 0.4}
"""Eagerness → seconds of pause that end a turn; None: the server's own."""
MAX_INSTRUCTIONS = 100_000
"""Characters."""
MAX_TOKENS = 1_000_000
MAX_TOOLS = 128


class SessionType(StrEnum):
    """What a session is for."""

    TRANSCRIPTION = "transcription"
    REALTIME = "realtime"
    """A conversation."""


class Part(BaseModel):
    """Some fields of an object; the others are not looked at."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


Text = Annotated[str, Field(max_length=200)]


def _or_nothing(value: object) -> object:
    return {} if value is None else value


def _functions(value: object) -> object:
    """Without what is no function: a server's tools of other kinds are not ours to call."""
    if not isinstance(value, list):
        return [] if value is None else value
    return [each for each in value if not _is_other(each)]


def _choice(value: object) -> object:
    return "auto" if value is None or _is_other(value) else value


def _is_other(value: object) -> bool:
    return isinstance(value, dict) and value.get("type", "function") != "function"


def _named(value: object) -> object:
    return value.get("id") if isinstance(value, dict) else value


def _told_on(value: Json | None) -> Json | None:
    """Raises ValueError for numbers that JSON does not have, and halves of characters."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        raise ValueError("Input should be JSON in UTF-8 with finite numbers") from None
    return value


def _name(value: str) -> str:
    """Raises ValueError."""
    if not is_name(value):
        raise ValueError(f"1 to {MAX_NAME} of A-Z, a-z, 0-9, dot, underscore and hyphen")
    return value


def _unlimited(value: object) -> object:
    return None if value == "inf" else value


class Format(Part):
    """How sound lies in events."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE)] | None = None

    @property
    def pcm(self) -> PcmFormat:
        """The same as the core has it."""
        match self.type:
            case "audio/pcm":
                return PcmFormat(Encoding.PCM_S16LE, self.rate or OPENAIS_RATE)
            case "audio/pcmu":
                return PcmFormat(Encoding.MULAW, TELEPHONES_RATE)
            case "audio/pcma":
                return PcmFormat(Encoding.ALAW, TELEPHONES_RATE)


class Transcription(Part):
    """How turns are written down."""

    model: Text | None = None
    language: Text | None = None
    languages: Annotated[list[Text], Field(max_length=100)] | None = None
    prompt: Annotated[str, Field(max_length=4_000)] | None = None
    keywords: (
        Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] | None
    ) = None


class TurnDetection(Part):
    """Where turns end, and what follows."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: Annotated[int, Field(ge=1_000, le=3_600_000)] | None = None

    @property
    def pause(self) -> float | None:
        """Seconds that end a turn."""
        if self.type == "semantic_vad":
            return PAUSES[self.eagerness or "auto"]
        return None if self.silence_duration_ms is None else self.silence_duration_ms / 1_000


class Input(Part):
    """What is heard."""

    format: Annotated[Format, BeforeValidator(_or_nothing)] = Format()
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = None


class Output(Part):
    """What is spoken."""

    format: Format | None = None
    voice: Annotated[Text | None, BeforeValidator(_named)] = None
    speed: Annotated[float, Field(ge=0.25, le=4)] | None = None
    language: Text | None = None
    """Ours: in which is answered."""


class Audio(Part):
    """Both."""

    input: Annotated[Input, BeforeValidator(_or_nothing)] = Input()
    output: Annotated[Output, BeforeValidator(_or_nothing)] = Output()


class Function(Part):
    """A tool of the client's."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    description: Annotated[str, Field(max_length=MAX_INSTRUCTIONS)] | None = None
    parameters: Annotated[dict[str, Any] | None, AfterValidator(_told_on)] = None

    @property
    def tool(self) -> Tool:
        """The same as the model is told."""
        return Tool(self.name, self.description or "", self.parameters or {})


class Chosen(Part):
    """A function that must be called."""

    name: Annotated[str, Field(max_length=128)]


Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=2)]
Tools = Annotated[list[Function], Field(max_length=MAX_TOOLS), BeforeValidator(_functions)]
Choice: TypeAlias = Annotated[
    Literal["auto", "none", "required"] | Chosen, BeforeValidator(_choice)
]
Most = Annotated[int, Field(ge=1, le=MAX_TOKENS)]


class Answering(Part):
    """How answers are to be given; what is not set stays as it is."""

    instructions: Annotated[str, Field(max_length=MAX_INSTRUCTIONS)] | None = None
    output_modalities: Modalities | None = None
    tools: Tools = []
    tool_choice: Choice = "auto"
    max_output_tokens: Annotated[Most | None, BeforeValidator(_unlimited)] = None
    audio: Annotated[Audio, BeforeValidator(_or_nothing)] = Audio()


class Ours(Part):
    """What OpenAI's clients do not know."""

    holds: bool = False
    """Whether the client can pause what it plays."""
    conversation: Annotated[str, AfterValidator(_name)] | None = None
    """What it is called; None: nothing of it is kept."""


class Known(Answering):
    """A session."""

    type: Annotated[SessionType, Field(strict=False)] = SessionType.REALTIME
    include: Annotated[list[Text], Field(max_length=20)] | None = None
    sotto: Ours | None = None


def manner_of(given: Answering, base: Manner) -> Manner:
    """How answers are given where that is wanted otherwise than by `base`.

    Raises UnknownLanguage.
    """
    told, spoken = given.model_fields_set, given.audio.output
    manner = base
    if given.instructions is not None:
        manner = replace(manner, instructions=given.instructions)
    if given.output_modalities is not None:
        manner = replace(manner, speaks="audio" in given.output_modalities)
    if "tools" in told:
        manner = replace(manner, tools=tuple(each.tool for each in given.tools))
    if "tool_choice" in told:
        manner = replace(manner, tool_choice=_chosen(given.tool_choice, manner.tools))
    if "max_output_tokens" in told:
        manner = replace(manner, max_tokens=given.max_output_tokens)
    if spoken.voice is not None:
        manner = replace(manner, voice=spoken.voice)
    if spoken.speed is not None:
        manner = replace(manner, speed=spoken.speed)
    if "language" in spoken.model_fields_set:
        manner = replace(manner, language=parse_language(spoken.language) or "")
    return manner


def _chosen(
    choice: Literal["auto", "none", "required"] | Chosen, tools: tuple[Tool, ...]
) -> ToolChoice | Tool:
    """A function that is not there cannot be asked for: whether any is stays the model's choice."""
    if isinstance(choice, Chosen):
        return next((tool for tool in tools if tool.name == choice.name), "auto")
    return choice


Understood = TypeVar("Understood", bound=Part)


def understood(kind: type[Understood], document: Json, place: str) -> Understood:
    """Raises BadOption; `place` is where in an event the document lies."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        names = (str(part) for part in first["loc"])
        param = ".".join(
            [place, *(name for name in names if name.isidentifier() or name.isdigit())]
        )
        what = first["msg"].removeprefix("Value error, ")
        what = (
            what.removeprefix("Input should be ") if what.startswith("Input") else f"valid: {what}"
        )
        raise BadOption(param, f"expected {param} to be {what}") from None

"""Everything that can be configured, with its unit, and where each value was said.

flag  >  SOTTO_… in the environment  >  short names there (BEAM_SIZE …)  >  file  >  default
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sotto.app.setting_sources import (
    DELIMITER,
    PREFIX,
    Flag,
    Said,
    from_aliases,
    from_environment,
    from_file,
    from_flags,
    xdg,
)
from sotto.errors import BadOption
from sotto.transcript.options import AudioContext, PolicyName


def _split(value: object) -> object:
    """`a, b` as people write it in one variable."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _pairs(value: object) -> object:
    """`name=folder, name=folder` as people write it in one variable."""
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): folder.strip() for name, _, folder in parts}
    return value


def _nothing(value: object) -> object:
    """An empty variable, or `none`, says that there is no value."""
    return None if isinstance(value, str) and value.strip().lower() in ("", "none") else value


Module = Literal[
    "stream",
    "openai",
    "transcribe",
]
"""The dialects; `app/http.py` mounts them by these names."""

Modules = Annotated[tuple[Module, ...], BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Folder = Annotated[Path, BeforeValidator(lambda value: Path(value).expanduser())]
Folders = Annotated[dict[str, Folder], BeforeValidator(_pairs)]
MaybeSeconds = Annotated[float | None, Field(gt=0), BeforeValidator(_nothing)]
Port = Annotated[int | None, Field(ge=0, le=65_535), BeforeValidator(_nothing)]
MaybeContext = Annotated[AudioContext | None, BeforeValidator(_nothing)]


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ServerSettings(Group):
    """What listens."""

    host: str = Field(
        default="127.0.0.1", description="address to listen at; 0.0.0.0 for every one"
    )
    port: int = Field(default=8000, ge=0, le=65_535, description="0 takes a free one")
    modules: Modules = Field(default=get_args(Module), description="dialects to serve")
    max_upload_bytes: int = Field(
        default=2 * 1024**3, gt=0, description="bytes of one uploaded file"
    )
    max_file_seconds: float = Field(default=6 * 3600, gt=0, description="seconds of one file")
    max_message_bytes: int = Field(default=4 * 1024**2, gt=0, description="bytes of one message")
    send_timeout: float = Field(
        default=20.0, gt=0, description="seconds that a client may take to read a message"
    )
    config_timeout: float = Field(
        default=30.0, gt=0, description="seconds in which a stream must say its configuration"
    )
    idle_flush: float = Field(
        default=2.0,
        gt=0,
        description="seconds without sound after which what was said is committed",
    )
    max_sessions: int = Field(default=256, gt=0, description="streams at once")
    cors_origins: Names = Field(
        default=(), description="origins of web pages that may call the server"
    )
    socket_origins: Names = Field(
        default=("*",), description="origins of web pages that may open sockets; *: all"
    )


class PortSettings(Group):
    """Ports of their own for clients that have no path to ask for; closed unless named."""

    whisperlive: Port = Field(default=None, description="WhisperLive's, by custom 9090")
    vosk: Port = Field(default=None, description="Vosk's, by custom 2700")
    wyoming: Port = Field(default=None, description="Wyoming's, by custom 10300")


class ModelSettings(Group):
    """Which models are served."""

    names: Names = Field(
        default=("nano",), description="models to load: names, or owner/repository"
    )
    paths: Folders = Field(default={}, description="models to load: a name and a folder for each")
    default: str = Field(
        default="auto", description="for requests that name none; `auto`: largest ready"
    )
    folder: Folder = Field(
        default_factory=lambda: xdg("XDG_DATA_HOME", ".local/share") / "models",
        description="where downloaded models lie",
    )
    idle_unload: MaybeSeconds = Field(
        default=None, description="seconds after which an unused model is freed; none: never"
    )
    wait: float = Field(
        default=30.0, ge=0, description="seconds that a request for one model waits for its load"
    )

    @property
    def served(self) -> tuple[str, ...]:
        """The names of all models to load, each once."""
        return tuple(dict.fromkeys((*self.names, *self.paths)))


class EngineSettings(Group):
    """How models run."""

    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where models run")
    compute_type: str = Field(default="default", description="CTranslate2's, as int8 or float16")
    threads: int = Field(default=0, ge=0, description="processor threads of a model; 0: all cores")
    beam_size: int = Field(default=1, ge=1, le=20, description="for requests that name none")
    max_batch: int = Field(default=16, ge=1, description="windows decoded at once")
    queue_limit: int = Field(
        default=256, ge=1, description="windows that may wait; more are turned away"
    )


class VadSettings(Group):
    """What counts as speech, and where an utterance ends."""

    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="probability at which speech begins"
    )
    release: float = Field(
        default=0.35, gt=0, lt=1, description="probability below which it pauses"
    )
    min_speech: float = Field(
        default=0.1, ge=0, description="seconds; shorter sounds are no speech"
    )
    silence: float = Field(default=0.6, gt=0, description="seconds of pause that end an utterance")
    pre_roll: float = Field(default=0.3, ge=0, description="seconds kept from before speech began")
    max_utterance: float = Field(
        default=28.0, ge=1, le=30, description="seconds; longer ones are cut"
    )

    @field_validator("release")
    @classmethod
    def _below_threshold(cls, release: float, given: ValidationInfo) -> float:
        threshold = given.data.get("threshold", 1.0)
        if release > threshold:
            raise ValueError(f"at most vad.threshold, {threshold}")
        return release


class DecodeSettings(Group):
    """How streams are decoded where the client does not say."""

    policy: PolicyName = Field(default=PolicyName.ALIGNATT, description="when words are committed")
    audio_context: MaybeContext = Field(
        default=None,
        description="what the encoder is given: exact, margin, full; none: as suits it",
    )
    guard: MaybeSeconds = Field(
        default=None,
        ge=0,
        description="seconds from the window's end within which words stay open; none: as suits it",
    )


class AuthSettings(Group):
    """Who may ask."""

    bypass: bool = Field(
        default=False,
        description="let in every request; keys do not exist yet, so that nothing else is offered",
    )


class Settings(BaseSettings):
    """All settings. `load` makes them; it alone knows where each value was said."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, frozen=True, extra="forbid"
    )

    server: ServerSettings = ServerSettings()
    ports: PortSettings = PortSettings()
    models: ModelSettings = Field(default_factory=ModelSettings)
    engine: EngineSettings = EngineSettings()
    vad: VadSettings = VadSettings()
    decode: DecodeSettings = DecodeSettings()
    auth: AuthSettings = AuthSettings()

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives: the library's readers do not tell where a value was said."""
        return (init_settings,)


def load(
    flags: Sequence[Flag] = (),
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings in force. Raises BadOption with one sentence a line for each fault."""
    said = from_file(config, environ) | from_aliases(environ)
    said |= from_environment(environ) | from_flags(flags)
    faults = {key: _unknown(key, value.source) for key, value in said.items() if key not in keys()}
    nested: dict[str, dict[str, object]] = {}
    for key, value in said.items():
        if key not in faults:
            group, _, field = key.partition(".")
            nested.setdefault(group, {})[field] = value.value
    try:
        settings = Settings.model_validate(nested)
    except ValidationError as error:
        for detail in error.errors():
            key = ".".join(str(part) for part in detail["loc"][:2])
            faults.setdefault(key, _wrong(detail, said.get(key, Said(None, "default")).source))
    if faults:
        raise BadOption(next(iter(faults)), "\n".join(faults.values()))
    settings._sources.update({key: value.source for key, value in said.items()})
    return settings


def keys() -> tuple[str, ...]:
    """Every dotted key."""
    return tuple(key for key, _ in fields())


def fields() -> Iterator[tuple[str, Any]]:
    """Every dotted key with pydantic's FieldInfo, whose description says the unit."""
    for group, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Group):
            for name, field in info.annotation.model_fields.items():
                yield f"{group}.{name}", field


def effective(settings: Settings) -> list[tuple[str, Any, str]]:
    """Dotted key, value and source of every setting.

    A source is `default`, `file /a/path`, `env SOTTO_…`, `env BEAM_SIZE` or `flag --port`.
    """
    values = settings.model_dump(mode="json")
    rows = []
    for key in keys():
        group, _, field = key.partition(".")
        rows.append((key, values[group][field], settings._sources.get(key, "default")))
    return rows


def variable(key: str) -> str:
    """The environment's name of a dotted key."""
    return PREFIX + key.upper().replace(".", DELIMITER)


def _unknown(key: str, source: str) -> str:
    close = difflib.get_close_matches(key, keys(), n=1)
    hint = ""
    if close:
        written = variable(close[0]) if source.startswith("env") else close[0]
        hint = f"; did you mean {written}?"
    return f"{source}: there is no setting {key}{hint}"


def _wrong(detail: ErrorDetails, source: str) -> str:
    what = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if detail["type"].endswith("_parsing"):
        what = what.split(", ")[0]  # "a valid integer, unable to parse string as an integer"
    key = ".".join(str(part) for part in detail["loc"])
    return f"{source}: expected {key} to be {what}, got {detail['input']!r}"

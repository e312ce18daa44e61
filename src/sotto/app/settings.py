"""Everything that can be configured, with its unit, and where each value was said.

flag  >  SOTTO_… in the environment  >  short names there (BEAM_SIZE …)  >  file  >  default
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sotto.app.setting_engine import EngineSettings
from sotto.app.setting_groups import (
    AuthSettings,
    DecodeSettings,
    ModelSettings,
    PortSettings,
    ServerSettings,
    StoreSettings,
    VadSettings,
    WebhookSettings,
)
from sotto.app.setting_observing import LogSettings, TraceSettings
from sotto.app.setting_sources import (
    DELIMITER,
    PREFIX,
    Flag,
    Said,
    from_aliases,
    from_environment,
    from_file,
    from_flags,
)
from sotto.app.setting_talk import TalkSettings, VoiceSettings, WebRTCSettings
from sotto.app.setting_types import Group
from sotto.errors import BadOption


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
    store: StoreSettings = Field(default_factory=StoreSettings)
    webhook: WebhookSettings = WebhookSettings()
    auth: AuthSettings = Field(default_factory=AuthSettings)
    log: LogSettings = LogSettings()
    trace: TraceSettings = TraceSettings()
    talk: TalkSettings = TalkSettings()
    voice: VoiceSettings = VoiceSettings()
    webrtc: WebRTCSettings = WebRTCSettings()

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

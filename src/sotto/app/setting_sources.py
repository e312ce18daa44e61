"""Where settings are said: flags, the environment, a file. Each value keeps its source."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sotto.errors import BadOption

PREFIX, DELIMITER = "SOTTO_", "__"
CONFIG_VARIABLE = "SOTTO_CONFIG"

_ALIASES = {
    "ENABLED_MODULES": "server.modules",
    "BEAM_SIZE": "engine.beam_size",
    "BYPASS_AUTHORIZATION": "auth.bypass",
    "ASAP_PUB_KEYS_AUDS": "auth.jwt_audiences",
    "WHISPER_MODEL_NAME": "models.names",
    "SOTTO_AUDIO_TRANSPORTS": "server.audio_transports",
}

_ASAP_BASE = "ASAP_PUB_KEYS_REPO_URL"
_ASAP_FOLDERS = ("ASAP_PUB_KEYS_FOLDER", "ASAP_PUB_KEYS_FALLBACK_FOLDER")

_KUBERNETES = re.compile(PREFIX + r"(\w+_)?(SERVICE_(HOST|PORT)\w*|PORT_\d+_(TCP|UDP)\w*)")
"""What every pod finds in its environment where a service is called `sotto`."""


@dataclass(frozen=True)
class Flag:
    """An option of the command line."""

    option: str
    """As it is typed: `--port`."""
    key: str
    """The setting that it overrides: `server.port`."""
    value: object
    """None: it was not typed."""


@dataclass(frozen=True)
class Said:
    """A value, and where it was said."""

    value: object
    source: str


def xdg(variable: str, fallback: str) -> Path:
    """A folder of the XDG base directory specification, with ours in it."""
    return Path(os.environ.get(variable) or Path.home() / fallback) / "sotto"


def from_flags(flags: Sequence[Flag]) -> dict[str, Said]:
    """Dotted key → value, of the options that were typed."""
    return {f.key: Said(f.value, f"flag {f.option}") for f in flags if f.value is not None}


def from_environment(environ: Mapping[str, str]) -> dict[str, Said]:
    """Dotted key → value, of the variables SOTTO_GROUP__FIELD, known or not."""
    return {
        name.removeprefix(PREFIX).lower().replace(DELIMITER, "."): Said(text, f"env {name}")
        for name, text in environ.items()
        if name.startswith(PREFIX)
        and name != CONFIG_VARIABLE
        and name not in _ALIASES
        and not _of_kubernetes(name, text)
    }


def _of_kubernetes(name: str, text: str) -> bool:
    return bool(_KUBERNETES.fullmatch(name)) or text.startswith(("tcp://", "udp://"))


def from_aliases(environ: Mapping[str, str]) -> dict[str, Said]:
    """Short names that other servers made known; one that is empty says nothing."""
    said = {
        key: Said(environ[name], f"env {name}")
        for name, key in _ALIASES.items()
        if environ.get(name)
    }
    if path := environ.get("WHISPER_MODEL_PATH"):
        source = "env WHISPER_MODEL_PATH"
        name = environ.get("WHISPER_MODEL_NAME") or Path(path).name
        said["models.paths"] = Said({name: path}, source)
        said.setdefault("models.names", Said((name,), source))
    if base := environ.get(_ASAP_BASE):
        said["auth.jwt_bases"] = Said(_asap_bases(base, environ), f"env {_ASAP_BASE}")
    return said


def _asap_bases(base: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Skynet's: a server of keys, and what it calls folders there, of which one is a fallback."""
    folders = [environ.get(name, "").strip("/") for name in _ASAP_FOLDERS]
    bases = [f"{base.rstrip('/')}/{folder}" for folder in folders if folder]
    return tuple(bases) or (base,)


def from_file(config: Path | None, environ: Mapping[str, str]) -> dict[str, Said]:
    """Dotted key → value, of the file that is named or lies in a usual place.

    Raises BadOption where it cannot be read.
    """
    path = _config_path(config, environ)
    if path is None:
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadOption("config", f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadOption("config", f"expected TOML in {path}, got: {error}") from error
    said: dict[str, Said] = {}
    for group, body in data.items():
        rows = {f"{group}.{key}": v for key, v in body.items()} if isinstance(body, dict) else None
        for key, value in (rows if rows is not None else {group: body}).items():
            said[key] = Said(value, f"file {path}")
    return said


def _config_path(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: one that was named, though it be missing, or one that is there."""
    if config is not None:
        return config
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named).expanduser()
    usual = (Path("sotto.toml"), xdg("XDG_CONFIG_HOME", ".config") / "config.toml")
    return next((path.absolute() for path in usual if path.is_file()), None)

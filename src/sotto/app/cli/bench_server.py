"""The server that `sotto bench` measures: one that it starts, or one that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.servers import Server

NANO = "nano"
MOST_SESSIONS = "server.max_sessions"


@dataclass(frozen=True)
class ServerOptions:
    """What a command is told of the server."""

    url: str | None
    pid: int | None
    model: str | None
    threads: int | None
    settings: Sequence[str] | None
    """Each `key=value`."""
    config: Path | None


class ServerChoice:
    """Which server, as the options say."""

    def __init__(self, asked: ServerOptions) -> None:
        """Raises BadOption."""
        self._url, self._pid, self._config = asked.url, asked.pid, asked.config
        self._model = asked.model if asked.model or asked.url else NANO
        own = [] if asked.threads is None else [f"engine.threads={asked.threads}"]
        settings = [*own, *(asked.settings or ())]
        if asked.url is not None and settings:
            raise BadOption("set", "expected settings for a server that is started here, got --url")
        if asked.url is None and asked.pid is not None:
            raise BadOption("pid", "expected --url beside --pid, got none")
        self._settings = dict(map(_pair, settings))

    @property
    def options(self) -> dict[str, Any]:
        """For the result: all that matters for speed, and nothing of this machine's places."""
        place = {} if self._url is None else {"running": True}
        model = None if self._model is None else Path(self._model).name
        return place | {"model": model, "settings": dict(self._settings)}

    @property
    def fields(self) -> dict[str, str]:
        """What each request names: a server that is started here has one model only."""
        return {} if self._url is None or self._model is None else {"model": self._model}

    @property
    def is_running(self) -> bool:
        """Whether somebody else started it."""
        return self._url is not None

    @property
    def model(self) -> str:
        """Its name or folder, of a server that is started here."""
        return self._model or NANO

    def opened(self, beside: Mapping[str, str] | None = None) -> AbstractContextManager[Server]:
        """The server, while the context lasts. Raises ServerError.

        `beside`: what one that is started here finds in its environment, beside its settings.
        """
        from sotto.app.settings import variable
        from sotto.bench.servers import running, sotto_command, started

        if self._url is not None:
            return running(self._url, self._pid)
        config = [] if self._config is None else ["--config", str(self._config)]
        settings = {MOST_SESSIONS: "4096"} | self._settings
        environ = {variable(key): value for key, value in settings.items()} | dict(beside or {})
        words = (*config, "serve", "--model", self.model)
        return started(sotto_command(words, environ))


def _pair(text: str) -> tuple[str, str]:
    from sotto.app.settings import keys

    key, sign, value = text.partition("=")
    if not sign or key not in keys():
        raise BadOption("set", f"expected KEY=VALUE with a key of `sotto config`, got {text!r}")
    return key, value

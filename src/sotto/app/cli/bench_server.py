"""The server that `sotto bench` measures: one that it starts, or one that runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from sotto.errors import BadOption

if TYPE_CHECKING:
    from sotto.bench.results import Json
    from sotto.bench.servers import Server

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A server that runs: http://host:port; else one is started."),
]
Pid: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="PID", help="Its process, where it is on this machine."),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A name of `sotto models list`, or a folder; nano."),
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processor threads of the engine.")
]
Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the server; may be given several times."
    ),
]
Output: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Write the result, as JSON, there."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

NANO = "nano"
MOST_SESSIONS = "server.max_sessions"


class ServerChoice:
    """Which server, as the options say."""

    def __init__(
        self,
        url: str | None,
        pid: int | None,
        model: str | None,
        settings: Sequence[str],
        config: Path | None,
    ) -> None:
        """`settings`: each `key=value`. Raises BadOption."""
        self._url, self._pid, self._config = url, pid, config
        self._model = model if model or url else NANO
        if url is not None and settings:
            raise BadOption("set", "expected settings for a server that is started here, got --url")
        if url is None and pid is not None:
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


def chosen(
    url: str | None,
    pid: int | None,
    model: str | None,
    threads: int | None,
    settings: list[str] | None,
    config: Path | None,
) -> ServerChoice:
    """From the options of a command. Raises BadOption."""
    own = [] if threads is None else [f"engine.threads={threads}"]
    return ServerChoice(url, pid, model, [*own, *(settings or [])], config)


def _pair(text: str) -> tuple[str, str]:
    from sotto.app.settings import keys

    key, sign, value = text.partition("=")
    if not sign or key not in keys():
        raise BadOption("set", f"expected KEY=VALUE with a key of `sotto config`, got {text!r}")
    return key, value


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Gives what is to be told what goes on: a line on a terminal, lines in a pipe."""
    if not sys.stderr.isatty():
        yield lambda what: typer.echo(f"sotto: {what}", err=True)
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield lambda what: status.update(escape(what))


def keep(result: Json, output: Path | None, *, as_json: bool) -> None:
    """Write and print the result as asked for. Raises BadOption."""
    from sotto.bench.results import as_text, write

    if output is not None:
        write(output / f"{result['kind']}.json", as_text(result))
    if as_json:
        typer.echo(as_text(result), nl=False)

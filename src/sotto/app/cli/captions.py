"""What `sotto live` shows of the events of `/stream`: captions, lines, or the events themselves."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from sotto.app.cli.lags import Lags

Json: TypeAlias = dict[str, Any]
Show: TypeAlias = Callable[[Json], None]
"""Takes each event as docs/protocol.md has it."""


@contextmanager
def shown(lags: Lags, *, as_json: bool) -> Iterator[Show]:
    """Captions on a terminal, a line for each utterance in a pipe, or JSON in both."""
    if as_json:
        yield _noted(lags, lambda message: typer.echo(json.dumps(message)))
    elif sys.stdout.isatty():
        with Captions(Console()) as captions:
            yield _noted(lags, captions.show)
    else:
        yield _noted(lags, show_line)


def _noted(lags: Lags, show: Show) -> Show:
    def both(message: Json) -> None:
        lags.note(message)
        show(message)

    return both


def show_line(message: Json) -> None:
    """A final's text on stdout, if it has any; a warning on stderr."""
    if message["type"] == "final" and message["text"]:
        typer.echo(message["text"])
    elif message["type"] == "warning":
        typer.echo(f"sotto: {message['message']}", err=True)


@dataclass
class _Utterance:
    """One that is open."""

    start: float
    """Seconds."""
    committed: str = ""
    certain_until: float = 0.0
    """Seconds: the end of the last committed word."""
    words: list[Json] = field(default_factory=list)
    """Of the last partial."""

    def line(self) -> Text:
        """Certain words plain, others dim."""
        unstable = "".join(word["word"] for word in self.words if not self._is_certain(word))
        line = Text(f"[{stamp(self.start)}] ", "dim")
        if self.committed:
            line.append(self.committed.lstrip(), "not dim")
            return line.append(unstable, "dim")
        return line.append(unstable.lstrip(), "dim")

    def _is_certain(self, word: Json) -> bool:
        """Whether it was committed since it was shown: the next partial may be a while away."""
        return bool(word["start"] < self.certain_until)


class Captions:
    """Open utterances at the bottom of a terminal; finished ones scroll up with their time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._open: dict[int, _Utterance] = {}
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Captions:
        self._live.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(Text(""), refresh=True)
        self._live.stop()

    def show(self, message: Json) -> None:
        """Draw what an event changes."""
        match message["type"]:
            case "speech_started":
                self._open[message["utterance"]] = _Utterance(message["at"])
            case "partial":
                self._of(message).words = message["words"]
            case "committed" if message["words"]:
                utterance = self._of(message)
                utterance.committed += message["text"]
                utterance.certain_until = message["words"][-1]["end"]
            case "final":
                self._finish(message)
                return
            case "resumed":  # what was open is heard again
                self._open.clear()
            case "warning":
                self._console.print(Text(message["message"], "yellow"))
            case _:
                return
        self._draw()

    def _of(self, message: Json) -> _Utterance:
        first = message["words"][0]["start"] if message["words"] else 0.0
        return self._open.setdefault(message["utterance"], _Utterance(first))

    def _finish(self, message: Json) -> None:
        self._open.pop(message["utterance"], None)
        self._draw()  # first, or the utterance would be seen twice for a moment
        if message["text"]:
            time = Text(f"[{stamp(message['start'])}] ", "dim")
            self._console.print(time.append(message["text"], "not dim"))

    def _draw(self) -> None:
        lines = [utterance.line() for utterance in self._open.values()]
        idle = Text("listening … (Ctrl-C ends)", "dim italic")
        self._live.update(Group(*(lines or [idle])), refresh=True)


def stamp(at: float) -> str:
    """Seconds as `00:03`, with the hours before it where there are any."""
    minutes, s = divmod(int(at), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m:02}:{s:02}"

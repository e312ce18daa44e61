"""What `sotto talk` shows: what you said, and what is answered, word by word."""

from __future__ import annotations

import sys
from typing import Protocol

import typer
from rich.console import Console
from rich.text import Text

from sotto.client.talk_events import (
    AnswerEnded,
    AnswerStarted,
    Heard,
    Refused,
    Says,
    TalkEvent,
    TurnStarted,
    Understood,
)

YOU, SOTTO = "you", "sotto"
COMPLETED = "completed"


class Dialog(Protocol):
    """Something that people read."""

    def show(self, event: TalkEvent) -> None:
        """What an event adds."""
        ...


def dialog() -> Dialog:
    """Words as they come on a terminal; a line for each side's turn in a pipe."""
    return Words(Console(highlight=False)) if sys.stdout.isatty() else Lines()


class Lines:
    """For programs: `you: …` and `sotto: …`, each once it is whole."""

    def __init__(self) -> None:
        self._said = ""

    def show(self, event: TalkEvent) -> None:
        """A line, where a turn or an answer is over."""
        match event:
            case Understood(_, text) if text:
                typer.echo(f"{YOU}: {text}")
            case AnswerStarted():
                self._said = ""
            case Says(text=text):
                self._said += text
            case AnswerEnded():
                if self._said:
                    typer.echo(f"{SOTTO}: {' '.join(self._said.split())}")
                _tell_end(event)
            case Refused(_, message):
                _complain(message)
            case _:
                return


class Words:
    """For people."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._speaker = ""
        """Whose line is open."""
        self._shown = ""
        """Of the turn that is heard."""

    def show(self, event: TalkEvent) -> None:
        """The words that it brings."""
        match event:
            case TurnStarted():
                self._begin(YOU)
            case Heard(_, text):
                self._add(YOU, text)
                self._shown += text
            case Understood(_, text):
                self._add(YOU, text.removeprefix(self._shown.lstrip()))
                self._shown = ""
            case Says(text=text):
                self._add(SOTTO, text)
            case AnswerEnded():
                self._end()
                _tell_end(event)
            case Refused(_, message):
                self._end()
                _complain(message)
            case _:
                return

    def _add(self, speaker: str, text: str) -> None:
        if not text:
            return
        if speaker != self._speaker:
            self._begin(speaker)
            text = text.lstrip()
        self._console.print(Text(text), end="", soft_wrap=True)

    def _begin(self, speaker: str) -> None:
        self._end()
        self._speaker = speaker
        self._console.print(Text(f"{speaker:>6}  ", "bold" if speaker == SOTTO else "dim"), end="")

    def _end(self) -> None:
        if self._speaker:
            self._console.print()
        self._speaker = ""


def _tell_end(event: AnswerEnded) -> None:
    if event.status == "failed" or (event.status != COMPLETED and event.reason not in EXPECTED):
        _complain(f"the answer is {event.status}: {event.reason}")


EXPECTED = frozenset({"turn_detected", "client_cancelled"})
"""Why answers end that somebody ended."""


def _complain(message: str) -> None:
    typer.secho(f"sotto: {message}", err=True, fg=typer.colors.YELLOW)

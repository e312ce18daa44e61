"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A name of `sotto models list`, a hub id, or a folder."),
]
Language: TypeAlias = Annotated[
    str | None,
    typer.Option("--language", "-l", help="A code such as en; it is detected if not given."),
]
Task: TypeAlias = Annotated[str, typer.Option(help="transcribe, or translate (into English).")]

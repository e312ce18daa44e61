"""Options that several commands share, and the packages that some of them need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated, TypeAlias

import typer

from sotto.errors import BadOption

Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A name of `sotto models list`, a hub id, or a folder."),
]
Language: TypeAlias = Annotated[
    str | None,
    typer.Option("--language", "-l", help="A code such as en; it is detected if not given."),
]
Task: TypeAlias = Annotated[str, typer.Option(help="transcribe, or translate (into English).")]


def need(extras: str, packages: Sequence[str]) -> None:
    """Raises BadOption where a package of the extras is not installed."""
    missing = [name for name in packages if not find_spec(name)]
    if missing:
        names = ", ".join(missing)
        raise BadOption(
            "extra", f"expected the packages {names}, got none: pip install 'sotto[{extras}]'"
        )

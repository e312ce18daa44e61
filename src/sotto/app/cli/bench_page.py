"""`sotto bench page`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sotto.errors import BadOption

HELP = """Write the page of all results, with its picture.

A result that was made with --peer holds several servers, each by its own name.

[bold]Example[/bold]

  sotto bench page sotto=report/streams.json sotto=report/files.json \\
      peer=other/streams.json --missing "another: it needs a GPU" \\
      --doc docs/benchmarks.md
"""


def page(
    results: Annotated[
        list[str], typer.Argument(metavar="NAME=RESULT...", help="What was measured, by its name.")
    ],
    doc: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the page.")],
    missing: Annotated[
        list[str] | None,
        typer.Option(metavar="SENTENCE", help="What could not be measured, and why."),
    ] = None,
) -> None:
    """Read the results, write the page and the picture beside it."""
    from sotto.bench.page import PICTURE, of_kind
    from sotto.bench.page import page as made
    from sotto.bench.peers.results import apart
    from sotto.bench.peers.results import missing as why_not
    from sotto.bench.results import read, write
    from sotto.bench.streams.plots import picture

    whole = [(name, read(path)) for name, path in map(_named, results)]
    runs = [run for name, result in whole for run in apart(name, result)]
    absent = [why for _, result in whole for why in why_not(result)]
    write(doc, made(runs, [*absent, *(missing or [])]))
    if streams := dict(of_kind(runs, "streams")):
        write(doc.parent / "images" / PICTURE, picture(streams))


def _named(text: str) -> tuple[str, Path]:
    """Raises BadOption."""
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise BadOption("results", f"expected NAME=RESULT, got {text!r}")
    return name, Path(path)

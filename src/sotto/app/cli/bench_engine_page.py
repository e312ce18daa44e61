"""`sotto bench engine-page`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = """Fill the marked places of a page with what engines were measured to do.

What is between them a person has written, and stays.

[bold]Example[/bold]

  sotto bench engine-page report/engine.json --doc docs/gpu.md
"""


def engine_page(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT...", help="Results of `sotto bench engine`.")
    ],
    doc: Annotated[Path, typer.Option(metavar="FILE", help="The page.")],
) -> None:
    """Read the results, write the tables."""
    from sotto.bench.engine.page import filled
    from sotto.bench.results import read, write
    from sotto.errors import BadOption

    runs = [read(path) for path in results]
    for path, run in zip(results, runs, strict=True):
        if run["kind"] != "engine":
            raise BadOption("results", f"expected a result of engines in {path}, got {run['kind']}")
    try:
        text = doc.read_text(encoding="utf-8")
    except OSError as error:
        raise BadOption("doc", f"cannot read {doc}: {error.strerror}") from error
    write(doc, filled(text, runs))

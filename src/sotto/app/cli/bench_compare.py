"""`sotto bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = """Compare two results of `sotto bench`, figure by figure.

[bold]Example[/bold]

  sotto bench compare before/streams.json after/streams.json --plot both.svg
"""


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A result.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another of the same kind.")],
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw both, where they are of streams.")
    ] = None,
) -> None:
    """Print what both have, and how B stands to A."""
    from sotto.app.cli.table import print_table
    from sotto.bench import results
    from sotto.bench.compare import HEAD, differences
    from sotto.bench.compare import compare as side_by_side
    from sotto.bench.streams.plots import picture

    first, second = results.read(a), results.read(b)
    print_table(HEAD, [row.cells() for row in side_by_side(first, second)])
    for difference in differences(first, second):
        typer.echo(f"not the same: {difference}")
    if plot is not None and first["kind"] == "streams":
        results.write(plot, picture({f"A: {a.parent.name}": first, f"B: {b.parent.name}": second}))

"""Tables: drawn on a terminal, plain and aligned in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a head."""
    if sys.stdout.isatty():
        _draw(head, rows)
    else:
        typer.echo(aligned([head, *rows]))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of one width each, two spaces between them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _draw(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*head, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)

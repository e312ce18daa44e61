"""What a command of `sotto bench` tells while it measures, and where its result goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sotto.bench.results import Json


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


@dataclass(frozen=True)
class Outlet:
    """Where a result goes."""

    folder: Path | None
    """For files; None writes none."""
    as_json: bool = field(kw_only=True)
    """Whether it is printed as JSON, in place of tables."""

    def keep(
        self,
        result: Json,
        show: Callable[[], None],
        draw: Callable[[Path], None] = lambda folder: None,
    ) -> None:
        """Write and print the result as asked for. Raises BadOption.

        `show` prints the tables; `draw` adds its pictures to a folder.
        """
        from sotto.bench.results import as_text, write

        if self.folder is not None:
            write(self.folder / f"{result['kind']}.json", as_text(result))
        if self.as_json:
            typer.echo(as_text(result), nl=False)
        if self.folder is not None:
            draw(self.folder)
        if not self.as_json:
            show()

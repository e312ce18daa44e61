"""`sotto models`: what there is to load, and fetching it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.table import print_table

if TYPE_CHECKING:
    from sotto.plugins.checkpoints.source import Checkpoints

MIB = 1024**2

app = typer.Typer(
    name="models",
    help="List, fetch and find models.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Name = Annotated[
    str,
    typer.Argument(help="A name from `sotto models list`, owner/repository, or a folder."),
]


@app.command("list")
def list_models(ctx: typer.Context) -> None:
    """List the models with a name, and those that were downloaded.

    Example:

      [bold]sotto models list[/bold]
    """
    from sotto.plugins.checkpoints.catalog import CATALOG

    source = _source(ctx)
    rows = [
        (
            " ".join((entry.name, *entry.other_names)),
            f"{entry.parameters} M",
            *_where(source, entry.name, bundled=entry.repo is None),
        )
        for entry in CATALOG
    ]
    named = {entry.repo for entry in CATALOG}
    others = [name for name in source.downloaded() if name not in named]
    rows += [(name, "", *_where(source, name, bundled=False)) for name in others]
    print_table(("name", "parameters", "place", "size"), rows)


@app.command()
def pull(ctx: typer.Context, name: Name) -> None:
    """Download a model, so that it is here when a server wants it.

    Examples:

      [bold]sotto models pull turbo[/bold]                             by name

      [bold]sotto models pull Systran/faster-whisper-base[/bold]       any CTranslate2 conversion

    HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean everywhere.
    """
    source = _source(ctx)
    folder = source.find(name)
    if folder is None:
        with _progress(name) as report:
            folder = source.pull(name, report)
    typer.echo(folder)


@app.command()
def path(ctx: typer.Context, name: Name) -> None:
    """Print the folder in which a model lies.

    Example:

      [bold]cp -r "$(sotto models path turbo)" /media/stick[/bold]
    """
    from sotto.errors import ModelUnavailable

    source = _source(ctx)
    folder = source.find(name)
    if folder is None:
        raise ModelUnavailable(f"{name} is not here: `sotto models pull {name}` fetches it")
    typer.echo(folder)


def _source(ctx: typer.Context) -> Checkpoints:
    from sotto.app.settings import load
    from sotto.plugins.checkpoints.source import Checkpoints

    return Checkpoints(load(config=ctx.obj).models.folder)


def _where(source: Checkpoints, name: str, *, bundled: bool) -> tuple[str, str]:
    """Place and size, for people."""
    from sotto.plugins.checkpoints.source import size

    folder = source.find(name)
    if folder is None:
        return "not here", ""
    return "bundled" if bundled else "downloaded", f"{size(folder) / MIB:.0f} MiB"


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; in a pipe, a line for each tenth."""
    if not sys.stderr.isatty():
        yield _Lines(name)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda there, whole: bar.update(task, completed=there, total=whole)


class _Lines:
    """Says how far it is, once for each tenth."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = -1

    def __call__(self, there: int, whole: int) -> None:
        tenth = 10 * there // whole if whole else 10
        if tenth > self._said:
            self._said = tenth
            typer.echo(f"{self._name}: {tenth * 10} % of {whole / MIB:.1f} MiB", err=True)

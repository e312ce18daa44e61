"""`sotto publish`: a finished run on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.table import print_table

if TYPE_CHECKING:
    from sotto.training.release.publish import Publication, Standing

HELP = """Put a finished, exported run on the Hugging Face hub.

Nothing is sent unless --yes is given: without it, every file is listed, the
model card is shown, and the hub is asked what it has and allows. With --yes
all files are sent in one commit. Paths of this machine are left out.

[bold]Examples[/bold]

  sotto publish runs/mine --repo ann/whisper-mine
  sotto publish runs/mine --repo ann/whisper-mine --private --yes

HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean everywhere.
"""

_STEP = 1024


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    repo: Annotated[
        str, typer.Option("--repo", metavar="OWNER/NAME", help="The repository on the hub.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Make it a repository that only you see.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Publish, not only tell.")] = False,
) -> None:
    """Plan, tell, and publish if that is wanted."""
    from huggingface_hub import HfApi

    from sotto.training.learning.runs import Run
    from sotto.training.release.publish import look, plan
    from sotto.training.release.publish import publish as send

    publication = plan(Run(run.resolve()), repo, private=private)
    api = HfApi()
    for warning in publication.warnings:
        typer.secho(f"warning: {warning}", err=True, fg=typer.colors.YELLOW)
    if yes:
        typer.echo(f"published: {send(publication, api)}")
        return
    _tell(publication)
    _tell_standing(publication, look(publication, api))
    typer.echo("nothing was sent; --yes publishes")


def _tell(publication: Publication) -> None:
    files = publication.files
    rows = [
        (file.target, _size(file.size), "made" if isinstance(file.content, bytes) else "as it is")
        for file in files
    ]
    total = ("", _size(sum(file.size for file in files)), f"{len(files)} files")
    print_table(("file", "size", "content"), [*rows, total])
    typer.echo(f"\n{publication.card}")


def _tell_standing(publication: Publication, standing: Standing) -> None:
    asked = "private" if publication.private else "public"
    match standing.private:
        case None:
            state = f"new, {asked}"
        case True:
            state = "there already, private"
        case False:
            state = "there already, public"
    typer.echo(f"repository: {publication.repo} ({state})")
    if publication.private and standing.private is False:
        typer.echo("            --private does not change it: it will not be published")
    if standing.others:
        typer.echo(f"            its other files stay: {', '.join(standing.others)}")
    if standing.user is None:
        typer.echo("token: none; run `hf auth login`, or set HF_TOKEN")
    else:
        may = "" if standing.allowed else ", who does not belong to the repository's owner"
        typer.echo(f"token: of {standing.user}{may}")


def _size(count: int) -> str:
    if count < _STEP:
        return f"{count} B"
    if count < _STEP**2:
        return f"{count / _STEP:.1f} KiB"
    return f"{count / _STEP**2:.1f} MiB"

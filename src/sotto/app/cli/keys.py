"""`sotto keys`: who may speak."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.app.cli.table import print_table

if TYPE_CHECKING:
    from pydantic import ValidationError

    from sotto.errors import BadOption
    from sotto.plugins.auth.key_file import Key, KeyFile
    from sotto.runtime.access import Scope

app = typer.Typer(
    name="keys",
    help="Make, list and take back the keys of those who may speak.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Name = Annotated[str, typer.Argument(help="What the key is called in lists and logs.")]


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="files, streams, models, sessions or admin; can be given several times. "
            "All but admin, if not."
        ),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(metavar="N", help="Requests and sockets in any minute.")
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option(metavar="N", help="Requests and sockets at once.")
    ] = None,
    minutes_per_day: Annotated[
        int | None, typer.Option(metavar="N", help="Minutes of sound in a day, by UTC.")
    ] = None,
) -> None:
    """Make a key and print it, this once: what is kept is only enough to know it again.

    Examples:

      [bold]sotto keys add anna[/bold]                              for all but the admin page

      [bold]sotto keys add kiosk --scope streams --concurrent 2[/bold]

      [bold]sotto keys add nightly --scope files --rate 60 --minutes-per-day 600[/bold]

      [bold]sotto keys add ops --scope admin[/bold]                 for the admin page alone
    """
    from sotto.plugins.auth.key_file import new_key

    key = new_key()
    row: dict[str, object] = {
        "name": name,
        "rate": rate,
        "concurrent": concurrent,
        "minutes": minutes_per_day,
    }
    made = _made(key, row if not scope else {**row, "scopes": _scopes(scope)})
    file = _file(ctx)
    file.add(made)
    typer.echo(f"{name} is in {file.path}; its key is not, and is shown only now:", err=True)
    typer.echo(key)


def _made(key: str, row: dict[str, object]) -> Key:
    """What is kept of a key, with its name and limits. Raises BadOption."""
    from pydantic import ValidationError

    from sotto.clock import SystemClock
    from sotto.plugins.auth.key_file import Key, digest

    own = {"sha256": digest(key), "created": round(SystemClock().wall())}
    try:
        return Key.model_validate({**row, **own})
    except ValidationError as error:
        raise _said(error) from None


@app.command("list")
def list_keys(ctx: typer.Context) -> None:
    """List the keys: names, what each is good for, limits.

    Example:

      [bold]sotto keys list[/bold]
    """
    file = _file(ctx)
    found = file.read()
    rows = [
        (
            key.name,
            " ".join(sorted(key.scopes)),
            str(key.rate or ""),
            str(key.concurrent or ""),
            str(key.minutes or ""),
            datetime.fromtimestamp(key.created, UTC).strftime("%Y-%m-%d"),
        )
        for key in found
    ]
    print_table(("name", "scopes", "a minute", "at once", "min a day", "made"), rows)
    if not rows:
        typer.echo(f"no keys in {file.path}: `sotto keys add NAME` makes one", err=True)


@app.command()
def revoke(ctx: typer.Context, name: Name) -> None:
    """Take a key back; servers that run refuse it from the next request on.

    Example:

      [bold]sotto keys revoke kiosk[/bold]
    """
    _file(ctx).revoke(name)
    typer.echo(f"{name} is no longer let in", err=True)


def _said(error: ValidationError) -> BadOption:
    """In our words, of the first option that is at fault."""
    from sotto.errors import BadOption

    first = error.errors(include_url=False)[0]
    option = str(first["loc"][0]).replace("minutes", "minutes-per-day")
    what = first["msg"].removeprefix("Input should be ")
    if option == "name":
        what = "1 to 64 letters, digits and . _ -, with a letter or digit first"
    return BadOption(option, f"expected {option} to be {what}, got {first['input']!r}")


def _scopes(given: list[str]) -> list[Scope]:
    """Raises BadOption for a name that is none."""
    from sotto.runtime.access import Scope
    from sotto.transcript.options import one_of

    return [one_of(Scope, "scope", name) for name in given]


def _file(ctx: typer.Context) -> KeyFile:
    from sotto.app.settings import load
    from sotto.plugins.auth.key_file import KeyFile

    return KeyFile(load(config=ctx.obj).auth.keys)

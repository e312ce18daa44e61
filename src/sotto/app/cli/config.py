"""`sotto config`: the settings in force, and where each was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sotto.app.cli.table import print_table

HELP = """Show the settings in force, and where each was said.

Examples:

  [bold]sotto config[/bold]                       every setting, its value, its source

  [bold]sotto config --toml > sotto.toml[/bold]   a file to start from

A value is taken from a flag, else from a variable such as SOTTO_SERVER__PORT, else from a short
one such as BEAM_SIZE, else from the file, else it is the default.
"""


def config(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="As a file to start from.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", hidden=True, help="As the table in docs/settings.md.")
    ] = False,
) -> None:
    """Print the settings."""
    from sotto.app.settings import effective, load

    if as_markdown:
        typer.echo(to_markdown(effective(load(environ={}))), nl=False)
        return
    rows = effective(load(config=ctx.obj))
    if as_json:
        listed = [{"key": key, "value": value, "source": source} for key, value, source in rows]
        typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    elif as_toml:
        typer.echo(to_toml(rows), nl=False)
    else:
        shown = [(key, _toml(value), source) for key, value, source in rows]
        print_table(("setting", "value", "source"), shown)


def to_markdown(rows: list[tuple[str, Any, str]]) -> str:
    """The table of all settings with their defaults."""
    from sotto.app.settings import fields, variable

    meanings = {key: info.description for key, info in fields()}
    lines = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for key, value, _ in rows:
        shown = _toml(value).replace(str(Path.home()), "~")
        lines.append(f"| `{key}` | `{variable(key)}` | `{shown}` | {meanings[key]} |")
    return "\n".join(lines) + "\n"


def to_toml(rows: list[tuple[str, Any, str]]) -> str:
    """A file with every setting: those that are defaults, or have no value, commented out."""
    from sotto.app.settings import fields

    meanings = {key: info.description for key, info in fields()}
    lines: list[str] = []
    group = ""
    for key, value, source in rows:
        head, _, name = key.partition(".")
        if head != group:
            lines += ["", f"[{head}]"] if group else [f"[{head}]"]
            group = head
        off = "# " if source == "default" or value is None else ""
        lines.append(f"{off}{name} = {_toml(value)}  # {meanings[key]}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML writes it; `"none"`, which the settings understand, where there is none."""
    if value is None:
        return '"none"'
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    return json.dumps(value, ensure_ascii=False)

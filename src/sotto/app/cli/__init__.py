"""The command line. Each command lies in its own module and imports what is heavy when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import sotto
from sotto.app.cli import (
    bench,
    config,
    evaluate,
    export,
    keys,
    live,
    mel,
    metrics,
    models,
    plan,
    publish,
    serve,
    synthesize,
    talk,
    train,
    transcribe,
    tune,
    tune_machine,
)
from sotto.errors import CallerError, SottoError

OURS, CALLERS = 1, 2
"""Exit codes: our fault, the caller's."""

app = typer.Typer(
    name="sotto",
    help="Whisper speech to text while it is being spoken, on machines its users own.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("serve", help=serve.HELP)(serve.serve)
app.command("transcribe", help=transcribe.HELP)(transcribe.transcribe)
app.command("mel", help=mel.HELP)(mel.mel)
app.command("live", help=live.HELP)(live.live)
app.command("talk", help=talk.HELP)(talk.talk)
app.add_typer(models.app)
app.add_typer(keys.app)
app.command("synthesize", help=synthesize.HELP)(synthesize.synthesize)
app.command("train", help=train.HELP)(train.train)
app.command("tune", help=tune.HELP)(tune.tune)
app.command("export", help=export.HELP)(export.export)
app.command("evaluate", help=evaluate.HELP)(evaluate.evaluate)
app.add_typer(bench.app)
app.command("plan", help=plan.HELP)(plan.plan)
app.command("tune-machine", help=tune_machine.HELP)(tune_machine.tune_machine)
app.command("publish", help=publish.HELP)(publish.publish)
app.command("config", help=config.HELP)(config.config)
app.command("metrics", help=metrics.HELP)(metrics.metrics)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sotto {sotto.__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings to read, as TOML, instead of ./sotto.toml or "
            "~/.config/sotto/config.toml.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say it and leave."),
    ] = False,
) -> None:
    """Keep what holds for every command; `ctx.obj` is the file of settings, or None."""
    ctx.obj = config_file


def main() -> None:
    """Run a command; what went wrong is said in a sentence, without a traceback."""
    try:
        app()
    except SottoError as error:
        typer.secho(f"sotto: {error.message}", err=True, fg=typer.colors.RED)
        sys.exit(CALLERS if isinstance(error, CallerError) else OURS)

"""`sotto serve`."""

from __future__ import annotations

from typing import Annotated

import typer

HELP = """Listen on a port: page, REST and WebSocket.

The server listens at once; models load in the background, smallest first.
Where other hosts can reach it, callers need a key: see [bold]sotto keys[/bold].

[bold]Examples[/bold]

  sotto serve                                [dim]# http://localhost:8000[/dim]
  sotto serve --model small --language en
  sotto serve --host 0.0.0.0 --port 9000     [dim]# for other machines too[/dim]
"""


def serve(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model to load; can be given several times. A name of `sotto models list`, a hub "
            "id, or a folder."
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="ctranslate2, torch, remote or a plug-in's name.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run the server until it is told to stop."""
    from sotto.app.server import run_server
    from sotto.app.setting_sources import Flag
    from sotto.app.settings import load

    flags = [
        Flag("--host", "server.host", host),
        Flag("--port", "server.port", port),
        Flag("--engine", "engine.kind", engine),
        Flag("--device", "engine.device", device),
        Flag("--model", "models.names", tuple(model) if model else None),
        Flag("--log-level", "log.level", log_level),
    ]
    run_server(load(flags, config=ctx.obj))

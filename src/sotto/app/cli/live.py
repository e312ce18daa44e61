"""`sotto live`: captions of a microphone or a file, while it sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sotto.app.cli.options import Language, Model, Task

if TYPE_CHECKING:
    from pathlib import Path

    from sotto.app.cli.lags import Lags
    from sotto.app.cli.sources import Source

NAME = "live"
"""The dialect, in the metrics."""

HELP = """Show captions of a microphone, or of a file, while it sounds.

Words that will not change any more are plain, those that may are dim. Ctrl-C ends the sound and
waits for the last words; a second one leaves at once.

[bold]Examples[/bold]

  sotto live                                  [dim]# the microphone[/dim]
  sotto live --model small --language en
  sotto live talk.mp3                         [dim]# a file, as fast as it was spoken[/dim]
  sotto live talk.mp3 --speed 0 > talk.txt    [dim]# as fast as it goes, a line per utterance[/dim]
  sotto live --url ws://server:8000           [dim]# a server hears, this machine shows[/dim]
  sotto live --json | jq .text                [dim]# the events of docs/protocol.md[/dim]
"""


def live(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="[FILE|mic]", help="Any audio or video file, or mic.")
    ] = "mic",
    url: Annotated[
        str | None,
        typer.Option(help="A server to send the sound to: ws://host:8000/stream."),
    ] = None,
    model: Model = None,
    language: Language = None,
    task: Task = "transcribe",
    policy: Annotated[
        str | None,
        typer.Option(help="When words are certain: alignatt, local-agreement, chunked."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="Of a file: 2 is twice as fast, 0 as fast as it goes.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as JSON.")] = False,
) -> None:
    """Stream the sound through a session, here or on a server, and show what comes."""
    import asyncio

    from sotto.app.cli.lags import Lags
    from sotto.app.cli.local import run
    from sotto.app.cli.sources import Pace, open_source
    from sotto.clock import SystemClock

    clock = SystemClock()
    asked = {"model": model, "language": language, "task": task, "policy": policy}
    config: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    with open_source(source, Pace(clock, asyncio.sleep, speed)) as sound:
        lags = Lags(clock, sound.speed)
        config |= {"encoding": "pcm_f32le", "sample_rate": sound.rate}
        if url is None:
            run(_here(ctx.obj, config, sound, lags, as_json=as_json))
        else:
            run(_there(url, config, sound, lags, as_json=as_json))
    lags.tell()


async def _here(
    config_file: Path | None, config: dict[str, Any], sound: Source, lags: Lags, *, as_json: bool
) -> None:
    """On this machine, with the server's own service."""
    import json

    from sotto.app.build import build_service
    from sotto.app.cli.captions import shown
    from sotto.app.cli.local import loaded, settings_for
    from sotto.app.cli.sources import sounding
    from sotto.transcript.events import Event
    from sotto.transports.stream import event_to_json, parse_config

    settings = settings_for([], config.get("model"), config_file)
    service = build_service(settings)
    request = parse_config(json.dumps(config)).request(service.defaults, service.policy)
    async with loaded(service, settings), service.open_stream(request, NAME) as stream:
        with shown(lags, as_json=as_json) as show:

            async def tell(event: Event) -> None:
                show(event_to_json(event, word_timestamps=False))

            with sounding(sound, lags) as pieces:
                await stream.run(pieces, tell)


async def _there(
    url: str, config: dict[str, Any], sound: Source, lags: Lags, *, as_json: bool
) -> None:
    """On a server, however often the connection to it is lost."""
    from sotto.app.cli.captions import shown
    from sotto.app.cli.reconnecting import say, told
    from sotto.app.cli.sources import sounding
    from sotto.client import AsyncClient, Reconnecting

    with shown(lags, as_json=as_json) as show, sounding(sound, lags) as pieces:
        async for event in AsyncClient(url).listen(pieces, **config):
            if isinstance(event, Reconnecting):
                say(event)
            elif (message := told(event)) is not None:
                show(message)

"""What `transcribe` and `live` run on: the server's own service, for as long as one command."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer

from sotto.app.build import running
from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, load
from sotto.plugins.checkpoints.source import Checkpoints
from sotto.runtime.models import AUTO, ModelState
from sotto.runtime.service import Service

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""

NANO = "nano"
ABOUT_NANO = (
    "sotto: nano, the model that ships, knows English digits and a few words;\n"
    "       for real speech: `sotto models pull small`, then `--model small`"
)

T = TypeVar("T")


def settings_for(flags: Sequence[Flag], model: str | None, config: Path | None) -> Settings:
    """The settings in force, with the wanted model and no other where one is wanted."""
    settings = load(flags, config=config)
    wanted = model or settings.models.default
    if wanted == AUTO:
        return settings
    paths = {name: folder for name, folder in settings.models.paths.items() if name == wanted}
    models = settings.models.model_copy(
        update={"names": (wanted,), "paths": paths, "default": wanted}
    )
    return settings.model_copy(update={"models": models})


def run(work: Coroutine[Any, Any, T]) -> T:
    """What the coroutine gives. Ctrl-C leaves once it has cleaned up.

    The interpreter would wait for the window that the engine's thread decodes, which a large
    model can take many seconds for.
    """
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)


@asynccontextmanager
async def loaded(service: Service, settings: Settings) -> AsyncIterator[None]:
    """The service with its models loaded, as far as they can be."""
    async with running(service):
        with _patience(settings):
            await service.models.settled()
        states = service.models.snapshot()
        ready = [status.name for status in states if status.state is ModelState.READY]
        for status in states:
            if ready and status.state is ModelState.FAILED:
                typer.echo(f"sotto: going on without {status.name}: {status.error}", err=True)
        if sys.stderr.isatty() and settings.models.default == AUTO and ready[-1:] == [NANO]:
            typer.echo(ABOUT_NANO, err=True)
        yield


@contextmanager
def _patience(settings: Settings) -> Iterator[None]:
    """On a terminal, says what is waited for."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.markup import escape

    checkpoints, names = Checkpoints(settings.models.folder), settings.models.names
    away = [name for name in names if checkpoints.find(name) is None]
    what = f"loading {', '.join(settings.models.served)}"
    if away:
        what = f"fetching {', '.join(away)} first (`sotto models pull` shows how far it is)"
    with Console(stderr=True).status(escape(what)):
        yield

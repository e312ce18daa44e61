"""`sotto talk`: a conversation by voice, in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sotto.errors import BadOption, CallerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sotto.app.cli.conversing import Conversing
    from sotto.app.cli.speaker import Speaker
    from sotto.client.talking import Talking

LOCAL = "http://localhost:8000"

HELP = """Talk with a server: it hears, its language model answers, and it speaks.

Ctrl-C ends an answer that is on its way; where there is none, it leaves. A microphone hears nothing
while an answer sounds, so that loudspeakers do not interrupt themselves; with headphones, say so,
and speak into answers to interrupt them.

[bold]Examples[/bold]

  sotto talk                                  [dim]# the microphone[/dim]
  sotto talk --headphones --language es       [dim]# answered in Spanish, whatever you speak[/dim]
  sotto talk question.wav                     [dim]# one question, one answer[/dim]
  sotto talk question.wav -o answer.wav
  sotto talk --type                           [dim]# you type, it speaks[/dim]
  sotto talk --url https://server
"""


def talk(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    source: Annotated[
        str, typer.Argument(metavar="[FILE|mic]", help="A recorded question, or mic.")
    ] = "mic",
    url: Annotated[str, typer.Option(help="The server: http://host:8000.")] = LOCAL,
    key: Annotated[str | None, typer.Option(help="Where the server asks for one.")] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", "-l", help="In which it answers, as es; else as you speak."),
    ] = None,
    voice: Annotated[str | None, typer.Option(help="One of the server's voices.")] = None,
    instructions: Annotated[
        str | None, typer.Option(help="What the model is told of its task.")
    ] = None,
    by_hand: Annotated[bool, typer.Option("--type", help="Type your questions.")] = False,
    headphones: Annotated[
        bool, typer.Option("--headphones", help="Listen while answers sound, too.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="WAV", help="Write answers there, unheard."),
    ] = None,
) -> None:
    """Converse until one side has enough."""
    import asyncio

    from sotto.app.cli.conversing import typed
    from sotto.app.cli.local import run
    from sotto.app.cli.sources import MIC, Pace, open_source
    from sotto.client.talking import Talking, TalkOptions
    from sotto.clock import SystemClock

    options = TalkOptions(
        language=language or "", voice=voice or "", instructions=instructions or ""
    )
    if by_hand:
        if source != MIC:
            raise BadOption("type", "expected either a FILE or --type, got both")

        async def ask(conversing: Conversing) -> None:
            async for line in typed(_prompt):
                await conversing.ask(line)

        run(_converse(Talking(url, options, api_key=key), output, ask))
        return
    is_live = source == MIC
    with open_source(source, Pace(SystemClock(), asyncio.sleep, 0)) as sound:
        holds = is_live and headphones
        options = replace(options, rate=sound.rate, takes_turns=is_live, holds=holds)

        async def speak(conversing: Conversing) -> None:
            if is_live:
                await conversing.listen(sound.pieces, always=headphones)
            else:
                await conversing.ask_aloud(sound.pieces)

        run(_converse(Talking(url, options, api_key=key), output, speak))


async def _converse(
    talking: Talking, output: Path | None, ask: Callable[[Conversing], Awaitable[None]]
) -> None:
    """Until all is asked and answered, or the server hangs up. Raises why it does."""
    import asyncio

    from sotto.app.cli.conversing import Conversing, interrupting
    from sotto.app.cli.dialog import dialog

    with _heard(output) as speaker:
        async with talking as talk:
            conversing = Conversing(talk, dialog(), speaker)
            with interrupting(conversing):
                following = asyncio.ensure_future(conversing.follow())
                asking = asyncio.ensure_future(ask(conversing))
                try:
                    both = {following, asking}
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    (following if following.done() else asking).result()
                finally:
                    following.cancel()
                    asking.cancel()
                    await asyncio.gather(following, asking, return_exceptions=True)


@contextmanager
def _heard(output: Path | None) -> Iterator[Speaker]:
    """Where answers sound; where none can, they are read. Raises BadOption."""
    from sotto.app.cli.speaker import Recorder, loudspeaker, recording

    with ExitStack() as stack:
        if output is not None:
            yield stack.enter_context(recording(output))
            return
        speaker: Speaker = Recorder()
        try:
            speaker = stack.enter_context(loudspeaker())
        except CallerError as error:
            typer.echo(f"sotto: {error.message}", err=True)
        yield speaker


def _prompt() -> None:
    if sys.stdin.isatty():
        typer.secho("   you  ", dim=True, nl=False)

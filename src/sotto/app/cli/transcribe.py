"""`sotto transcribe`: files in, what is said in them out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sotto.app.cli.options import Language, Model, Task

HELP = """Write down what is said in audio or video files, or in images of `sotto mel`.

The result goes to stdout, everything else to stderr.

[bold]Examples[/bold]

  sotto transcribe talk.mp3
  sotto transcribe talk.mp3 --format srt > talk.srt
  sotto transcribe *.m4a --output notes --model small
  sotto transcribe call.wav --word-timestamps      [dim]# with times, line by line[/dim]
  sotto transcribe talk.png                        [dim]# what `sotto mel` made of a file[/dim]
  ffmpeg -i rtsp://cam -t 60 -f wav - | sotto transcribe -

txt and json give the running text, srt and vtt subtitles, and verbose_json
the segments, as OpenAI's API has them.
"""

UNREADABLE = 2
"""Exit code where a file could not be read; the others were."""


Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Any audio or video container; - reads stdin."),
]
Form = Annotated[
    str,
    typer.Option("--format", "-f", metavar="FORMAT", help="txt, srt, vtt, json, verbose_json."),
]
WordTimestamps = Annotated[
    bool,
    typer.Option(
        "--word-timestamps",
        help="json: the words too; srt, vtt: one cue a word; txt: one line a segment, "
        "with its times.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Write DIR/name.ext, one per file."),
]
Prompt = Annotated[
    str, typer.Option(help="Text taken to stand before the first word: names, spelling, style.")
]
Hotwords = Annotated[str, typer.Option(help="Words to expect anywhere.")]
BeamSize = Annotated[int | None, typer.Option(help="1 to 20; more is slower and a little better.")]


def transcribe(  # noqa: PLR0913, PLR0917 - a command's options, each by name
    ctx: typer.Context,
    files: Files,
    form: Form = "txt",
    model: Model = None,
    language: Language = None,
    task: Task = "transcribe",
    word_timestamps: WordTimestamps = False,
    output: Output = None,
    prompt: Prompt = "",
    hotwords: Hotwords = "",
    beam_size: BeamSize = None,
) -> None:
    """Transcribe one file after the other, on the same service as the server's."""
    from dataclasses import replace

    from sotto.app.build import build_service
    from sotto.app.cli.files import Outlet, Result, standard_input, transcribe_files
    from sotto.app.cli.local import run, settings_for
    from sotto.app.setting_sources import Flag
    from sotto.runtime.requests import FileRequest
    from sotto.transcript.languages import parse_language
    from sotto.transcript.options import Task, one_of
    from sotto.transcript.render import Format

    result = Result(one_of(Format, "format", form), times=word_timestamps)
    outlet = Outlet(files, result, output)
    settings = settings_for([Flag("--beam-size", "engine.beam_size", beam_size)], model, ctx.obj)
    service = build_service(settings)
    decode = replace(
        service.defaults,
        task=one_of(Task, "task", task),
        language=parse_language(language),
        prompt=prompt,
        hotwords=hotwords,
    )
    request = FileRequest(settings.models.default, decode)
    with standard_input(files) as stdin:
        all_read = run(transcribe_files(service, settings, request, outlet, stdin))
    if not all_read:
        raise typer.Exit(UNREADABLE)

"""The files of one `sotto transcribe`: how they are read, and where the results go."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import typer

from sotto.app.cli.local import loaded
from sotto.app.cli.progress import Bar
from sotto.app.settings import Settings
from sotto.audio.format import FRAMES_PER_SECOND
from sotto.errors import BadAudio, BadOption
from sotto.runtime import picture
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transcript.cues import SHORTEST, Cue
from sotto.transcript.render import Format, Granularity, render, srt, verbose, vtt
from sotto.transcript.words import Segment, Transcript

STDIN = "-"
_EXTENSIONS = {Format.VERBOSE_JSON: "json"}
"""Where it is not the format's own name."""


@dataclass(frozen=True)
class Result:
    """The form in which a transcript is wanted."""

    form: Format
    times: bool
    """Of each word; as txt, of each segment."""

    @property
    def extension(self) -> str:
        """For a file's name, without the dot."""
        return _EXTENSIONS.get(self.form, self.form)

    def of(self, transcript: Transcript) -> str:
        """The transcript in this form."""
        if not self.times:
            return render(transcript, self.form)
        match self.form:
            case Format.TXT:
                return "\n".join(_line(segment) for segment in transcript.segments)
            case Format.SRT:
                return srt(word_cues(transcript))
            case Format.VTT:
                return vtt(word_cues(transcript))
            case Format.JSON:
                words = verbose(transcript, words=True)["words"]
                return json.dumps({"text": transcript.text, "words": words}, ensure_ascii=False)
            case Format.VERBOSE_JSON:
                return render(transcript, self.form, frozenset(Granularity))


def word_cues(transcript: Transcript) -> list[Cue]:
    """One cue a word: in order, none empty, none before the end of the one before it."""
    cues: list[Cue] = []
    free = 0
    for word in transcript.words:
        start = max(word.start, free)
        free = max(word.end, start + SHORTEST)
        cues.append(Cue(start, free, word.text.strip()))
    return cues


class Outlet:
    """The names to read, and where what is said in each goes: to stdout, or beside each other."""

    def __init__(self, names: Sequence[str], result: Result, folder: Path | None) -> None:
        """Raises BadOption where results would overwrite each other, or make no sense in a row."""
        self.names = names
        self.to_stdout = folder is None
        self._result = result
        self._targets: dict[str, Path] = {}
        if folder is not None:
            self._targets = {name: folder / self._file_name(name) for name in names}
            _check_apart(self._targets)
            _make(folder)
        elif len(names) > 1 and result.form in (Format.SRT, Format.VTT):
            raise BadOption(
                "output",
                f"expected one file, or --output DIR: {len(names)} files as {result.form} in a row "
                "are no subtitles of any of them",
            )

    def put(self, name: str, transcript: Transcript) -> None:
        """Print or write a transcript. Raises BadOption where it cannot be written."""
        text = self._result.of(transcript)
        text += "" if text.endswith("\n") else "\n"
        target = self._targets.get(name)
        if target is not None:
            try:
                target.write_text(text, encoding="utf-8")
            except OSError as error:
                raise BadOption("output", f"cannot write {target}: {error.strerror}") from error
            return
        if len(self.names) > 1 and self._result.form is Format.TXT:
            typer.echo(f"==> {name} <==")
        typer.echo(text, nl=False)

    def _file_name(self, name: str) -> str:
        stem = "stdin" if name == STDIN else Path(name).stem
        return f"{stem}.{self._result.extension}"


@contextmanager
def standard_input(names: Sequence[str]) -> Iterator[BinaryIO | None]:
    """stdin, where it is among the names.

    A pipe is copied, since containers are read back and forth; and before an event loop runs,
    since there Ctrl-C would not break off a read.
    """
    if STDIN not in names:
        yield None
    elif sys.stdin.buffer.seekable():
        yield sys.stdin.buffer
    else:
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(sys.stdin.buffer, spool)
            spool.seek(0)
            yield spool


async def transcribe_files(
    service: Service,
    settings: Settings,
    request: FileRequest,
    outlet: Outlet,
    stdin: BinaryIO | None = None,
) -> bool:
    """Every file in turn; whether all of them could be read.

    Raises what is no single file's fault: a model that is not there, an option it does not know.
    """
    good = True
    async with loaded(service, settings):
        for number, name in enumerate(outlet.names, 1):
            bar = Bar(f"{number}/{len(outlet.names)} {name}", keep=not outlet.to_stdout)
            try:
                with _opened(name, stdin) as file, bar.over(file) as tell:
                    transcript = await _written_down(service, file, request, tell)
            except (BadAudio, OSError) as error:
                typer.echo(f"sotto: {name}: {_reason(error)}", err=True)
                good = False
            else:
                outlet.put(name, transcript)
    return good


async def _written_down(
    service: Service, file: BinaryIO, request: FileRequest, tell: Callable[[Segment], None]
) -> Transcript:
    """What is said in a file, be it sound or an image of it. Raises BadAudio, OSError."""
    head = file.read(picture.HEAD)
    file.seek(0)
    if not picture.is_picture(head):
        return await service.transcribe_file(file, request, tell)
    data = file.read(picture.MAX_BYTES + 1)
    if len(data) > picture.MAX_BYTES:
        raise BadAudio(f"expected an image of at most {picture.MAX_BYTES:,} bytes, got more")
    return await service.transcribe_image(lambda: picture.see(data), request)


@contextmanager
def _opened(name: str, stdin: BinaryIO | None) -> Iterator[BinaryIO]:
    """Raises OSError."""
    if name == STDIN and stdin is not None:
        stdin.seek(0)
        yield stdin
    else:
        with Path(name).open("rb") as file:
            yield file


def _reason(error: BadAudio | OSError) -> str:
    if isinstance(error, BadAudio):
        return error.message
    return error.strerror or str(error)


def _line(segment: Segment) -> str:
    return f"[{_clock(segment.start)} → {_clock(segment.end)}] {segment.text}"


def _clock(frame: int) -> str:
    """`01:02.50`, with the hours before it where there are any."""
    total, hundredths = divmod(frame, FRAMES_PER_SECOND)
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    return f"{f'{hours:02}:' if hours else ''}{m:02}:{s:02}.{hundredths:02}"


def _check_apart(targets: dict[str, Path]) -> None:
    owners: dict[Path, str] = {}
    for name, target in targets.items():
        other = owners.setdefault(target, name)
        if other != name:
            raise BadOption(
                "output",
                f"expected files of different names: {other} and {name} both give {target}",
            )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadOption("output", f"cannot make {folder}: {error.strerror}") from error

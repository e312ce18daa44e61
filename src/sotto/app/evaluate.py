"""How well a model hears labelled speech: each clip as a file, and as a stream."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sotto
from sotto.clock import Clock
from sotto.errors import BadAudio, BadOption
from sotto.runtime.container import read_file
from sotto.runtime.intake import hear_file
from sotto.runtime.replay import replay
from sotto.runtime.requests import FileRequest, StreamRequest
from sotto.runtime.service import Service
from sotto.training.evaluation.normalization import BASIC, Normalization
from sotto.training.evaluation.page import page
from sotto.training.evaluation.report import Outcome, Report, Take
from sotto.training.manifest import Choose, Entry, Manifest, check_manifests
from sotto.transcript.options import DecodeOptions, StreamOptions
from sotto.transcript.words import Transcript

LONGEST = 3600.0
"""Seconds of speech in a clip: the alignment of an hour takes 0.8 GB, of two four times that."""

NAME = "evaluate"
"""The dialect, in the metrics."""


@dataclass(frozen=True)
class Wanted:
    """Which clips of each set."""

    split: str | None = None
    """None takes every split."""
    limit: int | None = None
    """The first so many; None takes all."""

    def __call__(self, manifest: Manifest) -> Manifest:
        """Raises BadOption where no clip is left."""
        entries = manifest.entries
        if self.split is not None:
            entries = tuple(entry for entry in entries if entry.split == self.split)
            if not entries:
                there = sorted({entry.split or "none" for entry in manifest.entries})
                raise BadOption(
                    "split",
                    f"{manifest.path}: expected clips of the split {self.split!r}, got "
                    f"{', '.join(there) or 'no clips'}",
                )
        return replace(manifest, entries=entries[: self.limit])


def read_sets(data: Sequence[Path], wanted: Choose) -> tuple[Manifest, ...]:
    """The wanted clips, all checked. Raises BadManifest, BadOption."""
    return check_manifests(data, choose=wanted, longest=LONGEST)


@dataclass(frozen=True)
class Examiner:
    """Hears clips with the default model of a service, which is loaded."""

    service: Service
    model: str
    clock: Clock
    streamed: bool = True
    """Whether each clip is heard as a stream too."""
    normalization: Normalization = BASIC
    """In which texts are compared."""

    async def examine(
        self, sets: Sequence[Manifest], tell: Callable[[Outcome], None] = lambda outcome: None
    ) -> Report:
        """Every clip in turn; `tell` is told each.

        Raises BadAudio with the clip's name, and what the service raises.
        """
        outcomes: list[Outcome] = []
        names = Counter(manifest.name for manifest in sets)
        for manifest in sets:
            name = manifest.name if names[manifest.name] == 1 else str(manifest.path)
            for entry in manifest.entries:
                try:
                    outcome = await self._hear(name, entry)
                except BadAudio as error:
                    raise BadAudio(f"{entry.place}: {entry.name}: {error.message}") from error
                outcomes.append(outcome)
                tell(outcome)
        return Report(self.model, sotto.__version__, tuple(outcomes), self.normalization)

    async def _hear(self, name: str, entry: Entry) -> Outcome:
        decode = replace(self.service.defaults, language=entry.language)
        began = self.clock.monotonic()
        whole = await self.service.transcribe_file(entry.path, FileRequest(self.model, decode))
        took = self.clock.monotonic() - began
        offline = Take(entry.text, whole.text, took, self.normalization)
        streamed = None
        if self.streamed:
            began = self.clock.monotonic()
            heard = await self._stream(entry.path, decode)
            took = self.clock.monotonic() - began
            streamed = Take(entry.text, heard.text, took, self.normalization)
        return Outcome(name, entry, whole.seconds, offline, streamed)

    async def _stream(self, path: Path, decode: DecodeOptions) -> Transcript:
        """By the session that a client's stream would get."""
        service = self.service
        request = StreamRequest(self.model, decode, StreamOptions(policy=service.policy))
        async with (
            service.models.use(self.model) as (_, recognizer),
            service.open_stream(request, NAME) as stream,
        ):
            ear = service.front_end.ear(stream.traits.n_mels)
            return await replay(stream.session, hear_file(read_file(path), ear), recognizer)


def write_report(report: Report, folder: Path) -> None:
    """`report.json` and `report.html`, each whole or not at all. Raises BadOption."""
    text = json.dumps(report.json(), ensure_ascii=False, indent=1) + "\n"
    _write_whole(folder / "report.json", text)
    _write_whole(folder / "report.html", page(report))


def make_folder(folder: Path) -> None:
    """So that a wrong name is told before the work. Raises BadOption."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadOption("output", f"cannot make {folder}: {error.strerror}") from error


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadOption("output", f"cannot write {path}: {error.strerror}") from error

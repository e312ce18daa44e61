"""Labelled speech: JSON lines, one clip a line, all of them checked before anything starts.

    {"path": "audio/1.flac", "text": "nine two five", "speaker": "ann", "split": "eval"}

`path` and `text` must be there. `language` (or `lang`), `speaker`, `split`, `seconds`, `id`,
`kind`, `age` and `gender` may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from sotto.audio.format import SAMPLE_RATE
from sotto.errors import BadAudio, BadManifest, BadOption, UnknownLanguage
from sotto.runtime.container import length_of, read_file
from sotto.transcript.languages import check_language

FILE = "manifest.jsonl"
"""Its name in a folder."""

LONGEST = 30.0
"""Seconds: Whisper's window, which a clip to learn from must fit into."""
TOLERANCE = 0.5
"""Seconds by which the manifest and the file may differ about its length."""
SHOWN = 40
"""Characters of a value that an error quotes."""

Split: TypeAlias = Literal["train", "dev", "eval"]
Kind: TypeAlias = Literal["speech", "noise", "rir"]
"""`rir` is the impulse response of a room. Only `speech` has words."""


@dataclass(frozen=True)
class Entry:
    """One clip."""

    place: str
    """`file:line` of its manifest, for errors."""
    path: Path
    """From the root, or from where the command runs."""
    name: str
    """The path as the manifest has it."""
    text: str
    """What is said in it; empty where it is no speech."""
    language: str | None = None
    speaker: str | None = None
    split: Split | None = None
    seconds: float | None = None
    """As the manifest claims."""
    id: str | None = None
    kind: Kind = "speech"

    @property
    def is_speech(self) -> bool:
        """Whether there are words to be heard."""
        return self.kind == "speech"


@dataclass(frozen=True)
class Manifest:
    """The clips of one set, in order."""

    path: Path
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """The set's: its folder's, or its file's where that is not `manifest.jsonl`."""
        return self.path.resolve().parent.name if self.path.name == FILE else self.path.stem


Choose: TypeAlias = Callable[[Manifest], Manifest]
"""Which clips of a manifest are wanted."""


class _Line(BaseModel):
    """A line as it is written."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str = Field(min_length=1)
    text: str
    language: str | None = Field(
        default=None, validation_alias=AliasChoices("language", "lang"), min_length=1
    )
    speaker: str | None = Field(default=None, min_length=1)
    split: Split | None = None
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    id: str | None = Field(default=None, min_length=1)
    kind: Kind = "speech"
    age: float | None = None
    gender: str | None = None


KEYS = (*_Line.model_fields, "lang")


def read_manifest(path: Path) -> Manifest:
    """The manifest, or that of a folder; the sound is not looked at.

    Raises BadManifest with every line at fault, BadOption where it cannot be read.
    """
    faults: list[str] = []
    manifest = _read(path, faults)
    if faults:
        raise BadManifest(faults)
    return manifest


def check_manifests(
    paths: Sequence[Path],
    *,
    choose: Choose = lambda manifest: manifest,
    longest: float = LONGEST,
) -> tuple[Manifest, ...]:
    """The wanted clips of manifests, once all lines, and the sound of these clips, are good.

    A clip of speech may be `longest` seconds long; non-speech, which is cut at will, has no limit.
    Raises BadManifest with every fault of all manifests, BadOption where one cannot be read.
    """
    faults: list[str] = []
    manifests = [_read(path, faults) for path in paths]
    every = [entry for manifest in manifests for entry in manifest.entries]
    _find_duplicates(every, faults)
    _find_leaks(every, faults)
    chosen = tuple(choose(manifest) for manifest in manifests)
    for manifest in chosen:
        for entry in manifest.entries:
            faults += (f"{entry.place}: {fault}" for fault in _sound_faults(entry, longest))
    if faults:
        raise BadManifest(faults)
    return chosen


def _read(path: Path, faults: list[str]) -> Manifest:
    file = path / FILE if path.is_dir() else path
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise BadOption("data", f"cannot read {file}: {error.strerror}") from error
    entries: list[Entry] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            parsed = _Line.model_validate_json(line)
        except ValidationError as error:
            faults += (f"{place}: {_wrong(detail, line)}" for detail in error.errors())
            continue
        found = list(_line_faults(parsed))
        faults += (f"{place}: {fault}" for fault in found)
        if not found:
            entries.append(_entry(parsed, file, place))
    if not lines:
        faults.append(f"{file}:1: expected a JSON object on each line, got an empty file")
    return Manifest(file, tuple(entries))


def _entry(line: _Line, file: Path, place: str) -> Entry:
    return Entry(
        place,
        file.parent / line.path,
        line.path,
        line.text.strip(),
        line.language,
        line.speaker,
        line.split,
        line.seconds,
        line.id,
        line.kind,
    )


def _wrong(detail: ErrorDetails, line: bytes) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "json_invalid" | "model_type":
            return f"expected a JSON object, got {_quoted(line.decode(errors='replace'))}"
        case "extra_forbidden":
            return f"expected no keys but {', '.join(KEYS)}; got {key!r}"
        case "missing":
            return f"expected the key {key!r}, got none"
        case _:
            what = detail["msg"].removeprefix("Input should be ")
            return f"expected {key} to be {what}, got {_quoted(detail['input'])}"


def _line_faults(line: _Line) -> Iterable[str]:
    text = line.text.strip()
    if line.kind == "speech" and not text:
        yield "expected text, or the kind 'noise'; got an empty text"
    if line.kind != "speech" and text:
        yield f"expected no text, as the kind is {line.kind!r}; got {_quoted(text)}"
    if Path(line.path).is_absolute() or "\0" in line.path:
        yield f"expected a path relative to the manifest's folder, got {line.path!r}"
    if line.language is not None:
        try:
            check_language(line.language)
        except UnknownLanguage as error:
            yield error.message


def _find_duplicates(entries: Iterable[Entry], faults: list[str]) -> None:
    """A path may stand in one line of all manifests, an id in one line of its own."""
    paths: dict[Path, str] = {}
    ids: dict[tuple[Path, str], str] = {}
    for entry in entries:
        first = paths.setdefault(entry.path.resolve(), entry.place)
        if first != entry.place:
            faults.append(f"{entry.place}: expected each path once, got that of {first} again")
        if entry.id is None:
            continue
        manifest = Path(entry.place.rpartition(":")[0])
        first = ids.setdefault((manifest, entry.id), entry.place)
        if first != entry.place:
            faults.append(f"{entry.place}: expected each id once, got {entry.id!r} of {first}")


def _find_leaks(entries: Iterable[Entry], faults: list[str]) -> None:
    """A speaker who is learned from must not be tested on: each belongs to one split."""
    homes: dict[str, Entry] = {}
    told: set[tuple[str, Split]] = set()
    for entry in entries:
        if entry.speaker is None or entry.split is None:
            continue
        home = homes.setdefault(entry.speaker, entry)
        if home.split != entry.split and (entry.speaker, entry.split) not in told:
            told.add((entry.speaker, entry.split))
            faults.append(
                f"{entry.place}: expected speaker {entry.speaker!r} in one split, "
                f"got {entry.split}, but {home.split} at {home.place}"
            )


def _sound_faults(entry: Entry, longest: float) -> Iterable[str]:
    try:
        seconds = _seconds(entry.path)
    except OSError as error:
        yield f"expected a file, got {entry.name!r}: {error.strerror}"
        return
    except BadAudio as error:
        yield f"{entry.name}: {error.message}"
        return
    if entry.is_speech and seconds > longest:
        yield f"expected at most {longest:g} s of speech in a clip, got {seconds:.1f} s"
    if entry.seconds is not None and abs(entry.seconds - seconds) > TOLERANCE:
        yield f"expected seconds {seconds:.2f} as in the file, got {entry.seconds:g}"


def _seconds(path: Path) -> float:
    """Of sound. Where the container tells, only its beginning is decoded. Raises BadAudio."""
    pieces = read_file(path)
    first = len(next(pieces, ()))
    if not first:
        raise BadAudio("expected sound, got a container with less than a sample")
    with path.open("rb") as file:
        told = length_of(file)
    return (first + sum(map(len, pieces))) / SAMPLE_RATE if told is None else told


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"

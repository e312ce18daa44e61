"""Speech made by text-to-speech: labelled, and the same again from the same seed.

What clip i says, in whose voice and in which room is a function of the seed, the set's name and i
alone; so it does not matter how many make it, in which order, and how often they were stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from sotto.errors import BadOption
from sotto.runtime.container import length_of
from sotto.training.evaluation.scoring import normalize
from sotto.training.manifest import FILE, Entry, Kind, read_manifest
from sotto.training.synthesis.folders import claim, file_hash, made_from, write_whole
from sotto.training.synthesis.rooms import (
    Recordings,
    noisy,
    recordings,
    reverberated,
    trimmed,
    write_flac,
)
from sotto.training.synthesis.scripts import (
    Draw,
    Pool,
    Script,
    Sentences,
    Split,
    Strings,
    read_sentences,
)
from sotto.training.synthesis.spec import SynthesisSpec
from sotto.training.synthesis.voices import Voice, choose_voices, speak

FORMAT = 1
"""Goes up when the same spec makes other clips."""


@dataclass(frozen=True)
class Material:
    """What clips are made from."""

    train: Pool
    dev: Pool
    """No text of two words or more is in both."""
    rooms: tuple[Path, ...] = ()
    noises: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Utterance:
    """All that makes one clip what it is."""

    number: int
    script: Script
    voice: Voice
    split: Split
    rate: float
    """Words a minute."""
    pitch: float
    gap: float
    """Seconds."""
    room: Path | None
    noise: Path | None
    start: float
    """Where in the noise, 0 to 1."""
    snr: float
    """Decibels."""

    @property
    def path(self) -> str:
        """In the set's folder."""
        return f"clips/{self.number:06}.flac"


def synthesize(
    spec: SynthesisSpec, folder: Path, *, workers: int, tell: Callable[[int], None]
) -> Path:
    """The manifest of the set, once its clips are there; those that a killed run left are kept.

    `tell` hears how many clips are there. Raises BadOption where the folder holds another set,
    ModelUnavailable where a program is missing, EngineFailed where one fails.
    """
    manifest, wanted = folder / FILE, _spec_hash(spec)
    if manifest.exists() and made_from(folder).get("spec") == wanted:
        return manifest
    voices = choose_voices(spec.voices, spec.language)
    utterances = plan(spec, voices, read_material(spec))
    claim(folder, {"spec": wanted, "plan": _plan_hash(utterances)})
    make = partial(_make, folder=folder, recorded=recordings())
    lines: list[str] = []
    with ThreadPoolExecutor(workers) as pool:  # the sound is made by other processes
        try:
            for utterance, seconds in zip(utterances, pool.map(make, utterances), strict=True):
                lines.append(_line(utterance, spec.language, seconds))
                tell(len(lines))
        finally:
            pool.shutdown(cancel_futures=True)
    write_whole(manifest, "".join(lines))
    return manifest


def read_material(spec: SynthesisSpec) -> Material:
    """The files that a spec names. Raises BadOption and BadManifest."""
    never = _never(spec)
    train: Split | None = "train" if spec.held_out else None
    dev: Split | None = "dev" if spec.held_out else None
    rooms, noises = _paths(spec.rooms, "rir"), _paths(spec.noises, "noise")
    if spec.vocabulary:
        strings = partial(Strings, spec.vocabulary, spec.length, never)
        return Material(strings(train), strings(dev), rooms, noises)
    lines = read_sentences(map(Path, spec.sentences), spec.longest, spec.words)
    sentences = partial(Sentences, lines, never)
    return Material(sentences(train), sentences(dev), rooms, noises)


def plan(
    spec: SynthesisSpec, voices: tuple[Voice, ...], material: Material
) -> tuple[Utterance, ...]:
    """Every clip of the set. Raises BadOption where there is too little to say or to mix in."""
    for share, paths, key in (
        (spec.room_share, material.rooms, "rooms"),
        (spec.noise_share, material.noises, "noises"),
    ):
        if share and not paths:
            raise BadOption(key, f"expected clips of the split 'train' for {key}, got none")
    return tuple(_utterance(spec, voices, material, number) for number in range(spec.clips))


def _utterance(
    spec: SynthesisSpec, voices: tuple[Voice, ...], material: Material, number: int
) -> Utterance:
    draw = Draw(spec.seed, spec.name, number)
    voice = draw.one(voices)
    is_dev = any(fnmatchcase(str(voice), pattern) for pattern in spec.held_out)
    # Everything is drawn, used or not: more noise must not change who speaks how fast.
    rate, pitch, gap, snr = map(draw.between, (spec.rate, spec.pitch, spec.gap, spec.snr))
    in_room, in_noise, start = draw.share(), draw.share(), draw.share()
    room_place, noise_place = draw.share(), draw.share()
    pool = material.dev if is_dev else material.train
    script = pool.script((spec.seed, spec.name), number)
    if spec.text == "plain":
        script = Script(script.spoken, normalize(script.written))
    rooms, noises = material.rooms, material.noises
    return Utterance(
        number,
        script,
        voice,
        "dev" if is_dev else "train",
        rate,
        pitch,
        gap,
        rooms[int(room_place * len(rooms))] if in_room < spec.room_share else None,
        noises[int(noise_place * len(noises))] if in_noise < spec.noise_share else None,
        start,
        snr,
    )


def _never(spec: SynthesisSpec) -> frozenset[str]:
    texts = (
        normalize(entry.text) for path in spec.never for entry in read_manifest(Path(path)).entries
    )
    return frozenset(text for text in texts if " " in text)


def _paths(manifest: str | None, kind: Kind) -> tuple[Path, ...]:
    if manifest is None:
        return ()
    entries: tuple[Entry, ...] = read_manifest(Path(manifest)).entries
    return tuple(e.path for e in entries if e.kind == kind and e.split == "train")


def _make(utterance: Utterance, *, folder: Path, recorded: Recordings) -> float:
    """Seconds of the clip, which is made unless it is there already."""
    path = folder / utterance.path
    if not path.exists():
        voice, spoken = utterance.voice, utterance.script.spoken
        samples = trimmed(speak(voice, spoken, utterance.rate, utterance.pitch, utterance.gap))
        if utterance.room:
            samples = reverberated(samples, recorded(utterance.room))
        if utterance.noise:
            samples = noisy(samples, recorded(utterance.noise), utterance.start, utterance.snr)
        write_flac(samples, path)
    with path.open("rb") as file:
        seconds = length_of(file)
    if not seconds:
        raise BadOption("output", f"expected a whole clip in {path}, got none; remove it")
    return round(seconds, 3)


def _line(utterance: Utterance, language: str, seconds: float) -> str:
    entry = {
        "path": utterance.path,
        "text": utterance.script.written,
        "speaker": str(utterance.voice),
        "language": language,
        "split": utterance.split,
        "seconds": seconds,
    }
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _spec_hash(spec: SynthesisSpec) -> str:
    """Of what the spec and its files say; where they lie does not matter."""
    said = spec.model_dump(mode="json") | {"output": spec.name, "format": FORMAT}
    for key in ("sentences", "never", "rooms", "noises"):
        paths = [said[key]] if isinstance(said[key], str) else said[key] or []
        said[key] = [file_hash(Path(path)) for path in paths]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _plan_hash(utterances: tuple[Utterance, ...]) -> str:
    digest = hashlib.sha256()
    for parts in map(_parts, utterances):
        digest.update("\t".join(parts).encode() + b"\n")
    return digest.hexdigest()


def _parts(utterance: Utterance) -> Iterator[str]:
    for value in vars(utterance).values():
        yield value.name if isinstance(value, Path) else str(value)

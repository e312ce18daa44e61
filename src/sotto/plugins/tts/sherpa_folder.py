"""Which kind of voice lies in a folder, as sherpa-onnx offers them for download.

https://k2-fsa.github.io/sherpa/onnx/tts/: an archive holds a model, `tokens.txt`, and what its kind
needs besides. Pure but for looking into folders.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sotto.errors import VoiceUnavailable
from sotto.plugins.tts.espeak_names import ESPEAK_NAMES
from sotto.transcript.languages import LANGUAGES

_VOCODERS = ("vocos", "hifigan")
_RULES = ("phone", "date", "number", "new_heteronym")
"""How numbers and the like are read, in this order."""
_NOT_CODES = frozenset({"la", "so", "as", "my", "te", "tt", "ha", "mi", "or"})
"""Codes of languages that are parts of names for other reasons."""


class Kind(StrEnum):
    """What sherpa-onnx calls a family of models."""

    VITS = "vits"
    """Piper's and Melo's too."""
    MATCHA = "matcha"
    KOKORO = "kokoro"
    KITTEN = "kitten"


@dataclass(frozen=True)
class VoiceFolder:
    """A voice's files. Those that it does not have are empty."""

    name: str
    kind: Kind
    languages: tuple[str, ...]
    model: str
    tokens: str
    voices: str = ""
    vocoder: str = ""
    lexicon: str = ""
    sounds: str = ""
    """The voice of espeak-ng that tells the sounds which the model reads: Piper's and others have
    no lexicon."""
    dictionary: str = ""
    rules: str = ""
    archives: str = ""
    """Of rules."""


def voices_in(folder: Path) -> tuple[VoiceFolder, ...]:
    """The voice in a folder, or those in the folders within it, by name.

    Raises VoiceUnavailable where there is none, or one that is not recognized.
    """
    if not folder.is_dir():
        raise VoiceUnavailable(f"expected a folder with a voice for sherpa-onnx at {folder}")
    within = [folder] if _is_voice(folder) else sorted(filter(_is_voice, folder.iterdir()))
    if not within:
        raise VoiceUnavailable(
            f"expected tokens.txt and a .onnx file in {folder}, or in folders within it, got none"
        )
    return tuple(map(_voice, within))


def _is_voice(folder: Path) -> bool:
    return (folder / "tokens.txt").is_file() and any(folder.glob("*.onnx"))


def _voice(folder: Path) -> VoiceFolder:
    vocoder = next(_vocoders(folder), None) or next(_vocoders(folder.parent), None)
    kind, lexicons = _kind(folder, vocoder), _lexicons(folder)
    language, spoken_as = _of_piper(folder)
    languages = (language,) if language else _languages(folder, lexicons)
    rules = [folder / f"{name}.fst" for name in _RULES]
    return VoiceFolder(
        name=folder.name,
        kind=kind,
        languages=languages,
        model=str(_model(folder)),
        tokens=str(folder / "tokens.txt"),
        voices=_path(folder / "voices.bin"),
        vocoder=str(vocoder) if kind is Kind.MATCHA else "",
        lexicon=",".join(map(str, lexicons)),
        sounds="" if lexicons else spoken_as or ESPEAK_NAMES.get(languages[0], languages[0]),
        dictionary=_path(folder / "dict"),
        rules=",".join(str(rule) for rule in rules if rule.is_file()),
        archives=",".join(map(str, sorted(folder.glob("*.far")))),
    )


def _kind(folder: Path, vocoder: Path | None) -> Kind:
    if (folder / "voices.bin").is_file():
        return Kind.KITTEN if "kitten" in folder.name else Kind.KOKORO
    if "matcha" in folder.name or _model(folder).name.startswith("model-steps"):
        if vocoder is None:
            names = " or ".join(f"{name}*.onnx" for name in _VOCODERS)
            raise VoiceUnavailable(f"expected a vocoder ({names}) in or beside {folder}, got none")
        return Kind.MATCHA
    return Kind.VITS


def _vocoders(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.onnx")) if path.name.startswith(_VOCODERS))


def _model(folder: Path) -> Path:
    """Of several the one in full precision, which is there to be heard; by name else."""
    found = [path for path in folder.glob("*.onnx") if not path.name.startswith(_VOCODERS)]
    if not found:
        raise VoiceUnavailable(f"expected a model beside its vocoder in {folder}, got none")
    return min(found, key=lambda path: ("int8" in path.name, path.name))


def _lexicons(folder: Path) -> list[Path]:
    """`lexicon.txt`, or one for each language; of English ones the American."""
    found = sorted(folder.glob("lexicon*.txt"))
    return [path for path in found if path.name != "lexicon-gb-en.txt" or len(found) == 1]


def _path(path: Path) -> str:
    return str(path) if path.exists() else ""


def _languages(folder: Path, lexicons: list[Path]) -> tuple[str, ...]:
    """As the folder's name says, else the names of its lexicons. Raises VoiceUnavailable."""
    found = _codes(folder.name) or [code for path in lexicons for code in _codes(path.stem)]
    if not found:
        raise VoiceUnavailable(
            f"expected a folder that names its language, as vits-piper-en_US-amy-low; got {folder}"
        )
    return tuple(dict.fromkeys(found))


def _codes(name: str) -> list[str]:
    parts = re.split(r"[-_.]", name)
    return [part for part in parts if part in LANGUAGES and part not in _NOT_CODES]


def _of_piper(folder: Path) -> tuple[str, str]:
    """Language and espeak-ng's voice, as Piper's own JSON beside the model has them.

    Empty where it is not there, or says nothing that is known.
    """
    for path in sorted(folder.glob("*.onnx.json")):
        try:
            told = json.loads(path.read_bytes())
            family, voice = told["language"]["family"], told["espeak"]["voice"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if family in LANGUAGES and isinstance(voice, str):
            return family, voice
    return "", ""

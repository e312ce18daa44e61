"""What a checkpoint's folder says about it: `sotto.json`, or else what its files imply.

`sotto.json` is written by whoever trained the checkpoint. Each of its keys is a field of `Traits`
and may be left out; checkpoints that others trained have no such file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.audio.format import FRAMES_PER_SECOND, WINDOW_FRAMES
from sotto.errors import ModelUnavailable
from sotto.interfaces.engine import Traits
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.transcript.options import AudioContext

FILE = "sotto.json"


class _Claims(BaseModel):
    """The file's keys. One that is not known is an error: a misspelled one should not be silent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    n_mels: int | None = None
    languages: tuple[str, ...] | None = Field(default=None, min_length=1)
    translates: bool | None = None
    audio_context: AudioContext | None = None
    takes_context: bool | None = None
    second_look: bool | None = None
    guard: int | None = Field(default=None, ge=0)
    sure: float | None = Field(default=None, ge=0, le=1)
    doubt: int | None = Field(default=None, ge=0)
    longest: int | None = Field(default=None, ge=FRAMES_PER_SECOND, le=WINDOW_FRAMES)
    notice: str | None = None
    revision: str | None = None


def traits_of(folder: Path, *, n_mels: int, tokenizer: WhisperTokenizer) -> Traits:
    """The traits of a checkpoint with that tokenizer. Raises ModelUnavailable as `read_traits`."""
    return read_traits(
        folder,
        n_mels=n_mels,
        languages=tuple(tokenizer.languages),
        tagged=not tokenizer.english_only,
    )


def read_traits(folder: Path, *, n_mels: int, languages: tuple[str, ...], tagged: bool) -> Traits:
    """The traits of a checkpoint whose weights read `n_mels` bands.

    `languages` are those that its tokenizer has tokens for; `tagged`: it is told language and task
    by such tokens, so that it can translate unless `sotto.json` denies it. Raises
    ModelUnavailable where `sotto.json` is malformed or at odds with the other files.
    """
    implied = Traits(
        n_mels=n_mels,
        languages=languages if tagged else ("en",),
        translates=tagged,
        audio_context=AudioContext.MARGIN,
    )
    path = folder / FILE
    if not path.is_file():
        return implied
    traits = replace(implied, **_read(path).model_dump(exclude_none=True))
    if traits.n_mels != n_mels:
        raise ModelUnavailable(
            f"{path}: expected n_mels {n_mels} as in the weights, got {traits.n_mels}"
        )
    strangers = [code for code in traits.languages if code not in implied.languages]
    if strangers:
        raise ModelUnavailable(
            f"{path}: expected languages that the tokenizer has tokens for, got "
            f"{', '.join(strangers)}"
        )
    return traits


def _read(path: Path) -> _Claims:
    try:
        return _Claims.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelUnavailable(f"{path}: {where or 'file'}: {first['msg']}") from error

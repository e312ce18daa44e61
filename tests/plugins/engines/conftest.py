"""Sound for engines: the bundled clip, and people where the labelled speech is at hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
import pytest

import sotto
from sotto.audio.chunk import Mel
from sotto.audio.mel import LogMel
from sotto.audio.resample import Resampler
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from tests.speech import CLIP, DATA

Piece: TypeAlias = Callable[[int, int], Mel]
Spoken: TypeAlias = tuple[list[str], Mel]
"""What was said, and its mel."""

_DIGITS = DATA / "digit_strings"


@pytest.fixture(scope="session")
def nano_folder() -> Path:
    """The checkpoint that ships with the package."""
    return Path(sotto.__file__).parent / "assets/nano"


@pytest.fixture(scope="session")
def nano(nano_folder: Path) -> CTranslate2Engine:
    """It, loaded; tests leave it as it was."""
    return CTranslate2Engine.load(nano_folder, device="cpu", threads=2)


@pytest.fixture(scope="session")
def polyglot_folder(nano_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights, said to know three languages, to translate and to take context."""
    folder = tmp_path_factory.mktemp("polyglot") / "model"
    shutil.copytree(nano_folder, folder)
    claims = {"languages": ["en", "de", "fr"], "translates": True, "audio_context": "exact"}
    (folder / "sotto.json").write_text(json.dumps(claims))
    return folder


@pytest.fixture(scope="session")
def polyglot(polyglot_folder: Path) -> CTranslate2Engine:
    """It, loaded. What it hears makes no sense, but it hears it by rule."""
    return CTranslate2Engine.load(polyglot_folder, device="cpu", threads=2)


@pytest.fixture(scope="session")
def tokenizer(nano_folder: Path) -> WhisperTokenizer:
    """Its tokenizer."""
    return WhisperTokenizer(nano_folder)


@pytest.fixture(scope="session")
def piece() -> Piece:
    """float32[frames, 80] for a seed: some of the bundled clip of digits."""
    clip = _mel(CLIP)

    def cut(frames: int, seed: int) -> Mel:
        start = np.random.default_rng(seed).integers(len(clip) - frames + 1)
        return clip[start : start + frames]

    return cut


@pytest.fixture(scope="session")
def digit_strings() -> list[Spoken]:
    """Strings of digits by a speaker whom nano was not trained on."""
    if not _DIGITS.is_dir():
        pytest.skip(f"needs the labelled speech in {_DIGITS}")
    items = [json.loads(line) for line in (_DIGITS / "manifest.jsonl").read_text().splitlines()]
    return [(item["text"].split(), _mel(_DIGITS / item["path"])) for item in items]


def _mel(path: Path) -> Mel:
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    samples = np.concatenate(frames, axis=1)[0].astype(np.float32) / 32_768
    resampler, log_mel = Resampler(rate), LogMel(80)
    samples = np.concatenate([resampler.receive(samples), resampler.finish()])
    return np.concatenate([log_mel.receive(samples), log_mel.finish()])

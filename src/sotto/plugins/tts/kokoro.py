"""Kokoro (hexgrad, 82 million parameters, Apache-2) by `kokoro-onnx`, where its files are given.

It speaks a phrase at once, and cannot be stopped within one: what is closed is made to its end,
and heard by nobody.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile, ZipFile

import numpy as np
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_state

from sotto.audio.format import Samples
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase
from sotto.plugins.tts.asking import words_of
from sotto.plugins.tts.threads import Tell, told_by

log = logging.getLogger(__name__)

RATE = 24_000
SLOWEST, FASTEST = 0.5, 2.0
"""It speaks at no other speeds."""

PREFIXES: Mapping[str, str] = {
    "a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt",
    "z": "zh",
}  # fmt: skip
"""A voice's first letter → the language that it speaks: `ff_siwis`."""
FAVORITES = ("af_heart", "ef_dora", "ff_siwis", "hf_alpha", "if_sara", "jf_alpha", "pf_dora")
"""Of the voices of a language the one that is taken where none is named, if it is there."""
_ESPEAK = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br"}
"""How espeak-ng calls the language whose sounds a voice is told."""
_MISAKI = {"j": ("misaki.ja", "JAG2P"), "z": ("misaki.zh", "ZHG2P")}
"""What tells the sounds of the other two."""
_FAILURES = (
    ValueError, RuntimeError, OSError, onnx_state.Fail, onnx_state.InvalidArgument,
    onnx_state.InvalidGraph, onnx_state.InvalidProtobuf, onnx_state.NoSuchFile,
    onnx_state.RuntimeException,
)  # fmt: skip

Sounds: TypeAlias = Callable[[str], tuple[str, object]]
"""A text → its phonemes."""


class Kokoro:
    """One model; several phrases at once share its threads."""

    name = "kokoro"
    sample_rate = RATE

    def __init__(self, *, model: Path, voices: Path, workers: int = 2) -> None:
        """`workers`: phrases that are made at once.

        Raises VoiceUnavailable where the package is missing, or a file.
        """
        self._module = _installed()
        self._model, self._voices = model, voices
        if not model.is_file():
            raise VoiceUnavailable(f"expected Kokoro's model at {model}, got no such file")
        names = _names(voices)
        self._sounds = {
            prefix: sounds for prefix in _MISAKI if (sounds := _sounds(prefix, names)) is not None
        }
        speaking = _ESPEAK.keys() | self._sounds.keys()
        self.voices = _ordered([name for name in names if name[0] in speaking])
        self.languages = frozenset(PREFIXES[name[0]] for name in self.voices)
        self._worker = ThreadPoolExecutor(workers, thread_name_prefix="kokoro")
        self._loading = threading.Lock()
        self._loaded: Any = None

    async def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """One piece, once all of it is made. Raises VoiceUnavailable."""
        text = words_of(phrase, self.languages)
        if not text:
            return
        voice = self._voice(phrase)
        speed = min(max(phrase.speed, SLOWEST), FASTEST)
        said = partial(self._say, text, voice, speed)
        async with aclosing(told_by(self._worker, said)) as pieces:
            async for piece in pieces:
                yield piece

    async def warm_up(self) -> None:
        """Load the model, and speak one word."""
        async for _ in self.speak(Phrase("1", PREFIXES[self.voices[0][0]])):
            pass

    async def close(self) -> None:
        """Let go of the model once what is being made is made."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _voice(self, phrase: Phrase) -> str:
        """The wanted one if it speaks the language, else the language's first."""
        able = [name for name in self.voices if PREFIXES[name[0]] == phrase.language]
        return phrase.voice if phrase.voice in able else able[0]

    def _say(self, text: str, voice: str, speed: float, tell: Tell) -> None:
        try:
            kokoro = self._load()
            sounds = self._sounds.get(voice[0])
            if sounds is None:
                made, _ = kokoro.create(text, voice, speed, _ESPEAK[voice[0]])
            else:
                made, _ = kokoro.create(sounds(text)[0], voice, speed, is_phonemes=True)
        except _FAILURES as error:
            raise VoiceUnavailable(f"kokoro broke: {error}") from error
        tell(np.clip(made, -1.0, 1.0, dtype=np.float32))

    def _load(self) -> Any:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._module.Kokoro(str(self._model), str(self._voices))
        return self._loaded


def _installed() -> Any:
    try:
        return importlib.import_module("kokoro_onnx")
    except ImportError as error:
        raise VoiceUnavailable(
            f"kokoro needs a package more: pip install kokoro-onnx ({error})"
        ) from error


def _names(voices: Path) -> list[str]:
    """Of all voices in the file, as its archive names them. Raises VoiceUnavailable."""
    try:
        with ZipFile(voices) as archive:
            every = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, BadZipFile) as error:
        raise VoiceUnavailable(f"expected Kokoro's voices at {voices}: {error}") from error
    names = [name for name in every if name[:1] in PREFIXES]
    if not names:
        raise VoiceUnavailable(f"expected voices named as af_heart in {voices}, got none")
    return names


def _ordered(names: list[str]) -> tuple[str, ...]:
    """English first, and of each language its favorite."""
    places = {prefix: place for place, prefix in enumerate(PREFIXES)}
    return tuple(sorted(names, key=lambda name: (places[name[0]], name not in FAVORITES, name)))


def _sounds(prefix: str, names: list[str]) -> Sounds | None:
    """None where no voice needs it, or what it needs is not installed: then it is not offered."""
    module, attribute = _MISAKI[prefix]
    if not any(name.startswith(prefix) for name in names):
        return None
    try:
        sounds: Sounds = getattr(importlib.import_module(module), attribute)()
    except (ImportError, RuntimeError, OSError) as error:
        why = str(error).strip().partition("\n")[0]
        log.warning(
            "kokoro does not speak %s here, which needs misaki[%s]: %s",
            PREFIXES[prefix],
            PREFIXES[prefix],
            why,
        )
        return None
    return sounds

"""Voices of sherpa-onnx: Piper's, Melo's, Matcha, Kokoro and Kitten, each a folder of files."""

from __future__ import annotations

import importlib
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from sotto.audio.format import Samples
from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase
from sotto.plugins.tts.asking import words_of
from sotto.plugins.tts.sherpa_folder import Kind, VoiceFolder, voices_in
from sotto.plugins.tts.sherpa_sounds import sounds
from sotto.plugins.tts.threads import Tell, told_by

log = logging.getLogger(__name__)

MOST_LISTED = 20
"""Speakers of one voice that are told of by name; others are known by theirs too: `name/103`."""
_GO_ON, _STOP = 1, 0
_WORDS = {"zh": "好", "ja": "はい"}
"""Of languages that have no `a`."""


@dataclass(frozen=True)
class _Voice:
    """One model, loaded."""

    folder: VoiceFolder
    model: Any
    worker: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="sherpa")
    )
    """It speaks one phrase after the other: its threads are within it."""

    @property
    def rate(self) -> int:
        return int(self.model.sample_rate)

    @property
    def speakers(self) -> int:
        return max(int(self.model.num_speakers), 1)

    @property
    def names(self) -> list[str]:
        if self.speakers == 1:
            return [self.folder.name]
        return [f"{self.folder.name}/{n}" for n in range(min(self.speakers, MOST_LISTED))]

    def speaker(self, name: str) -> int | None:
        """Which of its speakers goes by that name."""
        own, _, number = name.partition("/")
        if own != self.folder.name or not (number or "0").isdecimal():
            return None
        speaker = int(number[:9] or 0)
        return speaker if speaker < self.speakers else None


class Sherpa:
    """All voices of one folder; of those that speak a language the first by name does."""

    name = "sherpa"

    def __init__(self, *, folder: Path, threads: int = 2) -> None:
        """Load them. `threads`: of each voice.

        Raises VoiceUnavailable where the package is missing, or a voice cannot be loaded.
        """
        self._package = _installed()
        found = voices_in(folder)
        self._voices = [_Voice(each, _load(self._package, each, threads)) for each in found]
        self.languages = frozenset(code for each in found for code in each.languages)
        self.voices = tuple(name for voice in self._voices for name in voice.names)
        self.sample_rate = max(voice.rate for voice in self._voices)

    async def speak(self, phrase: Phrase) -> AsyncIterator[Samples]:
        """Sentence by sentence. Raises VoiceUnavailable."""
        text = words_of(phrase, self.languages)
        if not text:
            return
        voice, speaker = self._who(phrase)
        said = partial(self._say, voice, text, speaker, phrase.speed)
        async with aclosing(told_by(voice.worker, said)) as pieces:
            async for piece in pieces:
                yield piece

    async def warm_up(self) -> None:
        """One word of each voice. Raises VoiceUnavailable, also where one says nothing."""
        for voice in self._voices:
            language, name = voice.folder.languages[0], voice.names[0]
            word = Phrase(_WORDS.get(language, "a"), language, name)
            if not [piece async for piece in self.speak(word) if len(piece)]:
                raise VoiceUnavailable(f"expected sound of {name}, got none")

    async def close(self) -> None:
        """Let go of the voices once what is being made is made."""
        for voice in self._voices:
            voice.worker.shutdown(wait=False, cancel_futures=True)

    def _who(self, phrase: Phrase) -> tuple[_Voice, int]:
        """The wanted voice if it speaks the language, else the first that does."""
        able = [voice for voice in self._voices if phrase.language in voice.folder.languages]
        for voice in able:
            if (speaker := voice.speaker(phrase.voice)) is not None:
                return voice, speaker
        return able[0], 0

    def _say(self, voice: _Voice, text: str, speaker: int, speed: float, tell: Tell) -> None:
        higher, is_silent = _Higher(voice.rate, self.sample_rate), True

        def hear(samples: Any, _: float) -> int:
            nonlocal is_silent
            is_silent = False
            piece = higher.receive(np.array(samples, np.float32).reshape(-1))
            return _GO_ON if tell(np.clip(piece, -1.0, 1.0)) else _STOP

        asked = self._package.GenerationConfig()
        asked.sid, asked.speed = speaker, min(max(speed, 0.25), 4.0)
        if voice.folder.sounds:
            asked.phoneme_codepoints = sounds(text, voice.folder.sounds)
        try:
            voice.model.generate("" if voice.folder.sounds else text, asked, hear)
        except RuntimeError as error:
            raise VoiceUnavailable(f"sherpa-onnx broke: {error}") from error
        if is_silent:  # words that a lexicon lacks are let pass, and so are these
            log.warning("%s cannot say %d characters", voice.folder.name, len(text))
        tell(np.clip(higher.finish(), -1.0, 1.0))


class _Higher:
    """One phrase at the rate of all: voices of one folder may have others each."""

    def __init__(self, rate: int, wanted: int) -> None:
        is_same = rate == wanted
        self._stream = None if is_same else soxr.ResampleStream(rate, wanted, 1, "float32")

    def receive(self, piece: Samples) -> Samples:
        if self._stream is None:
            return piece
        higher: Samples = self._stream.resample_chunk(piece)
        return higher

    def finish(self) -> Samples:
        nothing = np.empty(0, np.float32)
        if self._stream is None:
            return nothing
        higher: Samples = self._stream.resample_chunk(nothing, last=True)
        return higher


def _installed() -> Any:
    """Raises VoiceUnavailable."""
    try:
        package = importlib.import_module("sherpa_onnx")
    except ImportError as error:
        raise VoiceUnavailable(
            f"sherpa needs a package more: pip install 'sherpa-onnx>=2' ({error})"
        ) from error
    if not hasattr(package, "GenerationConfig"):
        raise VoiceUnavailable("expected sherpa-onnx 2 or later, got an older one")
    return package


def _load(package: Any, folder: VoiceFolder, threads: int) -> Any:
    """The model. What sherpa-onnx cannot load may end the process: its own check comes first."""
    part = {
        Kind.VITS: _vits,
        Kind.MATCHA: _matcha,
        Kind.KOKORO: _kokoro,
        Kind.KITTEN: _kitten,
    }[folder.kind](package, folder)
    model = package.OfflineTtsModelConfig(**{folder.kind: part}, num_threads=threads)
    config = package.OfflineTtsConfig(
        model=model, rule_fsts=folder.rules, rule_fars=folder.archives, max_num_sentences=1
    )
    if not config.validate():
        raise VoiceUnavailable(f"expected a voice that sherpa-onnx can load in {folder.model}")
    try:
        return package.OfflineTts(config)
    except RuntimeError as error:
        raise VoiceUnavailable(f"sherpa-onnx cannot load {folder.model}: {error}") from error


def _vits(package: Any, folder: VoiceFolder) -> Any:
    return package.OfflineTtsVitsModelConfig(
        model=folder.model,
        lexicon=folder.lexicon,
        tokens=folder.tokens,
        dict_dir=folder.dictionary,
    )


def _matcha(package: Any, folder: VoiceFolder) -> Any:
    return package.OfflineTtsMatchaModelConfig(
        acoustic_model=folder.model,
        vocoder=folder.vocoder,
        lexicon=folder.lexicon,
        tokens=folder.tokens,
        dict_dir=folder.dictionary,
    )


def _kokoro(package: Any, folder: VoiceFolder) -> Any:
    return package.OfflineTtsKokoroModelConfig(
        model=folder.model,
        voices=folder.voices,
        tokens=folder.tokens,
        lexicon=folder.lexicon,
        dict_dir=folder.dictionary,
    )


def _kitten(package: Any, folder: VoiceFolder) -> Any:
    return package.OfflineTtsKittenModelConfig(
        model=folder.model, voices=folder.voices, tokens=folder.tokens
    )

"""libespeak-ng by its C interface: https://github.com/espeak-ng/espeak-ng, `speak_lib.h`.

It is GPL-3, and loaded only where somebody installed it: docs/licences.md.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sotto.audio.format import Encoding, PcmFormat, PcmReader
from sotto.errors import VoiceUnavailable
from sotto.plugins.tts.threads import Tell

RATE = 22_050
"""Samples a second of all its voices."""
PIECE_MS = 60
"""Of sound that it makes at once; it takes no less."""

_SYNCHRONOUS = 2
_DONT_EXIT = 1 << 15
"""Where its data are missing it would end the process."""
_UTF8 = 1
"""The flag of text that is no markup, whatever it holds."""
_IPA = 1 << 1
_WORDS_A_MINUTE = 1
"""The parameter's number."""
_GO_ON, _STOP = 0, 1

_Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Said:
    """What it is to say."""

    text: str
    """One line without control characters."""
    voice: str
    """As it names them: `en-us+f2`."""
    words_a_minute: int


@cache
def library() -> Library:
    """The one of this process. Raises VoiceUnavailable where it is not installed."""
    try:
        import espeakng_loader as loader
    except ImportError as error:
        raise VoiceUnavailable(
            f"espeak-ng needs a package more: pip install 'sotto[talk]' ({error})"
        ) from error
    try:
        return Library(loader.get_library_path(), loader.get_data_path())
    except OSError as error:
        raise VoiceUnavailable(f"expected espeak-ng's library, got none: {error}") from error


class Library:
    """It keeps what it says in variables of its own, so one thread does all of it."""

    def __init__(self, path: str, data: str) -> None:
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="espeak")
        """The only thread in which `speak` and `sounds` may run."""
        self._tell: Tell = lambda piece: False
        self._heard = _Heard(self._hear)  # kept: the library knows but its address
        self._c = _functions(ctypes.CDLL(path))
        rate = self._c.espeak_Initialize(_SYNCHRONOUS, PIECE_MS, os.fsencode(data), _DONT_EXIT)
        if rate != RATE:
            raise VoiceUnavailable(f"expected espeak-ng to speak at {RATE} Hz, got {rate}")
        self._c.espeak_SetSynthCallback(self._heard)

    def speak(self, said: Said, tell: Tell) -> None:
        """Say it, in pieces of 60 ms, as long as `tell` wants more. Raises VoiceUnavailable."""
        self._choose(said.voice)
        self._c.espeak_SetParameter(_WORDS_A_MINUTE, said.words_a_minute, 0)
        text = said.text.encode() + b"\0"
        self._tell = tell
        failure = self._c.espeak_Synth(text, len(text), 0, 0, 0, _UTF8, None, None)
        if failure:
            raise VoiceUnavailable(f"espeak-ng broke, with its error {failure}")

    def sounds(self, text: str, voice: str) -> str:
        """One clause in the phonetic alphabet (IPA), for models that read sounds.

        Raises VoiceUnavailable.
        """
        self._choose(voice)
        line = ctypes.create_string_buffer(text.encode())
        rest, parts = ctypes.c_void_p(ctypes.addressof(line)), []
        while rest.value is not None:
            part: bytes | None = self._c.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
            parts.append((part or b"").decode(errors="replace"))
        return " ".join(filter(None, parts))

    def _choose(self, voice: str) -> None:
        if self._c.espeak_SetVoiceByName(voice.encode()):
            raise VoiceUnavailable(f"espeak-ng has no voice {voice!r}")

    def _hear(self, samples: int | None, n: int, _: int | None) -> int:
        """s16[n] at an address, which holds something else once this returns."""
        if not samples or n <= 0:
            return _GO_ON
        reader = PcmReader(PcmFormat(Encoding.PCM_S16LE, RATE))
        piece = reader.receive(ctypes.string_at(samples, n * np.dtype("<i2").itemsize))
        return _GO_ON if self._tell(piece) else _STOP


def _functions(c: Any) -> Any:
    """With the types of what they take, which C does not check."""
    number, text = ctypes.c_int, ctypes.c_char_p
    takes: dict[str, tuple[Any, ...]] = {
        "espeak_Initialize": (number, number, text, number),
        "espeak_SetSynthCallback": (_Heard,),
        "espeak_SetVoiceByName": (text,),
        "espeak_SetParameter": (number, number, number),
        "espeak_Synth": (
            text,
            ctypes.c_size_t,
            ctypes.c_uint,
            number,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ),
    }
    for name, types in takes.items():
        function: Callable[..., int] = getattr(c, name)
        function.argtypes = types  # type: ignore[attr-defined]
        function.restype = number  # type: ignore[attr-defined]
    c.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_void_p), number, number)
    c.espeak_TextToPhonemes.restype = text
    return c

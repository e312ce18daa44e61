"""Programs that read text aloud, and their voices: `espeak-ng` and `flite`."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sotto.audio.format import Samples
from sotto.errors import BadAudio, BadOption, EngineFailed, ModelUnavailable
from sotto.runtime.container import read_file

ESPEAK, FLITE = "espeak-ng", "flite"
"""The programs; Debian's packages have the same names."""

RATE, PITCH = 175.0, 50.0
"""Words a minute, and a pitch of 0 to 99: a voice's own."""
RATES = (80.0, 450.0)
"""What espeak-ng can do."""
PATIENCE = 60.0
"""Seconds for one text; a clip takes some hundredths."""

NOT_HUMAN = (
    *("robosoft*", "*Robot", "announcer", "Demonic", "RicishayMax*"),  # robots, and echoes of them
    *("whisper*", "caleb", "croak"),  # no voice
    *("fast", "Tweaky", "AnxiousAndy"),  # made to try settings out
    "Storm",  # bound to American English
)
"""Variants of espeak-ng that nobody speaks like."""


_FILE = re.compile(r"\s((?:!|[a-z])\w*/[^(]*?)\s*(?:\(|$)")
"""In a line of espeak-ng's table of voices; it may hold a space, and other languages follow."""


@dataclass(frozen=True)
class _FliteVoice:
    rate: float
    """Words a minute at a stretch of 1, measured over two sentences, pauses included."""
    pitch: float | None
    """Hz of its mean; None: it has its own and cannot be told another."""


_FLITE_VOICES = {
    "kal16": _FliteVoice(211.0, 95.0),
    "awb": _FliteVoice(197.0, 127.0),
    "rms": _FliteVoice(167.0, None),
    "slt": _FliteVoice(191.0, 172.0),
}


@dataclass(frozen=True, order=True)
class Voice:
    """Somebody who can read aloud; `str` of it is the speaker's name in manifests."""

    program: str
    name: str
    """`en-gb+f3`: an accent and a variant of espeak-ng; `slt`: a voice of flite."""

    def __str__(self) -> str:
        return f"{self.program}/{self.name}"


def installed_voices(language: str = "en") -> tuple[Voice, ...]:
    """All that this machine has for a language, in one order; none where no program is there."""
    found: list[Voice] = []
    if shutil.which(ESPEAK):
        found += (Voice(ESPEAK, name) for name in sorted(_espeak_names(language)))
    if language == "en" and shutil.which(FLITE):
        there = _run([FLITE, "-lv"], b"").decode().partition(":")[2].split()
        found += (Voice(FLITE, name) for name in _FLITE_VOICES if name in there)
    return tuple(found)


def choose_voices(patterns: Sequence[str], language: str = "en") -> tuple[Voice, ...]:
    """The installed voices whose names fit one of the patterns; all, where there are no patterns.

    Raises ModelUnavailable where a program is missing, BadOption for a pattern that fits none.
    """
    there = installed_voices(language)
    if not (patterns or there):
        raise ModelUnavailable(_missing(ESPEAK))
    for pattern in patterns:
        if any(fnmatchcase(str(voice), pattern) for voice in there):
            continue
        program = FLITE if pattern.startswith(FLITE) else ESPEAK
        if not shutil.which(program):
            raise ModelUnavailable(_missing(program))
        raise BadOption(
            "voices", f"expected a voice of {language!r} that is installed, got {pattern!r}"
        )
    wanted = patterns or ("*",)
    return tuple(
        voice for voice in there if any(fnmatchcase(str(voice), pattern) for pattern in wanted)
    )


def speak(
    voice: Voice, text: str, rate: float = RATE, pitch: float = PITCH, gap: float = 0.0
) -> Samples:
    """The text, said at `rate` words a minute and a pitch of 0 to 99, at 16 kHz.

    `gap` is seconds of pause between words, which espeak-ng alone knows. Raises ModelUnavailable
    where the program is missing, EngineFailed where it fails or says nothing.
    """
    said = _espeak if voice.program == ESPEAK else _flite
    sound = said(voice.name, text, rate, pitch, gap)
    try:
        samples = np.concatenate(list(read_file(io.BytesIO(sound))))
    except BadAudio as error:
        raise EngineFailed(f"{voice}: {error.message}, for {text!r}") from error
    if not samples.any():
        raise EngineFailed(f"{voice}: expected speech, got silence for {text!r}")
    return samples


def _espeak(name: str, text: str, rate: float, pitch: float, gap: float) -> bytes:
    how = {"-v": name, "-s": round(rate), "-p": round(pitch), "-g": round(gap * 100)}
    options = [str(part) for pair in how.items() for part in pair]
    return _run([ESPEAK, "--stdin", "--stdout", "-b", "1", *options], text.encode())


def _flite(name: str, text: str, rate: float, pitch: float, _gap: float) -> bytes:
    """Reads its text from a file: what it takes as an argument may look like an option."""
    voice = _FLITE_VOICES[name]
    how = [f"duration_stretch={voice.rate / rate:.4f}"]
    if voice.pitch is not None:
        # Half an octave down to half an octave up: beyond that these recorded voices break.
        how.append(f"int_f0_target_mean={voice.pitch * 2 ** ((pitch - PITCH) / 100):.2f}")
    options = [part for feature in how for part in ("--setf", feature)]
    with TemporaryDirectory() as folder:
        script, sound = Path(folder, "text"), Path(folder, "sound.wav")
        script.write_text(text, encoding="utf-8")
        _run([FLITE, *options, "-voice", name, "-f", str(script), "-o", str(sound)], b"")
        return sound.read_bytes() if sound.exists() else b""


def _espeak_names(language: str) -> Iterator[str]:
    variants = [
        name
        for _, file in _espeak_table("variant")
        if " " not in (name := file.removeprefix("!v/"))
        and not any(fnmatchcase(name, pattern) for pattern in NOT_HUMAN)
    ]
    # `mb/` is another program, MBROLA; Storm, a variant, stands among the voices of English too.
    every = [name for name, file in _espeak_table(language) if not file.startswith(("mb/", "!v/"))]
    accents = [name for name in every if f"{name}-".startswith(f"{language}-")]
    for accent in accents or every[:1]:  # Mandarin is `cmn`, and the first of what `zh` may mean
        yield accent
        yield from (f"{accent}+{variant}" for variant in variants)


def _espeak_table(kind: str) -> Iterator[tuple[str, str]]:
    """The language and the file of each line."""
    for line in _run([ESPEAK, f"--voices={kind}"], b"").decode().splitlines()[1:]:
        if file := _FILE.search(line):
            yield line.split()[1], file[1]


def _run(command: Sequence[str], text: bytes) -> bytes:
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, check=True, timeout=PATIENCE
        )
    except FileNotFoundError as error:
        raise ModelUnavailable(_missing(command[0])) from error
    except subprocess.TimeoutExpired as error:
        raise EngineFailed(f"expected {command[0]} to end in {PATIENCE:g} s, it did not") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip() or "nothing"
        raise EngineFailed(
            f"expected {' '.join(command)} to succeed, got status {error.returncode}: {said}"
        ) from error
    return done.stdout


def _missing(program: str) -> str:
    return f"expected the program {program}, got none; Debian has it in the package {program}"

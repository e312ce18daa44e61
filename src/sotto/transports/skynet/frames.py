"""What goes over a Skynet socket: frames of sound in, captions out. Pure."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any, TypeAlias

from sotto.errors import ProtocolViolation, UnknownLanguage
from sotto.transcript.events import Committed, Event, Final, Partial, SpeechEnded, SpeechStarted
from sotto.transcript.languages import parse_language
from sotto.transcript.words import Word, join
from sotto.transports.skynet.tape import Tape

HEADER_BYTES = 60
PADDING = "\0 "
"""Jigasi pads with the one, the demonstration page of Skynet with the other."""
END = b"\0"
"""The message that ends a meeting."""

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """One message of sound."""

    participant: str
    language: str | None
    """Whisper's code; None where the header names none that Whisper knows."""
    sound: bytes
    """Samples as the client cut them: 16-bit little-endian, 16 kHz, mono."""


def parse_frame(message: str | bytes) -> Frame:
    """Who speaks, and the sound. Raises ProtocolViolation."""
    if isinstance(message, str):
        raise ProtocolViolation("expected a header and sound, got text")
    if len(message) < HEADER_BYTES:
        raise ProtocolViolation(
            f"expected a header of {HEADER_BYTES} bytes and sound, got {len(message)} bytes"
        )
    try:
        header = message[:HEADER_BYTES].decode().rstrip(PADDING)
    except UnicodeDecodeError:
        raise ProtocolViolation("expected a header in UTF-8, got other bytes") from None
    participant, *fields = header.split("|")
    if not participant or not fields:
        raise ProtocolViolation(f"expected a header participant|language, got {header!r}")
    return Frame(participant, _language(fields[0]), message[HEADER_BYTES:])


def _language(given: str) -> str | None:
    try:
        return parse_language(given)
    except UnknownLanguage:  # Jigasi writes "null" where nobody chose a language
        return None


def uuid7(milliseconds: int, randomness: int) -> str:
    """An id that sorts by time (RFC 9562, section 5.7), of milliseconds since 1970 and 74 bits."""
    above, below = divmod(randomness, 1 << 62)
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (above & 0xFFF) << 64 | 0b10 << 62 | below
    return str(uuid.UUID(int=value))


@dataclass
class _Caption:
    """One utterance as the client knows it."""

    id: str
    ts: int
    """Milliseconds since 1970 at which it began."""
    committed: list[Word] = field(default_factory=list)
    shown: tuple[Word, ...] = ()
    text: str = ""
    """What the client was told last."""
    ended: bool = False


class Captions:
    """One speaker's events → messages. An id holds from an utterance's first to its final."""

    def __init__(
        self, participant: str, moment: Callable[[int], int], tape: Tape | None = None
    ) -> None:
        self._participant = participant
        self._tape = tape
        """What finals carry as their sound; None: they carry none."""
        self._moment = moment
        """A frame of the stream → milliseconds since 1970."""
        self._open: dict[int, _Caption] = {}
        self._last = 0

    def message(self, event: Event) -> Json | None:
        """What the event is on the wire; None where it changes nothing that is shown."""
        match event:
            case SpeechStarted(utterance, at):
                ts = self._last = max(self._moment(at), self._last + 1)  # clients sort by it
                self._open[utterance] = _Caption(uuid7(ts, secrets.randbits(74)), ts)
            case SpeechEnded(utterance):
                self._open[utterance].ended = True
            case Committed(utterance, words):
                caption = self._open[utterance]
                caption.committed.extend(words)
                caption.shown = caption.shown[len(words) :]
                return None if caption.ended else self._interim(caption)
            case Partial(utterance, words):
                caption = self._open[utterance]
                caption.shown = words
                return self._interim(caption)
            case Final(segment):
                message = self._final(self._open.pop(segment.id), segment.words)
                if message is not None and self._tape is not None:
                    message["audio"] = self._tape.cut(segment.start, segment.end)
                return message
        return None

    def _interim(self, caption: _Caption) -> Json | None:
        words = (*caption.committed, *caption.shown)
        text = join(words)
        if not text or text == caption.text:
            return None
        caption.text = text
        return self._json("interim", caption, words)

    def _final(self, caption: _Caption, words: tuple[Word, ...]) -> Json | None:
        """Without words only where some were shown, which the client must forget."""
        return self._json("final", caption, words) if words or caption.text else None

    def _json(self, kind: str, caption: _Caption, words: tuple[Word, ...]) -> Json:
        return {
            "id": caption.id,
            "participant_id": self._participant,
            "ts": caption.ts,
            "text": join(words),
            "audio": "",
            "type": kind,
            "variance": sureness(words),
        }


def sureness(words: Sequence[Word]) -> float:
    """The mean probability of the words; a float even where it is whole, as Jigasi casts it."""
    if not words:
        return 0.0
    return float(round(fsum(word.probability for word in words) / len(words), 4))

"""The few HTTP calls that measuring needs."""

from __future__ import annotations

import io
import json
import secrets
import urllib.error
import urllib.request
import wave
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sotto.audio.format import SAMPLE_RATE
from sotto.errors import ServerError

PATIENCE = 3600.0
"""Seconds that an answer may take: a file of hours, heard by a slow model."""


def get(url: str, timeout: float = 10.0) -> str:
    """The body. Raises ServerError."""
    return _ask(urllib.request.Request(url), timeout)


def transcribe(address: str, data: bytes, fields: Mapping[str, str]) -> str:
    """What OpenAI's route for files hears. Raises ServerError."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="sound"\r\n\r\n'
    body = b"".join([*parts, head.encode(), data, f"\r\n--{boundary}--\r\n".encode()])
    request = urllib.request.Request(
        f"{address}/v1/audio/transcriptions",
        body,
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    answer = _ask(request, PATIENCE)
    try:
        return str(json.loads(answer)["text"])
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(f"expected a transcript, got {answer[:80]!r}") from error


def wav(pcm: NDArray[np.int16]) -> bytes:
    """A file of mono samples at 16 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
    return out.getvalue()


def _ask(request: urllib.request.Request, timeout: float) -> str:
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return str(answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        body = error.read().decode(errors="replace")[:200]
        raise ServerError(f"expected an answer, got HTTP {error.code}: {body}") from error
    except OSError as error:
        raise ServerError(f"cannot reach {request.full_url}: {error}") from error

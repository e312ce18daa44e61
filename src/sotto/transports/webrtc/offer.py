"""What a client sends to begin a call: its SDP, and a session that it may want. No I/O but reading.

Only what a call needs is let through to the library that negotiates: one data channel, and sound
once at most. Each section more would be a socket and a thread more.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from sotto.errors import BadOption, TooLarge
from sotto.transports.realtime.events import Json, parse_object
from sotto.transports.realtime.session import MAX_CHARACTERS

SDP = "application/sdp"
FORM = "multipart/form-data"
MAX_SDP = 64 * 1024
"""Bytes; a browser's offer of sound and data has about 3,000."""
MAX_PART = max(MAX_SDP, 2 * MAX_CHARACTERS)
MAX_BODY = 2 * MAX_PART
MAX_CANDIDATES = 64
"""Addresses of the client's that are tried."""

_SECTION = re.compile(r"^m=(\S+) \d+(?:/\d+)? (\S+)", re.MULTILINE)
_CANDIDATE = re.compile(r"^a=candidate:", re.MULTILINE)
_MESSAGE = re.compile(r"^a=max-message-size:(\d{1,9})\b", re.MULTILINE)
MESSAGE = 64 * 1024
"""Bytes that a client takes in one message where it does not say (RFC 8841, section 6)."""
MAX_MESSAGE = 256 * 1024
_DATA = ("UDP/DTLS/SCTP", "DTLS/SCTP", "TCP/DTLS/SCTP")


@dataclass(frozen=True)
class Offer:
    """A call that is wanted."""

    sdp: str
    session: Json
    """What it is to be like; empty where the client does not say."""
    has_sound: bool
    """Whether there is a section for sound, in either direction."""
    max_message: int = MESSAGE
    """Bytes that may be sent at once."""


async def read_offer(http: Request) -> Offer:
    """The body of a request. Raises BadOption, TooLarge."""
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == SDP:
        return parse_offer(await _whole(http))
    if kind != FORM:
        raise BadOption("", f"expected a body of type {SDP} or {FORM}, got {kind[:100]!r}")
    form = await _form(http)
    try:
        sdp, session = await _field(form, "sdp"), await _field(form, "session")
    finally:
        await form.close()
    return parse_offer(sdp, parse_object(session) if session else {})


def parse_offer(sdp: bytes, session: Json | None = None) -> Offer:
    """Raises BadOption where it is not an offer of one data channel and at most one of sound."""
    try:
        text = sdp.decode()
    except UnicodeDecodeError:
        raise BadOption("sdp", "expected an SDP offer in UTF-8, got something else") from None
    if not text.startswith("v=0"):
        raise BadOption("sdp", "expected an SDP offer, which begins with v=0, got something else")
    sections = _SECTION.findall(text)
    kinds = [kind for kind, _ in sections]
    data = [protocol for kind, protocol in sections if kind == "application"]
    wrong = set(kinds) - {"audio", "application"}
    if wrong or kinds.count("audio") > 1 or len(data) != 1 or data[0] not in _DATA:
        raise BadOption(
            "sdp",
            "expected an offer of one data channel and at most one track of sound, "
            f"got {', '.join(kinds)[:200] or 'nothing'}",
        )
    given = len(_CANDIDATE.findall(text))
    if given > MAX_CANDIDATES:
        raise BadOption("sdp", f"expected at most {MAX_CANDIDATES} candidates, got {given:,}")
    return Offer(text, session or {}, "audio" in kinds, _max_message(text))


def _max_message(text: str) -> int:
    said = _MESSAGE.search(text)
    most = MESSAGE if said is None else int(said[1])
    return min(most or MAX_MESSAGE, MAX_MESSAGE)  # 0 is as much as comes


async def _whole(http: Request) -> bytes:
    body = b""
    async for piece in http.stream():
        body += piece
        if len(body) > MAX_SDP:
            raise TooLarge(f"expected an SDP offer of at most {MAX_SDP:,} bytes, got more")
    return body


async def _form(http: Request) -> FormData:
    taken = 0

    async def bounded() -> AsyncGenerator[bytes, None]:
        nonlocal taken
        async for piece in http.stream():
            taken += len(piece)
            if taken > MAX_BODY:
                raise TooLarge(f"expected a body of at most {MAX_BODY:,} bytes, got more")
            yield piece

    parser = MultiPartParser(
        http.headers, bounded(), max_files=2, max_fields=2, max_part_size=MAX_PART
    )
    try:
        return await parser.parse()
    except (MultiPartException, LookupError) as error:  # LookupError: a charset that is none
        raise BadOption("", f"expected a form with sdp and session: {str(error)[:200]}") from None


async def _field(form: FormData, name: str) -> bytes:
    """A form's field, which some clients send as a file."""
    value = form.get(name, "")
    if isinstance(value, UploadFile):
        return await value.read(MAX_PART)
    return value.encode(errors="surrogatepass")

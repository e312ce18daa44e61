"""Wyoming's events as bytes: a line of JSON, then more JSON, then a payload. No I/O.

{"type": "…", "data": {…}, "data_length": n, "payload_length": m, "version": "…"}\\n
n bytes of a JSON object, laid over `data`
m bytes of anything
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sotto.errors import ProtocolViolation, TooLarge

Json: TypeAlias = dict[str, Any]

VERSION = "1.10.2"
"""Of the protocol's own library, whose events these are."""

MAX_HEADER = 64 * 1024
"""Bytes of a line."""
MAX_DATA = 256 * 1024
MAX_PAYLOAD = 4 * 1024**2


@dataclass(frozen=True)
class WireEvent:
    """One event."""

    type: str
    data: Json = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True)
class _Header:
    type: str
    data: Json
    data_length: int
    payload_length: int

    @property
    def rest(self) -> int:
        """Bytes after the line."""
        return self.data_length + self.payload_length


class EventParser:
    """Bytes, cut anywhere → events. It holds one event at most, and what was received of others."""

    def __init__(self, *, max_payload: int = MAX_PAYLOAD) -> None:
        self._max_payload = max_payload
        self._buffer = bytearray()
        self._header: _Header | None = None
        self._searched = 0
        """Bytes of the buffer in which there is no end of a line."""

    def receive(self, data: bytes) -> Iterator[WireEvent]:
        """The events that are whole now. Raises ProtocolViolation, TooLarge."""
        self._buffer += data
        while (event := self._next()) is not None:
            yield event

    def finish(self) -> None:
        """Say that no more bytes come. Raises ProtocolViolation where an event was cut."""
        if self._buffer or self._header is not None:
            raise ProtocolViolation("expected whole events, got one that breaks off")

    def _next(self) -> WireEvent | None:
        if self._header is None:
            line = self._line()
            if line is None:
                return None
            self._header = _parse_header(line, self._max_payload)
        header = self._header
        if len(self._buffer) < header.rest:
            return None
        data = header.data
        if header.data_length:
            data = data | _parse_object(bytes(self._buffer[: header.data_length]), "data")
        payload = bytes(self._buffer[header.data_length : header.rest])
        del self._buffer[: header.rest]
        self._header = None
        return WireEvent(header.type, data, payload)

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
        if max(end, self._searched) > MAX_HEADER:
            raise TooLarge(f"expected lines of at most {MAX_HEADER:,} bytes, got a longer one")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line


def pack(type_: str, data: Mapping[str, Any] | None = None, payload: bytes = b"") -> bytes:
    """One event."""
    header: Json = {"type": type_, "version": VERSION}
    body = json.dumps(data).encode() if data else b""
    if body:
        header["data_length"] = len(body)
    if payload:
        header["payload_length"] = len(payload)
    return json.dumps(header).encode() + b"\n" + body + payload


def _parse_header(line: bytes, max_payload: int) -> _Header:
    header = _parse_object(line, "an event")
    kind = header.get("type")
    if not isinstance(kind, str) or not kind:
        raise ProtocolViolation("expected an event with a type, got one without")
    data = header.get("data")
    if data is not None and not isinstance(data, dict):
        raise ProtocolViolation("expected the data of an event to be an object, got another value")
    return _Header(
        type=kind,
        data=data or {},
        data_length=_length(header, "data_length", MAX_DATA),
        payload_length=_length(header, "payload_length", max_payload),
    )


def _parse_object(text: bytes, what: str) -> Json:
    try:
        value = json.loads(text.decode())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolViolation(f"expected {what} to be a JSON object in UTF-8, got something else")
    return value


def _length(header: Json, name: str, most: int) -> int:
    length = header.get(name)
    if length is None:
        return 0
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise ProtocolViolation(
            f"expected {name} to be a whole number from 0 on, got another value"
        )
    if length > most:
        raise TooLarge(f"expected a {name} of at most {most:,}, got a larger one")
    return length

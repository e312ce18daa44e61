"""A whole file over HTTP, its transcript back."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypedDict
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from sotto.client.address import Address
from sotto.client.events import Transcript
from sotto.client.failures import answered
from sotto.errors import BadAudio, BadOption, Gone, ServerError, SottoError, Unreachable
from sotto.transcript.options import Task, one_of

OPEN_SECONDS = 10.0
PIECE = 64 * 1024
MOST = 256 * 1024**2
"""Bytes of an answer; a transcript of six hours has 10 MB."""
PROBE_SECONDS = 30
"""Of a connection on which nothing comes, between looks whether the server is still there."""
_TRANSCRIPT = TypeAdapter(Transcript)


class FileOptions(TypedDict, total=False):
    """What a file's transcript may be asked for with."""

    model: str
    """A name that the server lists; `auto`: its largest that is ready."""
    language: str | None
    """A code such as `en`; None detects it."""
    languages: list[str]
    """Codes to choose from when it is detected; of `transcribe` alone."""
    task: str
    """`transcribe`, or `translate` into English."""
    prompt: str
    """Text that is taken to stand before the first word: names, spelling, style."""
    hotwords: str
    """Words to expect; of `transcribe` alone."""
    temperature: float
    """0 to 1; 0 takes the likeliest words."""


class Upload:
    """One request. It blocks; `abort` of another thread ends it."""

    def __init__(self, address: Address, options: FileOptions) -> None:
        """Raises BadOption."""
        self._address = address
        self._path, self._fields = _form(options)
        self._connection: HTTPConnection | None = None
        self._is_over = False

    def send(self, file: str | PathLike[str] | BinaryIO) -> Transcript:
        """The transcript. Raises BadAudio, what the server says, Unreachable."""
        if not isinstance(file, str | PathLike):
            return self._send(file)
        with _opened(Path(file)) as opened:
            return self._send(opened)

    def abort(self) -> None:
        """Give it up, if it is not over."""
        self._is_over = True
        connection = self._connection
        wire: socket.socket | None = None if connection is None else connection.sock
        if wire is not None:
            with suppress(OSError):  # it ended by itself meanwhile
                wire.shutdown(socket.SHUT_RDWR)

    def _send(self, file: BinaryIO) -> Transcript:
        self._connection = connection = _connection(self._address)
        place = f"{connection.host}:{connection.port}"
        try:
            connection.connect()
            _keep_alive(connection.sock)
            if self._is_over:
                raise Gone("the request was given up")
            return self._answer(self._request(connection, file))
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"cannot reach {place}: {reason}") from error
        finally:
            self._connection = None
            connection.close()

    def _request(self, connection: HTTPConnection, file: BinaryIO) -> HTTPResponse:
        boundary = uuid4().hex
        headers = {
            **self._address.headers,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Transfer-Encoding": "chunked",
        }
        path = self._address.asked(self._address.path + self._path)
        try:
            body = _body(boundary, self._fields, file)
            connection.request("POST", path, body=body, headers=headers, encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            # Who is refused is told before all was sent, and the answer may be there already.
            if self._is_over:
                raise
        return connection.getresponse()

    def _answer(self, response: HTTPResponse) -> Transcript:
        body = response.read(MOST + 1)
        place = f"{self._address.host}:{self._address.port}"
        try:
            said: Any = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if response.status != 200:
            error = said.get("error") if isinstance(said, dict) else None
            raise answered(place, response.status, response.headers.get("Retry-After"), error)
        try:
            return _TRANSCRIPT.validate_python(said)
        except ValidationError as fault:
            raise _no_transcript(place, fault) from None


def _no_transcript(place: str, fault: ValidationError) -> SottoError:
    first = fault.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return ServerError(f"expected a transcript from {place}, got another: {where}: {first['msg']}")


def _form(options: FileOptions) -> tuple[str, list[tuple[str, str]]]:
    """The path and the form's fields. Raises BadOption."""
    unknown = options.keys() - FileOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(FileOptions.__annotations__)
        raise BadOption(min(unknown), f"expected one of {known}, got {min(unknown)!r}")
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    task = one_of(Task, "task", given.pop("task", Task.TRANSCRIBE))
    languages = given.pop("languages", [])
    if task is Task.TRANSLATE and (languages or "hotwords" in given):
        raise BadOption("task", "expected transcribe with languages or hotwords, got translate")
    fields = [("response_format", "verbose_json")]
    fields += [("timestamp_granularities[]", each) for each in ("segment", "word")]
    fields += [("languages[]", str(each)) for each in languages]
    fields += [(name, str(value)) for name, value in given.items()]
    kind = "translations" if task is Task.TRANSLATE else "transcriptions"
    return f"/v1/audio/{kind}", fields


def _body(boundary: str, fields: list[tuple[str, str]], file: BinaryIO) -> Iterator[bytes]:
    """The form, of whose file not even its name is sent."""
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    for name, value in fields:
        yield f'{head}"{name}"\r\n\r\n{value}\r\n'.encode()
    yield f'{head}"file"; filename="sound"\r\n\r\n'.encode()
    while piece := _read(file):
        yield piece
    yield f"\r\n--{boundary}--\r\n".encode()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadAudio(f"{path}: {error.strerror}") from error


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(PIECE)
    except OSError as error:
        raise BadAudio(f"expected a file that can be read: {error}") from error


def _connection(address: Address) -> HTTPConnection:
    context = address.context
    if context is None:
        return HTTPConnection(address.host, address.port, timeout=OPEN_SECONDS)
    return HTTPSConnection(address.host, address.port, timeout=OPEN_SECONDS, context=context)


def _keep_alive(wire: socket.socket) -> None:
    """Wait as long as the server is there: hours of sound take minutes to hear."""
    wire.settimeout(None)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):  # not on every system
        if hasattr(socket, name):
            wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), PROBE_SECONDS)

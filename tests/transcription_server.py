"""A transcription server that is written down: OpenAI's route for files, on loopback.

    with TranscriptionServer() as server:
        server.will({"text": "nine two"})             # the next answer; they queue
        server.will(Fails(429, "slow down", "0"))
        server.together = 3                           # nobody is answered before three have asked
        ...                                           # else what `hears` says: no text
        server.asked[0].fields["language"]

It lives in threads of its own. What it is asked for is in `asked`, from the moment it was read.
"""

from __future__ import annotations

import io
import json
import socket
import threading
import wave
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 60.0
"""Seconds after which a test that waits has failed."""


@dataclass(frozen=True)
class Fails:
    """An error."""

    status: int
    message: str = "the scripted server fails"
    retry_after: str = ""


@dataclass(frozen=True)
class Raw:
    """A body that goes out as it is; `length` is what its header says of it."""

    data: bytes
    length: int | None = None


class Cut:
    """The connection breaks off before the answer."""


class Silent:
    """Nothing comes until the client goes."""


class Trickle:
    """The answer comes byte by byte, for as long as the client waits."""


Step = dict[str, Any] | Fails | Raw | Cut | Silent | Trickle


@dataclass(frozen=True)
class Asked:
    """One request for a transcript."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    fields: dict[str, str]
    """The last of each name; lists joined by commas."""
    file: bytes
    connection: int
    """Which connection it came by, counted from 0."""

    @property
    def seconds(self) -> float:
        """Of the sound."""
        with wave.open(io.BytesIO(self.file)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (
                16_000,
                1,
                2,
            )
            return sound.getnframes() / sound.getframerate()


class TranscriptionServer:
    """Runs while its context does. Attributes may be set at any time."""

    key = ""
    """Without it a request gets 401, which repeats what came instead."""
    models: tuple[str, ...] | None = ("scripted",)
    """None: there is no such route."""
    refuses: tuple[str, ...] = ()
    """Values of fields that it does not know: 400, as a strict server answers."""
    together = 1
    hears: Callable[[Asked], Step] = staticmethod(lambda asked: {"text": ""})
    """What is answered where nothing queues."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._queue: deque[Step] = deque()
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._connections = 0

    def will(self, *steps: Step) -> None:
        """The next answers, after those that queue already."""
        self._queue.extend(steps)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> TranscriptionServer:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(PATIENCE)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                with server._changed:
                    self.number = server._connections
                    server._connections += 1

            def handle(self) -> None:
                with suppress(ConnectionError):  # a client that hung up
                    super().handle()

            def do_GET(self) -> None:
                if not server._admits(self):
                    return
                if server.models is None:
                    _whole(self, 404, {"detail": "Not Found"})
                    return
                data = [{"id": model, "object": "model"} for model in server.models]
                _whole(self, 200, {"object": "list", "data": data})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if server._admits(self):
                    server._answer(self, _asked(self, body, self.number))

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _admits(self, handler: BaseHTTPRequestHandler) -> bool:
        given = handler.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and given != self.key:
            _whole(handler, 401, {"error": {"message": f"Incorrect API key provided: {given}"}})
            return False
        return True

    def _answer(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        with self._changed:
            self.asked.append(asked)
            strange = set(",".join(asked.fields.values()).split(",")) & set(self.refuses)
            step = Fails(400, f"unknown: {strange}") if strange else self._next()
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: len(self.asked) >= self.together, PATIENCE)
        step = self.hears(asked) if step is None else step
        match step:
            case dict():
                _whole(handler, 200, step)
            case Fails():
                more = {"Retry-After": step.retry_after} if step.retry_after else {}
                _whole(handler, step.status, {"error": {"message": step.message}}, more)
            case Raw():
                _send(handler, 200, step.data, step.length)
                handler.close_connection = True
            case Cut():
                _cut(handler)
            case Silent():
                self._over.wait(PATIENCE)
            case Trickle():
                _trickle(handler, self._over)

    def _next(self) -> Step | None:
        return self._queue.popleft() if self._queue else None


def _asked(handler: BaseHTTPRequestHandler, body: bytes, connection: int) -> Asked:
    head = f"Content-Type: {handler.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    file = b""
    for part in BytesParser().parsebytes(head + body).get_payload():
        data = part.get_payload(decode=True)  # type: ignore[union-attr]
        assert isinstance(data, bytes)
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        assert isinstance(name, str)
        if name == "file":
            file = data
        else:
            fields[name] = f"{fields[name]},{data.decode()}" if name in fields else data.decode()
    headers = {name.lower(): value for name, value in handler.headers.items()}
    return Asked(handler.path, headers, fields, file, connection)


def _whole(
    handler: BaseHTTPRequestHandler, status: int, body: Any, more: dict[str, str] | None = None
) -> None:
    _send(handler, status, json.dumps(body).encode(), None, more)


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    data: bytes,
    length: int | None = None,
    more: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in (more or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data) if length is None else length))
    handler.end_headers()
    handler.wfile.write(data)


def _cut(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _trickle(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not over.wait(0.02):
        handler.wfile.write(b" ")


@contextmanager
def away() -> Iterator[str]:
    """An address at which nobody listens, for as long as it is open."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"

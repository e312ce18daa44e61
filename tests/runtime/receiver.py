"""A real HTTP server on the loopback interface that is posted finals, and checks who signed them.

The check is written from the specification of Standard Webhooks alone, with nothing of ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
LONG = 120.0
"""Seconds after which what was waited for will not come."""


@dataclass(frozen=True)
class Post:
    """One that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data

    @property
    def text(self) -> str:
        return str(self.data["text"])

    def is_signed_by(self, secret: str) -> bool:
        key = base64.b64decode(secret[len("whsec_") :])
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        mac = hmac.new(key, content, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(mac).decode()
        return expected in self.headers["webhook-signature"].split(" ")


Answering = Callable[[Post, BaseHTTPRequestHandler], None]


def say(status: int, **headers: str) -> Answering:
    """An answer without a body."""

    def answer(post: Post, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


@dataclass
class Receiver:
    """What came, and how it is answered."""

    url: str = ""
    answer: Answering = field(default_factory=lambda: say(204))
    posts: list[Post] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def texts(self) -> list[str]:
        return [post.text for post in self.posts]

    def wait(self, count: int) -> None:
        """Until so many came."""
        with self.came:
            arrived = self.came.wait_for(lambda: len(self.posts) >= count, LONG)
        assert arrived, f"expected {count} posts, got {len(self.posts)}"


@contextmanager
def receiving(port: int = 0, receiver: Receiver | None = None) -> Iterator[Receiver]:
    """A receiver at a free port, or at that one."""
    receiver = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            post = Post(self.path, headers, body)
            with receiver.came:
                receiver.posts.append(post)
                receiver.came.notify_all()
            try:
                receiver.answer(post, self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_port}/finals?of=sotto"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()

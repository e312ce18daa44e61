"""A stand-in of the hub's HTTP interface on loopback: what its client asks for, and no more."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

REVISION = "0123456789abcdef0123456789abcdef01234567"

TINY = {
    "README.md": b"not wanted",
    "config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
    "vocabulary.txt": b"a\nb\n",
    "model.bin": bytes(range(256)) * 64,
    "pytorch_model.bin": b"not wanted either",
}


@dataclass
class Hub:
    """Repositories to serve, faults to show, and the requests that came."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    """Files of which only the first half comes."""
    asked: list[str] = field(default_factory=list)

    def got(self) -> list[str]:
        """Names of the files that were sent, in order."""
        return [line.rsplit("/", 1)[1] for line in self.asked if line.startswith("GET /resolve")]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0].strip("/")
        if path.startswith("api/models/"):
            self._repo(path.removeprefix("api/models/"))
            return
        owner, name, _, revision, file = path.split("/", 4)
        if revision != REVISION:  # files of one download must be of one revision
            self._json(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
            return
        self.hub.asked.append(f"{self.command} /resolve/{file}")
        content = self.hub.repos[f"{owner}/{name}"][file]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        cut = body and file in self.hub.cut
        if not cut:  # a cut answer has no length, as behind a proxy: its end is the connection's
            self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)

    def _repo(self, name: str) -> None:
        self.hub.asked.append(f"{self.command} /api/{name}")
        files = self.hub.repos.get(name)
        if files is None:
            self._json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif name in self.hub.gated:
            self._json(403, {"error": "Gated"}, {"X-Error-Code": "GatedRepo"})
        else:
            siblings = [{"rfilename": file, "size": len(files[file])} for file in files]
            self._json(200, {"id": name, "sha": REVISION, "siblings": siblings})

    def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub that runs while the test does."""
    hub = Hub(repos={"Systran/faster-whisper-tiny": dict(TINY)})
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()

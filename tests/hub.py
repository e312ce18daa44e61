"""A stand-in of the hub's HTTP interface on loopback: what its clients ask for, and no more."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_ann"


@dataclass
class Repo:
    """A model's repository."""

    private: bool = False
    files: tuple[str, ...] = ()
    """Names of those that nobody downloads."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """Those that are downloaded."""
    gated: bool = False


@dataclass(frozen=True)
class Commit:
    """What one commit brought."""

    summary: str
    files: dict[str, bytes]


@dataclass
class Hub:
    """Repositories, faults to show, and what came."""

    url: str = ""
    models: dict[str, Repo] = field(default_factory=dict)
    datasets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By the beginning of a path: a status, and what is said of it."""
    cut: set[str] = field(default_factory=set)
    """Names of files of which only the first half comes."""
    commits: list[Commit] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Requests, as `METHOD /path`."""

    @property
    def writes(self) -> list[str]:
        """Requests that are no questions."""
        return [line for line in self.asked if not line.startswith(("GET ", "HEAD "))]

    @property
    def sent(self) -> list[str]:
        """Names of the files that were downloaded, in order."""
        gets = [line for line in self.asked if line.startswith("GET ") and "/resolve/" in line]
        return [line.rsplit("/", 1)[1] for line in gets]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        self.hub.asked.append(f"{self.command} {path}")
        for beginning, (status, said) in self.hub.faults.items():
            if path.startswith(beginning):
                return self._json(status, {"error": said}, {"X-Error-Message": said})
        return self._route(path.strip("/").split("/"), body)

    def _route(self, path: list[str], body: bytes) -> None:
        match path:
            case ["api", "whoami-v2"]:
                return self._who()
            case ["api", "repos", "create"]:
                return self._create(json.loads(body))
            case ["api", "validate-yaml"]:
                return self._json(200, {"errors": [], "warnings": []})
            case ["api", "models", owner, name, *rest]:
                return self._model(f"{owner}/{name}", rest, body)
            case ["api", "datasets", owner, name, *rest]:
                return self._dataset(f"{owner}/{name}", rest)
            case ["datasets", owner, name, "resolve", _, *rest]:
                return self._file(self.hub.datasets[f"{owner}/{name}"], "/".join(rest))
            case [owner, name, "resolve", revision, *rest]:
                return self._download(f"{owner}/{name}", revision, "/".join(rest))
            case _:
                return self._missing("RepoNotFound")

    def _who(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._json(401, {"error": "Invalid username or password."})
        return self._json(200, {"name": "ann", "orgs": [{"name": "choir"}]})

    def _download(self, id_: str, revision: str, file: str) -> None:
        if revision != REVISION:  # files of one download must be of one revision
            return self._missing("RevisionNotFound")
        return self._file(self.hub.models[id_].contents, file)

    def _create(self, asked: dict[str, str]) -> None:
        id_ = f"{asked['organization']}/{asked['name']}"
        there = id_ in self.hub.models
        self.hub.models.setdefault(id_, Repo(private=asked.get("visibility") == "private"))
        self._json(409 if there else 200, {"url": f"{self.hub.url}/{id_}"})

    def _model(self, id_: str, rest: list[str], body: bytes) -> None:
        repo = self.hub.models.get(id_)
        if repo is None:
            return self._missing("RepoNotFound")
        if repo.gated:
            return self._json(403, {"error": "Gated"}, {"X-Error-Code": "GatedRepo"})
        match rest:
            case []:
                files = dict.fromkeys(repo.files, b"") | repo.contents
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                about = {"id": id_, "private": repo.private, "siblings": siblings}
                return self._json(200, about | {"sha": REVISION})
            case ["preupload", "main"]:
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                return self._json(200, {"files": files})
            case _:
                return self._commit(id_, body)

    def _commit(self, id_: str, body: bytes) -> None:
        head, *lines = map(json.loads, body.splitlines())
        assert {line["key"] for line in lines} <= {"file"}
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines
        }
        self.hub.commits.append(Commit(head["value"]["summary"], files))
        url = f"{self.hub.url}/{id_}/commit/{REVISION}"
        self._json(200, {"commitUrl": url, "commitOid": REVISION})

    def _dataset(self, id_: str, rest: list[str]) -> None:
        files = self.hub.datasets.get(id_)
        if files is None:
            return self._missing("RepoNotFound")
        if rest[:1] != ["tree"]:
            siblings = [{"rfilename": name} for name in files]
            return self._json(200, {"id": id_, "sha": REVISION, "siblings": siblings})
        folder = "/".join(rest[2:])
        below = {name.partition("/")[0] for name in files if "/" in name and not folder}
        inside = [name for name in files if name.rpartition("/")[0] == folder]
        folders = [{"type": "directory", "path": path, "oid": "0", "size": 0} for path in below]
        about = [
            {"type": "file", "path": path, "oid": "0", "size": len(files[path])} for path in inside
        ]
        return self._json(200, [*folders, *about])

    def _file(self, files: Mapping[str, bytes], name: str) -> None:
        content = files.get(name)
        if content is None:
            return self._missing("EntryNotFound")
        if name in self.hub.cut and self.command == "GET":
            return self._half(content)
        asked = self.headers.get("Range")
        first, last = 0, len(content) - 1
        if asked is not None:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        part = content[first : last + 1]
        self.send_response(200 if asked is None else 206)
        self._describe(content)
        self.send_header("Content-Length", str(len(part)))
        if asked is not None:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(part)
        return None

    def _half(self, content: bytes) -> None:
        """Of no said length, as behind a proxy: its end is the connection's."""
        self.send_response(200)
        self._describe(content)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def _describe(self, content: bytes) -> None:
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)

    def _missing(self, code: str) -> None:
        self._json(404, {"error": code}, {"X-Error-Code": code, "X-Repo-Commit": REVISION})

    def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """A hub that runs meanwhile."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True  # clients keep their connections
        server.block_on_close = False
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()

"""The HTTP side as a whole: page, status, figures, errors."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sotto import errors
from sotto.app.build import build_service
from sotto.app.codes import CLOSE, STATUS, error_response, nearest
from sotto.app.server import make_server
from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, load
from sotto.clock import SystemClock
from sotto.errors import ModelUnavailable, SottoError
from sotto.runtime.batcher import Recognizer
from sotto.runtime.models import ModelPool, ModelSpec
from sotto.runtime.requests import FileRequest
from sotto.runtime.service import Service
from sotto.transcript.words import Segment, Transcript
from sotto.transports.forms import MAX_FIELDS
from sotto.transports.stream import error_to_json
from tests.asking import (
    TRANSCRIPTIONS,
    answer_on,
    connect,
    error_of,
    eventually,
    figures,
    transcribe,
)
from tests.serving import Served, serving, watched
from tests.speech import CLIP, CLIP_TEXT

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"

# ---- page, documentation, status


def test_browsers_get_the_page(client: httpx2.Client) -> None:
    response = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.headers["content-type"].startswith("text/html")
    assert "<title>" in response.text
    for link in re.findall(r'(?:src|href)="([^"]+)"', response.text):
        if not link.startswith("#"):
            assert client.get(link).status_code == 200, link


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_programs_get_three_numbers(client: httpx2.Client, accept: str) -> None:
    done = client.get("/", headers={"Accept": accept}).json()["done"]
    assert transcribe(client).status_code == 200
    response = client.get("/", headers={"Accept": accept})
    assert response.json() == {"done": done + 1, "queue": 0, "models": 1}
    assert response.headers["access-control-allow-origin"] == "*"


def test_no_accept_header_is_a_program(server: Served) -> None:
    with closing(connect(server.host)) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: sotto\r\nConnection: close\r\n\r\n")
        status, _, body = answer_on(wire)
    assert status == 200
    assert set(json.loads(body)) == {"done", "queue", "models"}


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documentation_needs_no_other_host(client: httpx2.Client, path: str) -> None:
    html = client.get(path).text
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", html) == []
    links = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert links
    for link in links:
        assert client.get(link).status_code == 200, link


def test_the_schema_names_every_path(client: httpx2.Client) -> None:
    response = client.get("/openapi.json")
    assert "http://" not in response.text
    assert "https://" not in response.text
    assert set(response.json()["paths"]) == {
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/audio/speech",
        "/v1/audio/voices",
        "/v1/models",
        "/v1/models/{model}",
        "/",
        "/v1/realtime/calls",
        "/v1/realtime/calls/{id}/hangup",
        "/v1/realtime/client_secrets",
        "/v1/realtime/transcription_sessions",
        "/v1/listen",
        "/v1/mel",
        "/v1/conversations/{id}",
        "/v1/sessions",
        "/v1/sessions/{session}",
        "/v1/sessions/{session}/transcript.{form}",
        "/v1/admin/state",
        "/v1/admin/models/{model}/load",
        "/v1/admin/models/{model}/unload",
        "/v1/admin/sessions/{session}",
        "/transcribe",
        "/health",
        "/ready",
        "/metrics",
    }


def test_alive_and_ready(client: httpx2.Client) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready", "models": ["nano"]}


def test_figures_count_a_file(client: httpx2.Client) -> None:
    before = figures(client)
    assert transcribe(client).json()["text"] == CLIP_TEXT
    after = figures(client)
    grown = {key: after[key] - before.get(key, 0.0) for key in after}
    assert grown["sotto_files_done_total",] == 1
    assert grown["sotto_words_total", "file"] == len(CLIP_TEXT.split())
    assert grown["sotto_audio_seconds_total", "file"] == pytest.approx(7.37, abs=0.02)
    assert grown["sotto_jobs_total", "done", "file", "nano"] >= 1
    assert after["sotto_files",] == 0


def test_figures_count_an_error(client: httpx2.Client) -> None:
    before = figures(client).get(("sotto_errors_total", "bad_audio"), 0.0)
    client.post(TRANSCRIPTIONS, files={"file": ("clip", b"no sound")})
    assert figures(client)["sotto_errors_total", "bad_audio"] == before + 1


# ---- without a model


@contextmanager
def listening(settings: Settings, service: Service) -> Iterator[tuple[str, Service]]:
    """A server that need not get ready; its address."""
    server = make_server(settings, service)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", service
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    flags = [
        Flag("--models", "models.names", ()),
        Flag("--paths", "models.paths", {"hollow": str(tmp_path)}),
    ]
    settings = load(flags, environ={})
    with (
        listening(settings, build_service(settings)) as (url, service),
        httpx2.Client(base_url=url, timeout=60) as client,
    ):
        eventually(lambda: service.models.snapshot()[0].state == "failed")
        assert client.get("/health").json() == {"status": "alive"}
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert int(ready.headers["retry-after"]) >= 1
        assert error_of(ready)["code"] == "model_not_ready"
        for name in ("auto", "hollow"):
            sound = {"file": ("clip", CLIP.read_bytes())}
            response = client.post(TRANSCRIPTIONS, files=sound, data={"model": name})
            assert response.status_code == 503
            error = error_of(response)
            assert (error["code"], error["type"]) == ("model_unavailable", "server_error")
            assert "hollow" in error["message"]
        (listed,) = client.get("/v1/models").json()["data"]
        assert listed["state"] == "failed"
        assert listed["error"]
        assert client.get("/").json()["models"] == 0


def test_a_model_that_still_loads_is_worth_another_try() -> None:
    settings, release = load(environ={}), threading.Event()

    def load_late(spec: ModelSpec) -> Recognizer:
        release.wait(60)
        raise ModelUnavailable("this test has no model")

    service = build_service(settings)
    service.models = ModelPool([ModelSpec("late", 1)], load_late, SystemClock())
    with (
        listening(settings, service) as (url, _),
        httpx2.Client(base_url=url, timeout=60) as client,
    ):
        for response in (client.get("/ready"), transcribe(client)):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
            assert error_of(response)["code"] == "model_not_ready"
        (listed,) = client.get("/v1/models").json()["data"]
        assert (listed["state"], listed["languages"], listed["n_mels"]) == ("loading", [], None)
        release.set()


def test_a_server_that_stops_says_so(client: httpx2.Client, server: Served) -> None:
    server.service.draining = True
    try:
        for response in (client.get("/ready"), transcribe(client)):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
            assert error_of(response)["code"] == "draining"
        assert client.get("/health").status_code == 200
    finally:
        server.service.draining = False


# ---- errors


def multipart(client: httpx2.Client, body: bytes, kind: str) -> httpx2.Response:
    headers = {"Content-Type": kind}
    return client.post(TRANSCRIPTIONS, content=body, headers=headers)


def test_a_form_without_its_file_is_told(client: httpx2.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nnano\r\n--b--\r\n'
    for response in (
        client.post(TRANSCRIPTIONS, data={"model": "nano"}),
        client.post(TRANSCRIPTIONS, json={"file": "clip.wav"}),
        client.post(TRANSCRIPTIONS),
        client.post("/transcribe"),
        client.post(
            TRANSCRIPTIONS, content=CLIP.read_bytes(), headers={"Content-Type": "audio/flac"}
        ),
        multipart(client, part, "multipart/form-data; boundary=b"),
    ):
        assert response.status_code == 400
        error = error_of(response)
        assert error["message"] == "expected a field file, got none"
        assert (error["type"], error["param"], error["code"]) == (
            "invalid_request_error",
            "file",
            "bad_option",
        )


def test_a_file_and_a_text_in_each_others_place_are_told(client: httpx2.Client) -> None:
    response = client.post(TRANSCRIPTIONS, data={"file": "clip.wav"})
    assert response.status_code == 400
    assert error_of(response)["message"] == "expected file to be a file, got text"
    for name in ("model", "temperature", "language", "timestamp_granularities[]"):
        response = client.post(TRANSCRIPTIONS, files={name: ("clip", CLIP.read_bytes())})
        assert response.status_code == 400
        error = error_of(response)
        assert error["param"] in (name, "file")
        assert error["message"].startswith("expected ")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary="),
        (b"x", "multipart/form-data; boundary=b"),
        (b"--c\r\n\r\n--c--", "multipart/form-data; boundary=b"),
        (
            b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
        (b"--b\r\n\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b; charset=undefined"),
    ],
)
def test_a_broken_form_is_told(client: httpx2.Client, body: bytes, kind: str) -> None:
    response = multipart(client, body, kind)
    assert response.status_code == 400
    assert error_of(response)["type"] == "invalid_request_error"


def test_a_form_holds_one_file_and_few_fields(client: httpx2.Client) -> None:
    two = [("file", ("clip", CLIP.read_bytes())), ("file", ("clip", CLIP.read_bytes()))]
    many = {f"field {number}": "x" for number in range(MAX_FIELDS + 1)}
    for path in (TRANSCRIPTIONS, "/v1/audio/translations", "/transcribe"):
        for response in (
            client.post(path, files=two),
            client.post(path, files={"file": ("clip", CLIP.read_bytes())}, data=many),
            client.post(path, data=many),
        ):
            assert response.status_code == 400
            assert "Too many" in error_of(response)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", TRANSCRIPTIONS, 405),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/", 405),
        ("PUT", "/health", 405),
        ("GET", "/nothing/here", 404),
        ("GET", "/v1/audio", 404),
        ("GET", "/web/nothing.js", 404),
        ("GET", "/web/%00", 404),
        ("GET", "/web/%2e%2e/app/http.py", 404),
        ("GET", "/" + "x" * 5_000, 404),
        ("GET", "/stream", 404),
    ],
)
def test_a_wrong_method_or_path_is_told(
    client: httpx2.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert error_of(response)["type"] == "invalid_request_error"


class Broken(Service):
    """A service with a bug."""

    async def transcribe_file(
        self,
        file: Any,
        request: FileRequest,
        tell: Callable[[Segment], None] = lambda segment: None,
    ) -> Transcript:
        raise KeyError("a secret")


def test_a_bug_is_told_without_details() -> None:
    settings = load(environ={})
    with (
        serving(settings, Broken(**vars(build_service(settings)))) as served,
        httpx2.Client(base_url=served.url, timeout=60) as client,
        watched() as tracebacks,
    ):
        response = transcribe(client)
        assert response.status_code == 500
        error = error_of(response)
        assert (error["type"], error["code"]) == ("server_error", "server_error")
        assert "secret" not in response.text
        assert "KeyError" not in response.text
        assert response.headers["connection"] == "close"
        assert client.get("/health").status_code == 200
        assert figures(client)["sotto_errors_total", "server_error"] == 1
        eventually(lambda: any("a secret" in str(record.exc_info) for record in tracebacks))


OFF_THE_WIRE = {
    "CallerError",  # only what the others have in common
    "Gone",  # nobody is there to be told
    "BadManifest",  # labelled data on a disk
    "NotInstalled",  # of calls over WebRTC, which have no close codes
    "ChatUnavailable",  # told of one answer; its session lives on
    "VoiceUnavailable",  # the same, or the status of /v1/audio/speech
}


def kinds(root: type[SottoError] = SottoError) -> list[type[SottoError]]:
    """Every class below the root that `errors.py` draws."""
    found = []
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            found += [kind, *kinds(kind)]
    return found


def make(kind: type[SottoError]) -> SottoError:
    if kind is errors.UnknownModel:
        return errors.UnknownModel("gigantic", ["auto"])
    if kind is errors.UnknownLanguage:
        return errors.UnknownLanguage("klingon", "a language")
    if kind is errors.UnknownSession:
        return errors.UnknownSession("nobody")
    if kind is errors.BadOption:
        return errors.BadOption("model", "expected a, got b")
    return kind("expected a, got b")


def documented() -> dict[int, set[str]]:
    """Close code → error codes, of the table in docs/protocol.md."""
    rows = re.findall(r"^\| (\d{4}) \| (.+?) \|", PROTOCOL.read_text(), re.MULTILINE)
    return {int(close): set(re.findall(r"`(\w+)`", codes)) for close, codes in rows}


TOLD = [kind for kind in kinds() if kind is not errors.Unreachable]
"""What a server tells: that one, only a client can know."""


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.__name__)
def test_every_error_has_its_status_and_close_code(kind: type[SottoError]) -> None:
    error = make(kind)
    status = nearest(STATUS, error)
    assert 400 <= status < 500 if issubclass(kind, errors.CallerError) else 500 <= status < 600
    response = error_response(error)
    body = json.loads(bytes(response.body))["error"]
    assert response.status_code == status
    assert set(body) == {"message", "type", "param", "code"}
    assert (body["message"], body["code"]) == (error.message, error.code)
    kinds_of_openai = {
        401: "authentication_error",
        403: "permission_error",
        429: "rate_limit_error",
    }
    other = "invalid_request_error" if status < 500 else "server_error"
    assert body["type"] == kinds_of_openai.get(status, other)
    assert ("retry-after" in response.headers) == (error.retry_after is not None)
    assert error.retryable == (error.retry_after is not None)
    event = error_to_json(error)
    assert (event["type"], event["code"], event["message"]) == ("error", error.code, error.message)
    assert event.get("param") == body["param"]
    assert event.get("retry_after") == error.retry_after
    if kind.__name__ not in OFF_THE_WIRE:
        assert error.code in documented()[nearest(CLOSE, error)]


def test_every_documented_code_is_some_errors() -> None:
    codes = {kind.code for kind in kinds()}
    assert set().union(*documented().values()) <= codes

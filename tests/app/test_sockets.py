"""How sockets are let in and how they end, over real ones."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from sotto import errors
from sotto.app.build import build_service
from sotto.app.server import DEAD_SECONDS, notice_the_dead
from sotto.app.setting_groups import ServerSettings
from sotto.app.settings import load
from sotto.app.sockets import Doorway, mount
from sotto.runtime.access import Allowance, Caller, Scope
from sotto.runtime.guard import Guarded
from sotto.runtime.service import Service
from sotto.transports.dialect import SocketDialect
from sotto.transports.peer import Peer
from tests.asking import eventually
from tests.serving import watched
from tests.signing import FakeClock

FAULTS: dict[str, Callable[[], Exception]] = {
    "unauthorized": lambda: errors.Unauthorized("expected a key, got none"),
    "forbidden": lambda: errors.Forbidden("expected another key"),
    "rate_limited": lambda: errors.RateLimited("expected fewer", 2.4),
    "superseded": lambda: errors.Superseded("another goes on"),
    "keys_unavailable": lambda: errors.KeysUnavailable("no keys"),
    "overloaded": lambda: errors.Overloaded("full"),
    "draining": lambda: errors.Draining("soon"),
    "model_not_ready": lambda: errors.ModelNotReady("loading"),
    "bad_option": lambda: errors.BadOption("rate", "expected a rate"),
    "unknown_model": lambda: errors.UnknownModel("x", ["nano"]),
    "protocol_violation": lambda: errors.ProtocolViolation("not now"),
    "bad_audio": lambda: errors.BadAudio("no sound"),
    "too_slow": lambda: errors.TooSlow("read"),
    "too_large": lambda: errors.TooLarge("less"),
    "engine_failed": lambda: errors.EngineFailed("broke"),
    "zero": lambda: ZeroDivisionError("nobody foresaw it"),
}
STATUS = {
    "unauthorized": (401, "authentication_error", None),
    "forbidden": (403, "permission_error", None),
    "rate_limited": (429, "rate_limit_error", "3"),
    "superseded": (409, "invalid_request_error", None),
    "keys_unavailable": (503, "server_error", "5"),
    "overloaded": (503, "server_error", "1"),
    "draining": (503, "server_error", "5"),
    "model_not_ready": (503, "server_error", "5"),
    "bad_option": (400, "invalid_request_error", None),
    "unknown_model": (404, "invalid_request_error", None),
    "too_large": (413, "invalid_request_error", None),
    "zero": (500, "server_error", None),
}
"""Status, type, Retry-After."""
CLOSES = {
    "unauthorized": 1008,
    "forbidden": 1008,
    "rate_limited": 1013,
    "superseded": 1008,
    "keys_unavailable": 1013,
    "overloaded": 1013,
    "draining": 1012,
    "model_not_ready": 1013,
    "bad_option": 1007,
    "unknown_model": 1007,
    "protocol_violation": 1002,
    "bad_audio": 1007,
    "too_slow": 1008,
    "too_large": 1009,
    "engine_failed": 1011,
    "zero": 1011,
}


class Doors:
    """Credentials: the token is the fault to raise, or `good`, or `slow`, `slow_no`, `limited`."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()

    async def caller(self, token: str) -> Caller:
        if token in FAULTS:
            raise FAULTS[token]()
        if token.startswith("slow"):
            self.asked.set()
            assert await asyncio.to_thread(self.go.wait, 20)
        if token == "slow_no":
            raise errors.Unauthorized("expected another")
        if token == "files":
            return Caller(scopes=frozenset({Scope.FILES}))
        one = Allowance(concurrent=1) if token == "limited" else Allowance()
        return Caller(name=token, allowance=one, meeting="m")

    def stands(self, caller: Caller) -> bool:
        return True


class Echo(SocketDialect):
    """Says who came, then what it is told; the word of a fault raises it."""

    name = "echo"
    paths = ("/echo", "/echo/{meeting}")

    def check(self, peer: Peer) -> None:
        peer.caller.may_join(peer.path.get("meeting", "m"))

    def subprotocol(self, peer: Peer) -> str | None:
        return "echo" if "echo" in peer.subprotocols else None

    async def serve(self, peer: Peer, service: Service) -> None:
        await peer.send(peer.caller.name)
        async for message in peer.messages():
            if message == "over":
                return
            if isinstance(message, str) and message in FAULTS:
                raise FAULTS[message]()
            await peer.send(message)


class Talking(Echo):
    """Tells errors over the open socket, in its own words."""

    name = "talking"
    paths = ("/talking",)
    accepts_first = True

    def last_words(self, error: errors.SottoError) -> str | None:
        return json.dumps({"sorry": error.code})

    def close_code(self, error: errors.SottoError) -> int | None:
        return 4401 if isinstance(error, errors.Unauthorized) else None

    def close_reason(self, error: errors.SottoError) -> str:
        return error.code


class Own(Echo):
    """Refuses at the upgrade with a body of its own."""

    name = "own"
    paths = ("/own",)

    def refusal(self, error: errors.SottoError) -> dict[str, Any] | None:
        return {"err_code": error.code.upper(), "π": 1}


class Place:
    """A server with the dialects above."""

    def __init__(self, host: str, doors: Doors, service: Service) -> None:
        self.host = host
        self.doors = doors
        self.service = service

    def connect(self, path: str, token: str | None = "good", **how: Any) -> connect:
        query = "" if token is None else f"?token={token}"
        return connect(f"ws://{self.host}{path}{query}", **how)

    def errors(self, code: str) -> float:
        found = self.service.metrics.errors.labels(code)._value.get()
        return float(found)


@contextmanager
def opened(settings: ServerSettings) -> Iterator[Place]:
    doors, service, app = Doors(), build_service(load(environ={})), FastAPI()
    doorway = Doorway(service, Guarded([doors], FakeClock()), settings)
    for dialect in (Echo(), Talking(), Own()):
        mount(app, dialect, doorway)
    config = uvicorn.Config(app, ws="websockets-sansio", log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            eventually(lambda: server.started)
            yield Place(f"127.0.0.1:{listener.getsockname()[1]}", doors, service)
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with opened(ServerSettings()) as place:
        yield place


@pytest.fixture
def tracebacks(place: Place) -> Iterator[list[logging.LogRecord]]:
    with watched() as records:
        yield records


async def refused(place: Place, path: str, token: str | None, **how: Any) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as told:
        async with place.connect(path, token, **how):
            pass
    return told.value


async def end_of(wire: ClientConnection) -> tuple[list[str | bytes], int | None, str | None]:
    heard = []
    try:
        while True:
            heard.append(await wire.recv())
    except ConnectionClosed:
        return heard, wire.close_code, wire.close_reason


# ---- at the upgrade


@pytest.mark.parametrize("fault", STATUS)
async def test_who_is_refused_at_the_upgrade_gets_a_status_and_a_body(
    place: Place, fault: str
) -> None:
    status, kind, retry_after = STATUS[fault]
    code = "server_error" if fault == "zero" else fault
    before = place.errors(code)
    response = (await refused(place, "/echo", fault)).response
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers.get("retry-after") == retry_after
    assert ("www-authenticate" in response.headers) == (status == 401)
    error = json.loads(response.body)["error"]
    assert (error["type"], error["code"]) == (kind, code)
    assert error["param"] == {"bad_option": "rate", "unknown_model": "model"}.get(fault)
    assert "nobody foresaw" not in error["message"]
    assert place.errors(code) == before + 1


async def test_who_has_no_key_is_told_so(place: Place) -> None:
    response = (await refused(place, "/echo", None)).response
    assert response.status_code == 401
    assert json.loads(response.body)["error"]["message"] == "expected a key or a token, got none"


async def test_a_dialect_may_refuse_with_a_body_of_its_own(place: Place) -> None:
    response = (await refused(place, "/own", "unauthorized")).response
    assert response.status_code == 401
    assert json.loads(response.body) == {"err_code": "UNAUTHORIZED", "π": 1}


async def test_a_key_for_files_opens_no_socket(place: Place) -> None:
    assert (await refused(place, "/echo", "files")).response.status_code == 403


async def test_a_caller_of_another_meeting_is_refused(place: Place) -> None:
    async with place.connect("/echo/m") as wire:
        assert await wire.recv() == "good"
    assert (await refused(place, "/echo/other", "good")).response.status_code == 403


async def test_a_path_that_is_none_is_refused(place: Place) -> None:
    assert (await refused(place, "/nothing", "good")).response.status_code == 403


# ---- over the open socket


@pytest.mark.parametrize("fault", [*STATUS, "protocol_violation", "bad_audio", "engine_failed"])
async def test_a_dialect_that_accepts_first_tells_it_over_the_socket(
    place: Place, fault: str
) -> None:
    code = "server_error" if fault == "zero" else fault
    async with place.connect("/talking", fault, subprotocols=[Subprotocol("echo")]) as wire:
        heard, close, reason = await end_of(wire)
        assert wire.subprotocol == "echo"
    assert heard == [json.dumps({"sorry": code})]
    assert close == (4401 if fault == "unauthorized" else CLOSES[fault])
    assert reason == code


@pytest.mark.parametrize("fault", CLOSES)
@pytest.mark.parametrize("path", ["/echo", "/talking"])
async def test_an_error_ends_the_socket_with_its_words_and_code(
    place: Place, path: str, fault: str
) -> None:
    code = "server_error" if fault == "zero" else fault
    before = place.errors(code)
    async with place.connect(path) as wire:
        await wire.send(fault)
        heard, close, _ = await end_of(wire)
    told = [json.dumps({"sorry": code})] if path == "/talking" else []
    assert heard == ["good", *told]
    own = path == "/talking" and fault == "unauthorized"
    assert close == (4401 if own else CLOSES[fault])
    assert place.errors(code) == before + 1


async def test_a_fault_that_nobody_foresaw_is_in_the_log_alone(
    place: Place, tracebacks: list[logging.LogRecord]
) -> None:
    async with place.connect("/talking") as wire:
        await wire.send("zero")
        heard, close, _ = await end_of(wire)
    assert close == 1011
    assert "foresaw" not in "".join(map(str, heard))
    (record,) = tracebacks
    assert record.message == "a socket of the dialect talking broke"


async def test_a_stream_that_ends_well_closes_with_1000(place: Place) -> None:
    async with place.connect("/echo", subprotocols=[Subprotocol("x"), Subprotocol("echo")]) as wire:
        assert wire.subprotocol == "echo"
        await wire.send("a")
        await wire.send(b"b")
        await wire.send("over")
        assert await end_of(wire) == (["good", "a", b"b"], 1000, "")


async def test_who_hangs_up_leaves_no_traceback(
    place: Place, tracebacks: list[logging.LogRecord]
) -> None:
    for path in ("/echo", "/talking"):
        wire = await place.connect(path)
        await wire.recv()
        wire.transport.abort()
    async with place.connect("/echo") as wire:
        assert await wire.recv() == "good"
    assert tracebacks == []


@pytest.mark.parametrize("path", ["/echo", "/talking"])
@pytest.mark.parametrize("token", ["slow", "slow_no"])
async def test_who_hangs_up_before_it_is_let_in_leaves_no_traceback(
    place: Place, tracebacks: list[logging.LogRecord], path: str, token: str
) -> None:
    place.doors.asked.clear()
    place.doors.go.clear()
    told = {code: place.errors(code) for code in ("gone", "unauthorized")}
    with raw_upgrade(place.host, f"{path}?token={token}"):
        assert await asyncio.to_thread(place.doors.asked.wait, 20)
    place.doors.go.set()
    code = "unauthorized" if token == "slow_no" else "gone"
    await asyncio.to_thread(eventually, lambda: place.errors(code) == told[code] + 1)
    async with place.connect("/echo") as other:
        assert await other.recv() == "good"
    assert tracebacks == []


def raw_upgrade(host: str, path: str) -> socket.socket:
    """A client that has asked to be let in, and waits for nothing."""
    name, port = host.split(":")
    wire = socket.create_connection((name, int(port)))
    wire.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return wire


# ---- how many


async def test_a_caller_has_as_many_sockets_as_it_may(place: Place) -> None:
    async with place.connect("/echo", "limited") as wire:
        assert await wire.recv() == "limited"
        response = (await refused(place, "/echo", "limited")).response
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")
        async with place.connect("/talking", "limited") as other:
            assert await end_of(other) == (
                [json.dumps({"sorry": "rate_limited"})],
                1013,
                "rate_limited",
            )
        async with place.connect("/echo", "another") as other:
            assert await other.recv() == "another"
        await wire.send("over")
        await end_of(wire)
    for end in ("zero", "bad_audio", "over"):
        async with place.connect("/echo", "limited") as wire:
            assert await wire.recv() == "limited"
            await wire.send(end)
            await end_of(wire)


# ---- pages


async def test_every_page_may_open_sockets_unless_origins_are_named(place: Place) -> None:
    async with place.connect("/echo", origin=Origin("https://elsewhere.example")) as wire:
        assert await wire.recv() == "good"


async def test_only_pages_of_named_origins_may_open_sockets() -> None:
    ours = Origin("https://ours.example")
    with opened(ServerSettings(socket_origins=(ours, "http://localhost:3000"))) as place:
        for origin in (ours, Origin("http://localhost:3000"), None):  # none: it is no browser
            async with place.connect("/echo", origin=origin) as wire:
                assert await wire.recv() == "good"
        for other in ("https://ours.example.evil", "http://ours.example", "null", "*", "x" * 4_000):
            response = (await refused(place, "/echo", "good", origin=Origin(other))).response
            assert response.status_code == 403
            message = json.loads(response.body)["error"]["message"]
            assert message.startswith("expected a page of https://ours.example, http://localhost")
            assert len(message) < 400
        async with place.connect("/talking", origin=Origin("https://evil.example")) as wire:
            assert await end_of(wire) == ([json.dumps({"sorry": "forbidden"})], 1008, "forbidden")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux tells who died")
def test_what_is_accepted_is_given_up_once_its_other_side_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        notice_the_dead(listener)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                timeout = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert timeout == 1_000 * DEAD_SECONDS

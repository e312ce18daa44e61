"""Who may call, how many may, and what bad offers become."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from sotto.app.setting_sources import Flag
from sotto.audio.mel8 import make_mel8
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from tests.asking import error_of, eventually
from tests.serving import Served, guarded
from tests.transports.webrtc_client import Caller, calling

CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}
TRANSCRIPTION = {"type": "transcription"}
MOST = 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str, KeyFile]]:
    """A server with room for three calls, a key, and where to make more."""
    folder = tmp_path_factory.mktemp("keys")
    with guarded(folder, Flag("--max-calls", "webrtc.max_calls", MOST)) as (served, key):
        yield served, key, KeyFile(folder / "keys.json")


def another_key(keys: KeyFile, name: str, **more: Any) -> str:
    key = new_key()
    keys.add(Key.model_validate({"name": name, "sha256": digest(key), **more}))
    return key


async def hang_up(server: Served, location: str, key: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
        headers = {"Authorization": f"Bearer {key}"}
        return await http.post(f"{location}/hangup", headers=headers)


async def refused(server: Served, key: str = "", session: Any = None, query: str = "") -> Any:
    """The error of a call that does not begin, and its status."""
    caller = Caller()
    try:
        answer = await caller.call(server, session, key, query)
    finally:
        await caller.close()
    return answer.status_code, error_of(answer)


async def test_only_who_has_a_key_may_call(house: tuple[Served, str, KeyFile]) -> None:
    server, key, keys = house
    assert (await refused(server))[0] == 401
    files_alone = another_key(keys, "files", scopes=["files"])
    assert (await refused(server, files_alone))[0] == 403
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
        headers = {"Authorization": f"Bearer {key}"}
        wanted = {"session": {**TRANSCRIPTION, "note": "mine"}}
        answer = await http.post("/v1/realtime/client_secrets", json=wanted, headers=headers)
    secret = answer.json()["value"]
    async with calling(server, key=secret, query="?intent=transcription") as (caller, _):
        assert caller.events[0]["session"]["note"] == "mine"


async def test_a_call_is_its_callers_own(house: tuple[Served, str, KeyFile]) -> None:
    server, key, keys = house
    async with calling(server, TRANSCRIPTION, key=key) as (caller, _):
        assert caller.location.startswith(f"{CALLS}/call_")
        other = another_key(keys, "other")
        assert (await hang_up(server, caller.location, other)).status_code == 404
        assert caller.channel.readyState == "open"
        assert (await hang_up(server, caller.location, key)).status_code == 200
        await caller.until_closed()
        assert (await hang_up(server, caller.location, key)).status_code == 404


async def test_a_call_counts_as_long_as_it_lasts(house: tuple[Served, str, KeyFile]) -> None:
    server, _, keys = house
    single = another_key(keys, "single", concurrent=1)
    async with calling(server, TRANSCRIPTION, key=single):
        status, error = await refused(server, single)
        assert (status, error["code"]) == (429, "rate_limited")
    await until_nobody_calls(server)
    async with calling(server, TRANSCRIPTION, key=single):
        pass


async def until_nobody_calls(server: Served) -> None:
    await asyncio.to_thread(eventually, lambda: not server.service.closing.has_clients)


async def test_what_is_heard_counts_on_the_callers_minutes(
    house: tuple[Served, str, KeyFile],
) -> None:
    server, _, keys = house
    frugal = another_key(keys, "frugal", minutes=1)
    session = {**TRANSCRIPTION, "sotto": {"sound": "mel"}}
    async with calling(server, session, key=frugal) as (caller, _):
        for at in (0, 30 * 100, 61 * 100):
            caller.channel.send(make_mel8(np.full((10, 80), -10, np.float32), position=at))
        await caller.until_closed()
        assert caller.events[-1]["error"]["code"] == "rate_limited"


async def test_the_released_client_begins_and_ends_a_call(
    house: tuple[Served, str, KeyFile],
) -> None:
    server, key, _ = house
    caller = Caller()
    try:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key) as openai:
            calls = openai.realtime.calls
            answer = await calls.create(
                sdp=await caller.offer(), session={"type": "realtime", "instructions": "Be kind."}
            )
            await caller.answer(answer.text)
            created = await caller.until("session.created")
            assert created["session"]["instructions"] == "Be kind."
            await calls.hangup(answer.response.headers["location"].rpartition("/")[2])
            await caller.until_closed()
    finally:
        await caller.close()


async def test_there_are_so_many_calls_and_no_more(house: tuple[Served, str, KeyFile]) -> None:
    server, key, _ = house
    await until_nobody_calls(server)
    async with asyncio.TaskGroup() as group:
        callers = [Caller() for _ in range(MOST)]
        calls = [group.create_task(each.call(server, TRANSCRIPTION, key)) for each in callers]
    assert [call.result().status_code for call in calls] == [201] * MOST
    status, error = await refused(server, key)
    assert (status, error["code"]) == (503, "overloaded")
    for caller in callers:
        await caller.close()


async def test_a_session_that_cannot_be_is_refused_before_the_call(
    house: tuple[Served, str, KeyFile],
) -> None:
    server, key, _ = house
    for session, param in [
        ({"type": "dance"}, "session.type"),
        ({**TRANSCRIPTION, "sotto": {"sound": "smoke"}}, "session.sotto.sound"),
    ]:
        status, error = await refused(server, key, session)
        assert (status, error["param"]) == (400, param)


async def test_a_server_without_the_package_says_how_to_get_it(
    house: tuple[Served, str, KeyFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, key, _ = house
    monkeypatch.setitem(sys.modules, "sotto.transports.webrtc.line", None)
    status, error = await refused(server, key)
    assert (status, error["code"]) == (501, "not_installed")
    assert "pip install 'sotto[webrtc]'" in error["message"]


# ---- offers that are none


@pytest.fixture(scope="module")
def sdp() -> str:
    """A good one."""

    async def make() -> str:
        caller = Caller()
        try:
            return await caller.offer()
        finally:
            await caller.close()

    return asyncio.run(make())


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", SDP, 400),
        (b"\xff\xfe", SDP, 400),
        (b"v=0", SDP, 400),
        (b"v=0" + b"a" * 70_000, SDP, 413),
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b"", {}, 400),
        (b"--x\r\n", {"Content-Type": "multipart/form-data"}, 400),
        (b"--x\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
        (b"a" * 300_000, {"Content-Type": "multipart/form-data; boundary=x"}, 400),
    ],
)
def test_a_body_that_is_no_offer(
    client: httpx2.Client, content: bytes, headers: dict[str, str], status: int, no_traceback: None
) -> None:
    answer = client.post(CALLS, content=content, headers=headers)
    assert answer.status_code == status
    assert error_of(answer)["message"].startswith("expected")


@pytest.mark.parametrize(
    "fields",
    [
        {"session": "{}"},
        {"sdp": "v=0"},
        {"sdp": "", "session": "{}"},
        {"sdp": "GOOD", "session": "[]"},
        {"sdp": "GOOD", "session": '{"type": 1e999}'},
        {"sdp": "GOOD", "session": "{"},
        {"sdp": "GOOD", "session": "[" * 5_000},
        {"sdp": "GOOD", "more": "1", "and": "more"},
        {"sdp": "GOOD", "session": "x" * 200_000},
    ],
)
def test_a_form_that_is_none(
    client: httpx2.Client, sdp: str, fields: dict[str, str], no_traceback: None
) -> None:
    sent = {name: (None, value.replace("GOOD", sdp)) for name, value in fields.items()}
    answer = client.post(CALLS, files=sent)
    assert answer.status_code == 400
    assert error_of(answer)["message"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_wrong_with_an_offer_the_client_is_told(
    client: httpx2.Client, sdp: str, data: st.DataObject, tracebacks: list[Any]
) -> None:
    lines = sdp.split("\r\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, len(lines) - 1))
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        match data.draw(st.sampled_from(["drop", "cut", "double", "text"])):
            case "drop":
                del lines[at]
            case "cut":
                lines[at] = line[:cut]
            case "double":
                lines.insert(at, line)
            case "text":
                lines[at] = line[:cut] + data.draw(st.text(max_size=5)) + line[cut:]
    body = "\r\n".join(lines).encode(errors="replace")
    answer = client.post(CALLS, content=body, headers=SDP)
    assert answer.status_code in (201, 400, 503)
    if answer.status_code == 201:  # it may mean something still
        client.post(f"{answer.headers['location']}/hangup")
    else:
        assert error_of(answer)["message"]
    assert tracebacks == []

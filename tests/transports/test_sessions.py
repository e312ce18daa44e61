"""`/v1/sessions` over real HTTP, of streams that were heard and kept in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from sotto.app.build import build_service, build_store
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.plugins.storage.sql import SqlStore
from sotto.transports.skynet.frames import END
from tests.asking import error_of, eventually
from tests.listening import converse, listen
from tests.serving import Served, serving, watched
from tests.signing import AUDIENCE, SECRET, claims, signed
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.transports.skynet_client import hold, jigasi, new_meeting
from tests.transports.socket_talk import cut

PATH = "/v1/sessions"
PCM = pcm_s16le(CLIP)


@dataclass
class House:
    """A server that asks for keys, and keeps what it hears."""

    served: Served
    keys: KeyFile
    file: Path
    names: list[str] = field(default_factory=list)

    def key(self, **more: Any) -> str:
        """A new one, of a new name."""
        key = new_key()
        self.names.append(name := f"key{len(self.names)}")
        self.keys.add(Key.model_validate({"name": name, "sha256": digest(key), **more}))
        return key

    def ask(self, key: str, path: str = "", *, method: str = "GET", **params: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        url = self.served.url + PATH + path
        return httpx2.request(method, url, headers=headers, params=params, timeout=60)

    def ids(self, key: str, **params: Any) -> list[str]:
        response = self.ask(key, **params)
        assert response.status_code == 200, response.text
        return [session["id"] for session in response.json()["data"]]

    def hear(self, key: str) -> str:
        """The session of the clip, heard as a stream."""
        heard = asyncio.run(listen(f"{self.served.stream}?token={key}", PCM))
        assert heard.text == CLIP_TEXT
        (ready,) = heard.of("ready")
        self.await_end(key, ready["session"])
        return str(ready["session"])

    def open(self, key: str) -> str:
        """The session of a stream in which nothing was said."""
        heard = asyncio.run(converse(f"{self.served.stream}?token={key}", {}, []))
        (ready,) = heard.of("ready")
        return str(ready["session"])

    def await_end(self, key: str, session: str) -> None:
        eventually(lambda: self.ask(key, f"/{session}").json()["segments"] > 0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tmp = tmp_path_factory.mktemp("sessions")
    said = {
        "auth.on_loopback": True,
        "auth.keys": tmp / "keys.json",
        "auth.jwt_secret": SECRET,
        "auth.jwt_audiences": (AUDIENCE,),
        "auth.jwt_meeting_claim": "room",
        "auth.jwt_scopes": ("streams", "sessions"),
        "store.url": f"sqlite:///{tmp / 'transcripts.db'}",
    }
    settings = load([Flag(f"--{name}", name, value) for name, value in said.items()], environ={})
    with serving(settings, build_service(settings, build_store(settings))) as served:
        yield House(served, KeyFile(tmp / "keys.json"), tmp / "transcripts.db")


@pytest.fixture(scope="module")
def anna(house: House) -> str:
    return house.key()


@pytest.fixture(scope="module")
def heard(house: House, anna: str) -> str:
    """A session of Anna's."""
    return house.hear(anna)


@pytest.fixture(autouse=True)
def no_traceback(house: House) -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


def test_a_stream_is_a_session(house: House, anna: str, heard: str) -> None:
    told = house.ask(anna, f"/{heard}").json()
    assert set(told) == {
        "id", "object", "dialect", "owner", "group", "speaker", "model", "language", "began",
        "heard", "duration", "words", "segments",
    }  # fmt: skip
    assert (told["id"], told["object"], told["dialect"]) == (heard, "session", "stream")
    assert (told["owner"], told["group"], told["speaker"]) == (house.names[0], None, None)
    assert (told["model"], told["language"], told["words"]) == ("nano", "en", 6)
    assert told["began"] <= told["heard"]
    assert 5 < told["duration"] <= PCM.seconds + 1
    assert told in house.ask(anna).json()["data"]


def test_a_session_is_read_in_four_forms(house: House, anna: str, heard: str) -> None:
    def read(form: str) -> Any:
        response = house.ask(anna, f"/{heard}/transcript.{form}")
        assert response.status_code == 200, response.text
        return response

    assert read("txt").text == CLIP_TEXT
    assert read("txt").headers["content-type"] == "text/plain; charset=utf-8"
    assert read("srt").text.startswith("1\n00:00:00,")
    assert " --> " in read("srt").text
    assert read("vtt").text.startswith("WEBVTT\n\n00:00:00.")
    assert read("vtt").headers["content-type"] == "text/vtt; charset=utf-8"
    whole = read("json").json()
    assert (whole["text"], whole["language"]) == (CLIP_TEXT, "english")
    assert [word["word"] for word in whole["words"]] == CLIP_TEXT.split()
    assert " ".join(segment["text"] for segment in whole["segments"]) == CLIP_TEXT
    starts = [word["start"] for word in whole["words"]]
    assert starts == sorted(starts)
    assert whole["duration"] == house.ask(anna, f"/{heard}").json()["duration"]


def test_a_session_is_found_by_what_was_said(house: House, anna: str, heard: str) -> None:
    silent = house.open(anna)
    word = house.ask(anna, f"/{heard}/transcript.json").json()["words"][0]["word"]
    assert heard in house.ids(anna, q=word.upper())
    assert silent not in house.ids(anna, q=word)
    assert {heard, silent} <= set(house.ids(anna))
    for text in ("zebra", '"', "nine*", "' OR 1=1 --", "NEAR(", "\0"):
        assert heard not in house.ids(anna, q=f"{text} zebra")


def test_pages(house: House) -> None:
    ben = house.key()
    opened = [house.open(ben) for _ in range(5)]
    told, after = [], None
    for _ in range(3):
        page = house.ask(ben, limit=2, **({} if after is None else {"after": after})).json()
        assert page["object"] == "list"
        told += [session["id"] for session in page["data"]]
        after = page["after"]
        assert page["has_more"] == (after is not None)
    assert told == opened[::-1]
    assert after is None


def test_callers_see_their_own_alone(house: House, anna: str, heard: str) -> None:
    other = house.key()
    assert house.ids(other) == []
    assert house.ids(other, q="nine") == []
    for method, path in (
        ("GET", f"/{heard}"),
        ("GET", f"/{heard}/transcript.txt"),
        ("DELETE", f"/{heard}"),
    ):
        theirs = house.ask(other, path, method=method)
        nobodys = house.ask(other, path.replace(heard, "nothing"), method=method)
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert error_of(theirs)["code"] == "unknown_session"
        shown = error_of(theirs)["message"].replace(heard, "nothing")
        assert shown == error_of(nobodys)["message"]
    assert house.ask(anna, f"/{heard}").status_code == 200


@pytest.mark.parametrize("scopes", [["streams"], ["files"], ["models"]])
def test_it_takes_a_scope_of_its_own(house: House, scopes: list[str]) -> None:
    key = house.key(scopes=scopes)
    for method, path in (
        ("GET", ""),
        ("GET", "/a"),
        ("GET", "/a/transcript.txt"),
        ("DELETE", "/a"),
    ):
        response = house.ask(key, path, method=method)
        assert response.status_code == 403
        assert error_of(response)["code"] == "forbidden"


def test_a_secret_that_is_handed_on_reads_nothing(house: House, anna: str) -> None:
    headers = {"Authorization": f"Bearer {anna}"}
    path = "/v1/realtime/client_secrets"
    secret = httpx2.post(house.served.url + path, headers=headers, timeout=60).json()["value"]
    assert house.ask(secret).status_code == 403


def hold_meeting(house: House, token: str, meeting: str) -> None:
    """Two who say the clip, one after the other."""
    said = [jigasi(who, "en", piece) for who in "ab" for piece in cut()]
    headers = {"Authorization": f"Bearer {token}"}
    held = asyncio.run(
        hold(house.served, [*said, END], meeting=meeting, additional_headers=headers)
    )
    assert (held.text("a"), held.text("b")) == (CLIP_TEXT, CLIP_TEXT)


def test_a_meeting_is_a_group_of_sessions_for_those_who_may_join_it(house: House) -> None:
    """All tokens that one key signs are one caller by name; rooms keep them apart."""
    here, elsewhere = new_meeting(), new_meeting()
    mine, others, all_rooms = (
        signed(SECRET, claims(room=room), None, "HS256") for room in (here, elsewhere, "*")
    )
    hold_meeting(house, mine, here)
    spoken = house.ask(mine).json()["data"]
    assert sorted((one["group"], one["speaker"]) for one in spoken) == [(here, "a"), (here, "b")]
    assert house.ids(others) == house.ids(others, group=here) == []
    assert house.ids(mine, group=elsewhere) == []
    assert len(house.ids(all_rooms, group=here, q="nine two")) == 2
    session = spoken[0]["id"]
    assert "/" in session
    for address in (session, quote(session, safe="")):
        text = house.ask(mine, f"/{address}/transcript.txt")
        assert text.text == CLIP_TEXT
        assert house.ask(others, f"/{address}", method="DELETE").status_code == 404
    assert house.ask(mine, f"/{session}", method="DELETE").status_code == 200
    assert len(house.ids(mine)) == 1


def test_nothing_else_is_a_form_or_a_session(house: House, anna: str, heard: str) -> None:
    refused = house.ask(anna, f"/{heard}/transcript.docx")
    assert (refused.status_code, error_of(refused)["param"]) == (400, "format")
    assert house.ask(anna, "/no/such/session").status_code == 404
    assert house.ask(anna, "/" + quote("\0'\"", safe="")).status_code == 404
    assert house.ask(anna, "/" + "x" * 5_000).status_code == 404
    for params, param in (
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"after": -1}, "after"),
        ({"after": 2**63}, "after"),
        ({"q": "x" * 257}, "q"),
    ):
        response = house.ask(anna, **params)
        assert (response.status_code, error_of(response)["param"]) == (400, param), params
        assert error_of(response)["message"].startswith("expected ")


def test_a_session_is_deleted_with_its_words(house: House, anna: str) -> None:
    session = house.hear(anna)
    assert session in house.ids(anna, q="nine")
    gone = house.ask(anna, f"/{session}", method="DELETE")
    assert gone.json() == {"id": session, "object": "session.deleted", "deleted": True}
    assert session not in house.ids(anna)
    assert session not in house.ids(anna, q="nine")
    for method, path in (
        ("GET", f"/{session}"),
        ("GET", f"/{session}/transcript.txt"),
        ("DELETE", f"/{session}"),
    ):
        assert house.ask(anna, path, method=method).status_code == 404


def test_the_file_keeps_it_when_the_server_is_gone(house: House, anna: str, heard: str) -> None:
    async def read() -> str:
        store = SqlStore(f"sqlite:///{house.file}")
        await store.open()
        segments = await store.segments(heard)
        await store.close()
        return " ".join(segment.text for segment in segments if segment.words)

    assert asyncio.run(read()) == CLIP_TEXT


def test_without_keys_everybody_sees_all(server: Served) -> None:
    heard = asyncio.run(listen(server.stream, PCM))
    (ready,) = heard.of("ready")
    listed = httpx2.get(server.url + PATH, timeout=60).json()["data"]
    (session,) = [one for one in listed if one["id"] == ready["session"]]
    assert session["owner"] is None
    text = httpx2.get(f"{server.url}{PATH}/{session['id']}/transcript.txt", timeout=60).text
    assert text == CLIP_TEXT

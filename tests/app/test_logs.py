from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sotto.app import logs
from sotto.app.setting_observing import LogSettings
from sotto.errors import EngineFailed
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.about import telling_of
from tests.listening import listen
from tests.server_process import server_process
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

WORDS = re.compile(rf"\b({'|'.join(CLIP_TEXT.split())})\b")
WRONG = "a-key-that-nobody-has"


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_json_lines_name_the_stream_and_hide_keys_and_words(tmp_path: Path) -> None:
    key = new_key()
    KeyFile(tmp_path / "keys.json").add(Key(name="anna", sha256=digest(key)))
    with server_process(
        SOTTO_LOG__FORMAT="json",
        SOTTO_LOG__LEVEL="debug",
        SOTTO_AUTH__ON_LOOPBACK="1",
        SOTTO_AUTH__KEYS=str(tmp_path / "keys.json"),
        SOTTO_STORE__URL=f"sqlite:///{tmp_path}/transcripts.db",
    ) as server:
        place = f"127.0.0.1:{server.port}"
        heard = asyncio.run(listen(f"ws://{place}/stream?access_token={key}", pcm_s16le(CLIP)))
        assert heard.text == CLIP_TEXT
        assert status(f"http://{place}/v1/models?api_key={key}&limit=3") == 200
        assert status(f"http://{place}/v1/models?token={WRONG}") == 401
        assert status(f"http://{place}/v1/models?key={key}") == 401
    assert server.returncode == 0
    text = "\n".join(server.lines)
    assert key not in text
    assert WRONG not in text
    lines: list[dict[str, Any]] = [json.loads(line) for line in server.lines]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    said = [line for line in lines if not line["message"].startswith("self-check")]
    assert not [line for line in said if WORDS.search(json.dumps(line))]
    check_uvicorns(lines)
    check_the_end(lines, heard.of("ready")[0]["session"])


def check_uvicorns(lines: list[dict[str, Any]]) -> None:
    access = [line for line in lines if line["logger"].startswith("uvicorn")]
    assert "/stream?access_token=***" in json.dumps(access)
    (models,) = (line for line in access if "api_key" in line["message"])
    assert "/v1/models?api_key=***&limit=3" in models["message"]
    assert models["owner"] == "anna"
    (refused,) = (line for line in access if "token=***" in line["message"] and "401" in str(line))
    assert "owner" not in refused


def check_the_end(lines: list[dict[str, Any]], session: str) -> None:
    (end,) = (line for line in lines if "the stream ended" in line["message"])
    told = {name: end[name] for name in ("session", "dialect", "model", "owner", "reason")}
    assert told == {
        "session": session,
        "dialect": "stream",
        "model": "nano",
        "owner": "anna",
        "reason": "finished",
    }
    assert end["level"] == "info"
    assert end["seconds"] == pytest.approx(pcm_s16le(CLIP).seconds, abs=0.1)
    assert (end["utterances"], end["words"]) == (4, 6)
    assert 0 < end["lag_p95"] < end["seconds"]
    assert "code" not in end


def test_finals_are_told_where_somebody_asked_for_them_and_broken_streams_by_their_code() -> None:
    with server_process(SOTTO_LOG__TRANSCRIPTS="1") as server:
        url = f"ws://127.0.0.1:{server.port}/stream"
        asyncio.run(listen(url, pcm_s16le(CLIP)))
        asyncio.run(listen(url, pcm_s16le(CLIP), config={"encoding": "webm"}))
    finals = [line for line in server.lines if "sotto.runtime.account: heard: " in line]
    told = [line.partition("heard: ")[2].partition(" [")[0] for line in finals]
    assert " ".join(told) == CLIP_TEXT
    assert all(re.search(r" \[session=\S+ dialect=stream model=nano\]$", line) for line in finals)
    ends = [line for line in server.lines if "the stream ended" in line]
    assert [re.search(r"ended \((\w+)\)", line)[1] for line in ends] == ["finished", "bad_audio"]  # type: ignore[index]


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What a log says; whatever was set of logging before holds again afterwards."""
    root = logging.getLogger()
    names = ["", "sotto", *logs.LEVELS]
    before = {name: logging.getLogger(name).level for name in names}
    handlers = root.handlers[:]
    root.handlers[:] = []
    yield io.StringIO()
    root.handlers[:] = handlers
    logging.captureWarnings(capture=False)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_an_error_tells_its_code_and_a_line_stays_one(out: io.StringIO) -> None:
    logs.configure(LogSettings(format="json"), out)
    try:
        raise EngineFailed("no memory")
    except EngineFailed:
        logging.getLogger("sotto.x").exception("it broke:\n%s", "and\nhow")
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert (said["code"], said["level"], said["logger"]) == ("engine_failed", "error", "sotto.x")
    assert said["message"] == "it broke:\nand\nhow"
    assert said["traceback"].endswith("EngineFailed: no memory")


def test_no_client_begins_a_line_of_its_own(out: io.StringIO) -> None:
    logs.configure(LogSettings(), out)
    with telling_of(session="s\nERROR sotto: hacked", owner="anna"):
        logging.getLogger("sotto.x").warning("%s", "a\r\nERROR \x1b[31mb\x85")
    assert out.getvalue() == (
        "WARNING sotto.x: a\\x0d\\x0aERROR \\x1b[31mb\\x85"
        " [session=s\\x0aERROR sotto: hacked owner=anna]\n"
    )


def test_libraries_never_say_what_they_would_at_debug(out: io.StringIO) -> None:
    logs.configure(LogSettings(level="debug"), out)
    assert logging.getLogger("sotto.runtime").isEnabledFor(logging.DEBUG)
    for name in ("aiosqlite", "uvicorn.error", "websockets.server", "asyncio", "httpx"):
        assert not logging.getLogger(name).isEnabledFor(logging.DEBUG), name


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("GET /v1/models?key=abc HTTP/1.1", "GET /v1/models?key=*** HTTP/1.1"),
        ('"/x?a=1&Access_Token=a%20b&c=2"', '"/x?a=1&Access_Token=***&c=2"'),
        ("/x?access%5Ftoken=abc", "/x?access%5Ftoken=***"),
        ("/v1/sessions?q=dear+diary&limit=3", "/v1/sessions?q=***&limit=3"),
        ("/x?model=nano&language=en", "/x?model=nano&language=en"),
        ("postgresql://me:word@host/db", "postgresql://***@host/db"),
        ("Authorization: Bearer abcdefgh.ij", "Authorization: Bearer ***"),
        ("got sk-sotto-abcdefgh_1-2, once", "got ***, once"),
        ("the token eyJhbGciOi.eyJzdWIi.c2ln is bad", "the token *** is bad"),
        ("a key or a signed token is asked for", "a key or a signed token is asked for"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: str, hidden: str) -> None:
    assert logs.redacted(line) == hidden


def test_a_long_line_is_no_work_to_look_through() -> None:
    assert logs.redacted("?" * 200_000) == "?" * 200_000
    assert logs.redacted("&key" * 50_000) == "&key" * 50_000

"""The released `openai` package, newest and a year old, against the real server."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.access import Scope
from tests.conformance.clients import NEWEST_AND_OLDER, OLDER, Client
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT

DOCS = Path(__file__).parents[2] / "docs" / "dialects" / "openai-rest.md"
CALLS = Path(__file__).with_name("openai_rest_calls.py")
HEARD = [
    *("json", "logprobs", "all fields", "text", "srt", "vtt"),
    *("verbose", "verbose words", "verbose both", "stream", "stream logprobs", "stream async"),
    *("models", "model", "no such model to show", "no such model", "no such model, streamed"),
    *("bad format", "granularities of json", "empty file", "no sound", "no sound, streamed"),
    "translation",
]
Told = dict[str, Any]


def ask(client: Client, server: Served, *names: str) -> Told:
    return client.run(CALLS, server.url, str(CLIP), *names)


@pytest.fixture(scope="module", params=NEWEST_AND_OLDER)
def sdk(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


@pytest.fixture(scope="module")
def told(sdk: Client, server: Served) -> Told:
    """What each call gave, once for each version."""
    return ask(sdk, server, *HEARD)


def test_the_versions_are_what_they_say(sdk: Client, told: Told) -> None:
    numbers = [int(part) for part in told["version"].split(".")]
    assert (told["version"] == OLDER) == (sdk.version == OLDER)
    assert numbers >= [int(part) for part in OLDER.split(".")]


@pytest.mark.parametrize("call", ["json", "logprobs", "all fields"])
def test_json(told: Told, call: str) -> None:
    answer = told[call]
    assert (answer["class"], answer["text"]) == ("Transcription", CLIP_TEXT)
    assert answer["usage"] == {"type": "duration", "seconds": pytest.approx(7.37, abs=0.02)}
    assert ("logprobs" in answer) == (call == "logprobs")


def test_logprobs_spell_the_text(told: Told) -> None:
    deltas = [event for event in told["stream logprobs"] if "delta" in event]
    of_deltas = [entry for event in deltas for entry in event["logprobs"]]
    (done,) = told["stream logprobs"][len(deltas) :]
    assert of_deltas == done["logprobs"] == told["logprobs"]["logprobs"]
    assert "".join(entry["token"] for entry in of_deltas) == CLIP_TEXT
    for entry in of_deltas:
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert 0.3 < math.exp(entry["logprob"]) <= 1


def test_text_and_captions(told: Told) -> None:
    assert told["text"].strip() == CLIP_TEXT
    assert told["srt"].startswith("1\n00:00:0")
    assert told["vtt"].startswith("WEBVTT\n\n00:00:0")
    for captions in (told["srt"], told["vtt"]):
        spoken = re.findall(r"-->.*\n(.+)\n\n", captions)
        assert " ".join(spoken) == CLIP_TEXT


def test_verbose_json_has_times(told: Told) -> None:
    plain, words, both = told["verbose"], told["verbose words"], told["verbose both"]
    for answer in (plain, words, both):
        assert (answer["class"], answer["text"]) == ("TranscriptionVerbose", CLIP_TEXT)
        assert answer["language"] == "english"
        assert answer["duration"] == pytest.approx(7.37, abs=0.02)
        assert answer["usage"] == {"type": "duration", "seconds": answer["duration"]}
    assert "words" not in plain
    assert "segments" not in words
    assert both["segments"] == plain["segments"]
    assert both["words"] == words["words"]
    assert " ".join(segment["text"] for segment in plain["segments"]) == CLIP_TEXT
    assert [word["word"] for word in both["words"]] == CLIP_TEXT.split()
    first, last = both["words"][0], both["words"][-1]
    assert (first["word"], last["word"]) == ("nine", "one")
    assert 0 <= first["start"] < first["end"] < 1.5
    assert 5.5 < last["start"] < last["end"] < 7.37
    assert all(a["end"] <= b["start"] for a, b in pairwise(both["words"]))


@pytest.mark.parametrize("call", ["stream", "stream logprobs", "stream async"])
def test_a_stream_ends_with_all_of_the_text(told: Told, call: str) -> None:
    *deltas, done = told[call]
    assert len(deltas) > 1
    assert {event["class"] for event in deltas} == {"TranscriptionTextDeltaEvent"}
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert "".join(event["delta"] for event in deltas) == CLIP_TEXT
    assert done["class"] == "TranscriptionTextDoneEvent"
    assert (done["type"], done["text"]) == ("transcript.text.done", CLIP_TEXT)
    usage = done["usage"]
    assert usage["input_tokens"] == pytest.approx(7.37 * 50, abs=1)
    assert usage["output_tokens"] >= len(CLIP_TEXT.split())
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_models(told: Told) -> None:
    (nano,) = told["models"]
    assert (nano["class"], nano["id"], nano["object"]) == ("Model", "nano", "model")
    assert told["model"] == nano


REFUSALS = [
    ("no such model", "NotFoundError", 404, "model", "unknown_model"),
    ("no such model, streamed", "NotFoundError", 404, "model", "unknown_model"),
    ("no such model to show", "NotFoundError", 404, "model", "unknown_model"),
    ("bad format", "BadRequestError", 400, "response_format", "bad_option"),
    ("granularities of json", "BadRequestError", 400, "timestamp_granularities[]", "bad_option"),
    ("empty file", "BadRequestError", 400, None, "bad_audio"),
    ("no sound", "BadRequestError", 400, None, "bad_audio"),
    ("no sound, streamed", "BadRequestError", 400, None, "bad_audio"),
    ("translation", "BadRequestError", 400, "task", "bad_option"),
]


@pytest.mark.parametrize(("call", "kind", "status", "param", "code"), REFUSALS)
def test_a_refusal_is_the_packages_own_error(
    told: Told, call: str, kind: str, status: int, param: str | None, code: str
) -> None:
    error = told[call]
    assert (error["error"], error["status"]) == (kind, status)
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert "expected " in error["message"]


@dataclass(frozen=True)
class Guarded:
    """A server that asks for keys and takes no files, and its keys."""

    server: Served
    keys: dict[str, str]
    """By their names; `unknown` is none of them."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    keys = {name: new_key() for name in ("good", "narrow", "busy", "unknown")}
    held = [
        Key(name="good", sha256=digest(keys["good"])),
        Key(name="narrow", sha256=digest(keys["narrow"]), scopes=frozenset({Scope.MODELS})),
        Key(name="busy", sha256=digest(keys["busy"]), rate=1),
    ]
    for key in held:
        KeyFile(path).add(key)
    flags = [
        Flag("--on-loopback", "auth.on_loopback", True),
        Flag("--keys", "auth.keys", path),
    ]
    with serving(load(flags, environ={})) as server:
        server.service.limits = replace(server.service.limits, max_files=0)
        yield Guarded(server, keys)


TURNED_AWAY = [
    ("unknown", "AuthenticationError", 401, "authentication_error", "unauthorized"),
    ("narrow", "PermissionDeniedError", 403, "permission_error", "forbidden"),
    ("busy", "RateLimitError", 429, "rate_limit_error", "rate_limited"),
    ("good", "InternalServerError", 503, "server_error", "overloaded"),
]


def test_who_is_turned_away_is_told_why(sdk: Client, guarded: Guarded) -> None:
    keys = guarded.keys
    first = [f"models@{keys['narrow']}", f"model@{keys['busy']}"]
    calls = [f"{call}@{keys[row[0]]}" for row in TURNED_AWAY for call in ("json", "stream")]
    told = ask(sdk, guarded.server, *first, *calls)
    assert told[first[0]][0]["id"] == "nano"
    for name, kind, status, type_, code in TURNED_AWAY:
        for call in ("json", "stream"):
            error = told[f"{call}@{keys[name]}"]
            assert (error["error"], error["status"]) == (kind, status)
            assert (error["type"], error["code"]) == (type_, code)


def test_the_example_of_the_docs_runs(server: Served, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "talk.mp3").write_bytes(CLIP.read_bytes())
    program = example.replace("http://localhost:8000", server.url)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == (CLIP_TEXT, 0), ran.stderr

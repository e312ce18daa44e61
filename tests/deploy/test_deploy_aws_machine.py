"""The scripts of a machine of deploy/aws, run: against what stands for AWS, and the real server."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from websockets.sync.client import connect

from sotto.app.settings import load
from tests.asking import eventually
from tests.deploy.files import DEPLOY
from tests.serving import Served

INSTANCE = DEPLOY / "aws" / "instance"
TOOL = """#!/bin/sh
printf '%s %s\\n' "$(basename "$0")" "$*" >>"$CALLS"
case "$*" in
*get-secret-value*--secret-id\\ store*) echo 'postgresql://sotto:p%40ss@db/sotto' ;;
*get-secret-value*) echo '{"keys": []}' ;;
*"$FAILS"*) exit 1 ;;
esac
"""
"""Notes how it is called; answers as `aws secretsmanager` does; fails where it is told to."""


@dataclass
class Metadata:
    """What a machine is told of itself."""

    url: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    """Path → text; paths that are not here are answered with 404, as the real one does."""
    asked: list[str] = field(default_factory=list)


@contextmanager
def telling() -> Iterator[Metadata]:
    """A service that wants a token first, as IMDSv2."""
    told = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer("a-token" if self.path == "/latest/api/token" else None)

        def do_GET(self) -> None:
            path = self.path.removeprefix("/latest/meta-data/")
            told.asked.append(path)
            known = self.headers.get("X-aws-ec2-metadata-token") == "a-token"
            self._answer(told.texts.get(path) if known else None)

        def _answer(self, text: str | None) -> None:
            self.send_response(404 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_: object) -> None:
            """Not a word."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Machine:
    """A folder of tools that only note that they are called."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def start(self, name: str, **variables: str) -> subprocess.Popen[bytes]:
        environ = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "FAILS": "nothing of the kind",
            "STACK": "sotto-fleet",
            "TARGETS": "arn:targets",
            "INSTANCE": "i-1",
            "PAUSE": "0.05",
        }
        return subprocess.Popen([INSTANCE / f"{name}.sh"], env=environ | variables)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for tool in ("aws", "systemctl"):
        (tmp_path / tool).write_text(TOOL)
        (tmp_path / tool).chmod(0o755)
    return Machine(tmp_path)


LEAVES = [
    "aws elbv2 deregister-targets --target-group-arn arn:targets --targets Id=i-1",
    "systemctl stop sotto.service",
    "aws autoscaling complete-lifecycle-action --auto-scaling-group-name sotto-fleet "
    "--lifecycle-hook-name leave --instance-id i-1 --lifecycle-action-result CONTINUE",
]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spot/instance-action", json.dumps({"action": "terminate"})),
        ("autoscaling/target-lifecycle-state", "Terminated"),
    ],
)
def test_it_leaves_in_order_when_it_is_told_to(machine: Machine, path: str, text: str) -> None:
    with telling() as told:
        told.texts["autoscaling/target-lifecycle-state"] = "InService"
        leaving = machine.start("leave", METADATA=told.url)
        eventually(lambda: told.asked.count("autoscaling/target-lifecycle-state") > 2)
        assert leaving.poll() is None
        assert machine.calls == []
        told.texts[path] = text
        assert leaving.wait(60) == 0
    assert machine.calls == LEAVES


@pytest.mark.parametrize("fails", ["deregister-targets", "complete-lifecycle-action"])
def test_it_stops_the_server_whatever_aws_says(machine: Machine, fails: str) -> None:
    with telling() as told:
        told.texts["spot/instance-action"] = "{}"
        assert machine.start("leave", METADATA=told.url, FAILS=fails).wait(60) == 0
    assert machine.calls == LEAVES


def test_it_stays_while_nobody_answers(machine: Machine) -> None:
    with telling() as told:
        leaving = machine.start("leave", METADATA=told.url)  # each path is a 404
        eventually(lambda: len(told.asked) > 4)
        assert leaving.poll() is None
    leaving.kill()
    leaving.wait()
    assert machine.calls == []


def test_it_tells_how_many_streams_are_open(machine: Machine, server: Served) -> None:
    def told() -> str:
        assert machine.start("report", SERVER=server.url, ONCE="1").wait(60) == 0
        return machine.calls[-1]

    with connect(server.stream) as one, connect(server.stream) as two:
        for socket in (one, two):
            socket.send("{}")
            assert json.loads(socket.recv())["type"] == "ready"
        assert told() == (
            "aws cloudwatch put-metric-data --namespace Sotto --metric-name Sessions --unit Count "
            "--dimensions AutoScalingGroupName=sotto-fleet --value 2"
        )
    eventually(lambda: told().endswith(" --value 0"))


def test_it_tells_nothing_where_the_server_does_not_answer(machine: Machine) -> None:
    ran = machine.start("report", SERVER="http://127.0.0.1:9", ONCE="1")
    assert ran.wait(60) == 0
    assert machine.calls == []


def begin(machine: Machine, server: str) -> int:
    settings = machine.folder / "etc"
    settings.mkdir()
    (settings / "sotto-aws.env").write_text(
        "STACK=sotto-fleet\nTARGETS=arn:targets\nSTORE_SECRET=store\nKEYS_SECRET=keys\n"
        "MODELS=turbo,nano\nPROXIES=10.42.0.0/16\n"
    )
    with telling() as told:
        told.texts["instance-id"] = "i-7"
        begun = machine.start(
            "begin", METADATA=told.url, SETTINGS=str(settings), SERVER=server, TRIES="3"
        )
        return begun.wait(60)


SIGNAL = (
    "aws cloudformation signal-resource --stack-name sotto-fleet --logical-resource-id Group "
    "--unique-id i-7 --status "
)


def test_it_begins_with_its_secrets_and_says_when_it_is_ready(
    machine: Machine, server: Served
) -> None:
    assert begin(machine, server.url) == 0
    written = machine.folder / "etc" / "sotto.env"
    said = dict(line.split("=", 1) for line in written.read_text().splitlines())
    settings = load(environ=said)
    assert settings.models.names == ("turbo", "nano")
    assert settings.store.url == "postgresql://sotto:p%40ss@db/sotto"
    assert settings.server.proxies == ("10.42.0.0/16",)
    keys = machine.folder / "etc" / "sotto" / "keys.json"
    assert json.loads(keys.read_text()) == {"keys": []}
    assert [path.stat().st_mode & 0o077 for path in (written, keys)] == [0, 0]
    assert "INSTANCE=i-7\n" in (machine.folder / "etc" / "sotto-aws.env").read_text()
    assert machine.calls[-2:] == [
        "systemctl enable --now sotto.service sotto-leave.service sotto-report.service",
        SIGNAL + "SUCCESS",
    ]


def test_it_says_that_no_model_came(machine: Machine) -> None:
    assert begin(machine, "http://127.0.0.1:9") == 1
    assert machine.calls[-1] == SIGNAL + "FAILURE"
    assert SIGNAL + "SUCCESS" not in machine.calls

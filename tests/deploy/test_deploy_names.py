"""Every variable, port, route, metric and label that deploy/ names is one of the code."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.request import urlopen

import pytest

from sotto.app.server import HARD_STOP
from sotto.app.setting_sources import _ALIASES, CONFIG_VARIABLE
from sotto.app.settings import keys, load, variable
from sotto.app.stopping import LAST_SECONDS
from sotto.errors import SottoError
from sotto.interfaces.engine import Priority
from tests.deploy.files import DEPLOY, PAGE, document, instructions, texts
from tests.serving import Served

VARIABLE = re.compile(r"\bSOTTO_[A-Z0-9_]+")
ROUTE = re.compile(r"(?:https?://[^\s/'\"]+|\+ ')(/[a-z][\w/.-]*)")
SERVER = load(environ={}).server
STOPPED = SERVER.drain_seconds + SERVER.stop_seconds + LAST_SECONDS + HARD_STOP
"""Seconds after which the server has ended, whatever holds it."""


@pytest.mark.parametrize(
    ("path", "text"), list(texts()), ids=lambda value: getattr(value, "name", "")
)
def test_every_variable_is_one_of_the_settings(path: Path, text: str) -> None:
    known = {variable(key) for key in keys()} | {*_ALIASES, CONFIG_VARIABLE}
    assert set(VARIABLE.findall(text)) - known == set()


def test_variables_are_named_at_all() -> None:
    named = {name for _, text in texts() for name in VARIABLE.findall(text)}
    assert {"SOTTO_SERVER__HOST", "SOTTO_ENGINE__DEVICE", "SOTTO_MODELS__NAMES"} <= named


def test_every_server_is_asked_at_its_port() -> None:
    port = str(SERVER.port)
    assert ("EXPOSE", port) in instructions("cpu")
    for name in ("upstream.conf", "upstream.compose.conf"):
        (host,) = re.findall(r"server (\S+);", (DEPLOY / "nginx" / name).read_text())
        assert host.rpartition(":")[2] == port
    (job,) = document("prometheus", "prometheus.yml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"sotto:{port}"]}]
    unit = (DEPLOY / "systemd/sotto.service").read_text()
    assert f"Environment=SOTTO_SERVER__PORT={port}\n" in unit


def test_every_route_is_one_of_the_server(server: Served) -> None:
    (job,) = document("prometheus", "prometheus.yml")["scrape_configs"]
    named = {job["metrics_path"]}
    for name in ("docker/Dockerfile", "compose.yaml", "nginx/sotto.conf"):
        named |= set(ROUTE.findall((DEPLOY / name).read_text()))
    named |= set(re.findall(r"location (?:= )?(/\S*)", (DEPLOY / "nginx/sotto.conf").read_text()))
    assert {"/metrics", "/health", "/"} <= named
    for route in named - {"/v1"}:  # of the language model
        with urlopen(server.url + route) as answer:
            assert answer.status == 200


def test_the_proxy_bounds_what_the_server_bounds() -> None:
    conf = (DEPLOY / "nginx/sotto.conf").read_text()
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", conf)
    assert int(limit) * 1024**2 == SERVER.max_upload_bytes
    waits = re.findall(r"proxy_(?:read|send)_timeout (\d+)h;", conf)
    assert [int(hours) * 3600 for hours in waits] == [SERVER.max_file_seconds] * 2


def test_whoever_stops_the_server_lets_it_stop_by_itself() -> None:
    (unit,) = re.findall(r"^TimeoutStopSec=(\d+)$", _text("systemd/sotto.service"), re.MULTILINE)
    assert int(unit) > STOPPED
    grace = document("compose.yaml")["services"]["sotto"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > STOPPED


@pytest.mark.parametrize("name", ["prometheus/sotto.rules.yml", "grafana/dashboards/sotto.json"])
def test_every_value_of_a_label_is_one_that_the_server_gives(name: str) -> None:
    leaves: list[type[SottoError]] = [SottoError]
    for kind in leaves:
        leaves += kind.__subclasses__()
    text = _text(name).replace('\\"', '"')
    for code in re.findall(r'code=~?"([^"]+)"', text):
        assert set(code.split("|")) <= {kind.code for kind in leaves}
    for priority in re.findall(r'priority="([^"]+)"', text):
        assert priority in {member.name.lower() for member in Priority}
    for outcome in re.findall(r'outcome="([^"]+)"', text):
        assert outcome in {"done", "withdrawn", "failed"}


def test_the_page_names_every_folder() -> None:
    page = PAGE.read_text()
    for part in ("docker", "nginx", "systemd", "prometheus", "grafana", "compose.yaml"):
        assert f"deploy/{part}" in page


def _text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")

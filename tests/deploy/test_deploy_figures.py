"""Prometheus' rules and Grafana's dashboard: of metrics that exist, and each shows something."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from websockets.sync.client import connect

from tests.asking import TRANSCRIPTIONS, eventually, transcribe
from tests.deploy.files import (
    DEPLOY,
    METRIC,
    asked,
    dashboard,
    document,
    free_port,
    panels,
    program,
    rules,
    samples,
)
from tests.serving import Served
from tests.speech import CLIP, pcm_s16le

PROMETHEUS = DEPLOY / "prometheus"
needs_promtool = pytest.mark.skipif(
    program("promtool") is None, reason="expected promtool, it is absent"
)
needs_prometheus = pytest.mark.skipif(
    program("prometheus") is None, reason="expected prometheus, it is absent"
)


def promtool(*arguments: object, cwd: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    command = [program("promtool") or "", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [e for panel in panels() for e in asked(panel)]


def test_the_series_are_those_that_the_server_shows(server: Served) -> None:
    shown = set(METRIC.findall(httpx2.get(f"{server.url}/metrics").text))
    told = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in samples()}
    assert told <= {re.sub(r"_total$", "", name) for name in shown}


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_exists_with_the_labels_that_it_is_asked_for(expression: str) -> None:
    known = samples()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    bare = re.sub(
        r"\bsotto(:\w+)+", lambda name: "" if name[0] in recorded else name[0], expression
    )
    assert "sotto:" not in bare
    for name, matchers in re.findall(r"\b(sotto_\w+)(?:\{([^}]*)\})?", bare):
        assert name in known
        labels = set(re.findall(r"(\w+)=~?\"", matchers))
        assert labels <= {*known[name], "job", "instance"}
    named = {label for name in METRIC.findall(bare) for label in known[name]}
    for group in re.findall(r"\bby \(([^)]*)\)", bare):
        assert set(group.split(", ")) <= named | {"job", "instance"}


def test_the_dashboard_shows_each_metric_and_each_panel_has_its_place() -> None:
    told = " ".join(expression for panel in panels() for expression in asked(panel))
    for name in samples():
        if not name.endswith(("_bucket", "_sum", "_count")):
            assert name in told
    for family in ("commit_lag_audio_seconds", "batch_size", "decode_seconds", "queue_seconds"):
        assert f"sotto_{family}_bucket" in told
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_what_provides_the_dashboard_finds_it() -> None:
    (provider,) = document("grafana", "provisioning", "dashboards", "sotto.yaml")["providers"]
    mounts = document("compose.yaml")["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
    (source,) = document("grafana", "provisioning", "datasources", "prometheus.yaml")["datasources"]
    default = dashboard()["templating"]["list"][0]["current"]["value"]
    assert (source["uid"], source["type"]) == (default, "prometheus")


@needs_promtool
def test_prometheus_finds_no_fault() -> None:
    ran = promtool("check", "config", "prometheus.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "sotto.rules.yml" in ran.stdout


@needs_promtool
def test_the_alerts_fire_when_they_should_and_not_before() -> None:
    ran = promtool("test", "rules", "sotto.rules.test.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_is_tested_both_ways() -> None:
    tests = document("prometheus", "sotto.rules.test.yml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for alert in [rule["alert"] for rule in rules() if "alert" in rule]:
        fired = {bool(case.get("exp_alerts")) for case in cases if case["alertname"] == alert}
        assert fired == {True, False}, alert


@needs_promtool
def test_every_expression_of_the_dashboard_is_understood(tmp_path: Path) -> None:
    told = [expression for panel in panels() for expression in asked(panel)]
    group = {
        "name": "panels",
        "rules": [{"record": f"p{n}", "expr": expr} for n, expr in enumerate(told)],
    }
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [group]}))
    ran = promtool("check", "rules", "panels.yml", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(told)} rules found" in ran.stdout


@pytest.fixture(scope="module")
def prometheus(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A real Prometheus that asks the server each quarter of a second, by the shipped files."""
    folder = tmp_path_factory.mktemp("prometheus")
    config: dict[str, Any] = document("prometheus", "prometheus.yml")
    config["global"] = {"scrape_interval": "250ms", "evaluation_interval": "250ms"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [server.host]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "sotto.rules.yml").write_text((PROMETHEUS / "sotto.rules.yml").read_text())
    port = free_port()
    process = subprocess.Popen(
        [
            program("prometheus") or "",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            eventually(lambda: process.poll() is not None or bool(values(client, "up == 1")))
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def values(client: httpx2.Client, expression: str) -> list[dict[str, Any]]:
    """What Prometheus answers; nothing while it starts."""
    with suppress(httpx2.TransportError):
        answer = client.get("/api/v1/query", params={"query": expression})
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["data"]["result"]
            return found
    return []


def speak(server: Served) -> None:
    """A stream with partials, a file, and a fault."""
    clip = pcm_s16le(CLIP)
    with connect(server.stream) as socket:
        socket.send(json.dumps({"sample_rate": clip.rate}))
        for at in range(0, len(clip.data), 16_000):
            socket.send(clip.data[at : at + 16_000])
        socket.send('{"type": "finish"}')
        for _ in socket:
            pass
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        assert transcribe(client).status_code == 200
        nothing = {"file": ("none", b"Dear Sir or Madam")}
        assert client.post(TRANSCRIPTIONS, files=nothing).status_code == 400


def converse(server: Served) -> None:
    """A question aloud, and its answer to the end."""
    clip = pcm_s16le(CLIP)
    sound = clip.data + bytes(4 * clip.rate)
    form = {"type": "audio/pcm", "rate": clip.rate}
    with connect(f"ws://{server.host}/v1/realtime", max_size=None) as socket:
        session = {"type": "realtime", "audio": {"input": {"format": form}}}
        socket.send(json.dumps({"type": "session.update", "session": session}))
        for at in range(0, len(sound), 16_000):
            audio = base64.b64encode(sound[at : at + 16_000]).decode()
            socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        while True:
            event = json.loads(socket.recv(timeout=60))
            if event["type"] == "response.done" and event["response"]["status"] == "completed":
                return


@needs_prometheus
def test_every_panel_shows_something(prometheus: httpx2.Client, server: Served) -> None:
    """Counters that begin with the first speech have no rate before the second."""
    speak(server)
    converse(server)
    eventually(lambda: bool(values(prometheus, 'sotto_errors_total{code="bad_audio"}')))
    eventually(lambda: bool(values(prometheus, 'sotto_jobs_total{priority="final"}')))
    eventually(lambda: bool(values(prometheus, 'sotto_answers_total{ending="completed"}')))
    speak(server)
    converse(server)
    for panel in panels():
        for expression in asked(panel):
            if not expression.startswith("ALERTS"):
                eventually(lambda e=expression: _numbers(values(prometheus, e)))
    heard = 'increase(sotto_audio_seconds_total{kind="live"}[5m])'
    eventually(lambda: any(float(row["value"][1]) > 5 for row in values(prometheus, heard)))
    assert values(prometheus, "sotto:commit_lag_audio_seconds:p95")
    assert values(prometheus, 'ALERTS{alertstate="firing"}') == []


def _numbers(rows: list[dict[str, Any]]) -> bool:
    return any(row["value"][1] != "NaN" for row in rows)

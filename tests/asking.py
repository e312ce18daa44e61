"""Requests over HTTP, for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.speech import CLIP

TRANSCRIPTIONS = "/v1/audio/transcriptions"


def transcribe(client: httpx2.Client) -> httpx2.Response:
    return client.post(TRANSCRIPTIONS, files={"file": ("clip", CLIP.read_bytes())})


def error_of(response: httpx2.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/json"
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in response.text
    return error


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fail where it does not within a minute."""
    waiting = threading.Event()
    for _ in range(6_000):
        if condition():
            return
        waiting.wait(0.01)
    pytest.fail("it never came true")


def connect(host: str) -> socket.socket:
    name, port = host.split(":")
    return socket.create_connection((name, int(port)), timeout=60)


def answer_on(wire: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one response with a Content-Length."""
    with wire.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        headers = {}
        while line := lines.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, lines.read(int(headers["content-length"]))


def figures(client: httpx2.Client) -> dict[tuple[str, ...], float]:
    """Name and labels → value of each sample of /metrics."""
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export import SpanExportResult
from websockets.asyncio.client import connect

from sotto.app.settings import load
from sotto.errors import BadOption
from sotto.plugins.tracing.otel import Sender
from tests.server_process import server_process
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
WORDS = re.compile(rb"\b(" + "|".join(CLIP_TEXT.split()).encode() + rb")\b")


@dataclass
class Collector:
    """What is sent to it: paths and bodies."""

    address: str = ""
    refuses: bool = False
    sent: Queue[tuple[str, bytes]] = field(default_factory=Queue)


@pytest.fixture
def collector() -> Iterator[Collector]:
    here = Collector()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            here.sent.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(400 if here.refuses else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Take) as server:
        serving = threading.Thread(target=server.serve_forever, args=[0.02])
        serving.start()
        here.address = f"http://127.0.0.1:{server.server_port}"
        yield here
        server.shutdown()
        serving.join()


async def hear_clip(port: int) -> str:
    """What is heard in the clip that ships, for a client that traces too."""
    pcm = pcm_s16le(CLIP)
    headers = {"traceparent": CALLER}
    async with connect(f"ws://127.0.0.1:{port}/stream", additional_headers=headers) as line:
        await line.send(json.dumps({"sample_rate": pcm.rate}))
        await line.send(pcm.data)
        await line.send('{"type": "finish"}')
        events = [json.loads(message) async for message in line]
    return " ".join(event["text"] for event in events if event["type"] == "final")


def facts(attributes: list[KeyValue]) -> dict[str, object]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in attributes
    }


def test_a_collector_is_sent_what_it_can_read(collector: Collector) -> None:
    with server_process(SOTTO_TRACE__ENDPOINT=collector.address) as server:
        assert asyncio.run(hear_clip(server.port)) == CLIP_TEXT
    spans: list[Span] = []
    while not collector.sent.empty():
        path, body = collector.sent.get()
        assert path == "/v1/traces"
        assert not WORDS.search(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            assert facts(list(resource.resource.attributes))["service.name"] == "sotto"
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    roots = [span for span in spans if span.name == "utterance"]
    assert [facts(list(root.attributes))["sotto.utterance"] for root in roots] == [0, 1, 2, 3]
    for root in roots:
        told = facts(list(root.attributes))
        assert (told["sotto.dialect"], told["sotto.model"]) == ("stream", "nano")
        assert told["sotto.request.trace_id"] == CALLER[3:35]
        assert [link.span_id.hex() for link in root.links] == [CALLER[36:52]]
        mine = {span.name for span in spans if span.trace_id == root.trace_id}
        assert {"door", "look", "queue", "decode", "commit", "store"} <= mine


def test_a_collector_that_never_answers_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with server_process(SOTTO_TRACE__ENDPOINT=endpoint) as server:
            assert asyncio.run(hear_clip(server.port)) == CLIP_TEXT
    assert server.returncode == 0
    assert [line for line in server.lines if "Traceback" in line] == []


def test_a_collector_that_refuses_is_said_once(
    caplog: pytest.LogCaptureFixture, collector: Collector
) -> None:
    collector.refuses = True
    endpoint = f"{collector.address}/v1/traces"
    sender = Sender(OTLPSpanExporter(endpoint), endpoint)
    with caplog.at_level(logging.INFO, "sotto"):
        assert [sender.export([]), sender.export([])] == 2 * [SpanExportResult.FAILURE]
        collector.refuses = False
        assert [sender.export([]), sender.export([])] == 2 * [SpanExportResult.SUCCESS]
    said = [record.message for record in caplog.records if record.name.startswith("sotto")]
    assert said == [
        f"{endpoint} takes no traces: they are lost until it does",
        f"{endpoint} takes traces again",
    ]


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://me:pw@host"])
def test_an_address_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(BadOption, match=r"expected trace\.endpoint to be an address as http"):
        load(environ={"SOTTO_TRACE__ENDPOINT": endpoint})

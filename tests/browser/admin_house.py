"""A server for the admin page, whose models stand in every way that models can."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

import httpx2
from websockets.sync.client import ClientConnection, connect

from sotto.app.build import build_service
from sotto.app.engines import load_engine
from sotto.app.settings import load
from sotto.clock import SystemClock
from sotto.errors import ModelUnavailable
from sotto.runtime.batcher import Batcher, Recognizer, Ticket
from sotto.runtime.models import ModelPool, ModelSpec
from sotto.runtime.schedule import Schedule
from tests.asking import eventually
from tests.serving import Served, serving
from tests.speech import CLIP, pcm_s16le

NANO = Path(str(resources.files("sotto") / "assets" / "nano"))
SPECS = [ModelSpec(name, size) for size, name in enumerate(["spare", "nano", "team/second"])]
BROKEN, SLOW = ModelSpec("broken", 8), ModelSpec("large-v3-turbo", 9)


@dataclass
class House:
    """The server, and what its tests do to it."""

    served: Served
    gate: threading.Event
    """Set, it lets the largest model be loaded."""
    open: ExitStack = field(default_factory=ExitStack)

    def ask(self, method: str, path: str) -> httpx2.Response:
        return httpx2.request(method, f"{self.served.url}/v1/admin{path}", timeout=60)

    def state(self, model: str) -> str:
        models = self.ask("GET", "/state").json()["models"]
        return next(str(each["state"]) for each in models if each["id"] == model)

    def speak(self, model: str) -> tuple[ClientConnection, str]:
        """A stream that heard the clip and stays open; its session."""
        socket = self.open.enter_context(connect(self.served.stream, max_queue=None))
        socket.send(json.dumps({"sample_rate": 16_000, "model": model}))
        session = json.loads(socket.recv())["session"]
        socket.send(pcm_s16le(CLIP).data)
        rows = lambda: self.ask("GET", "/state").json()["sessions"]["data"]  # noqa: E731
        eventually(lambda: any(row["id"] == session and row["heard"] > 7 for row in rows()))
        return socket, str(session)

    def load_slowly(self) -> None:
        """Have the largest model loading until `mend`; others that are loaded wait behind it."""
        self.ask("POST", f"/models/{SLOW.name}/unload")
        eventually(lambda: self.state(SLOW.name) == "unloaded")
        self.gate.clear()
        self.ask("POST", f"/models/{SLOW.name}/load")

    def mend(self) -> None:
        """All models but the broken one are ready again, and nobody speaks."""
        self.gate.set()
        self.hush()
        for spec in (*SPECS, SLOW):
            self.ask("POST", f"/models/{spec.name}/load")
        eventually(lambda: {self.state(spec.name) for spec in (*SPECS, SLOW)} == {"ready"})

    def hush(self) -> None:
        """Hang up."""
        self.open.close()
        eventually(lambda: self.ask("GET", "/state").json()["sessions"]["open"] == 0)


@contextmanager
def admin_house() -> Iterator[House]:
    """All models are ready but one, which cannot be."""
    settings, gate, clock = load(environ={}), threading.Event(), SystemClock()
    service = build_service(settings)

    def load_model(spec: ModelSpec) -> Recognizer:
        if spec is BROKEN:
            raise ModelUnavailable("expected a checkpoint in models/broken, got no model.bin")
        if spec is SLOW:
            assert gate.wait(600)
        schedule = Schedule[Ticket](max_batch=16, limit=256, exact=True)
        engine = load_engine(settings, NANO)
        return Batcher(spec.name, engine, schedule, clock, service.metrics)

    models: ModelPool[Recognizer] = ModelPool([*SPECS, BROKEN, SLOW], load_model, clock)
    models.watch(service.metrics.model_is)
    with serving(settings, replace(service, models=models)) as served:
        house = House(served, gate)
        try:
            house.mend()
            yield house
        finally:
            gate.set()
            house.open.close()

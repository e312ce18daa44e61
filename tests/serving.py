"""A real server on a free port of the loopback interface, for tests."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sotto.app.build import build_service
from sotto.app.ports import open_ports
from sotto.app.server import make_server
from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, load
from sotto.dialogue.partner import Partner
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.service import Service


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    host: str
    service: Service
    loop: asyncio.AbstractEventLoop
    """Where the service lives."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Of the dialects that have one of their own."""

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def stream(self) -> str:
        return f"ws://{self.host}/stream"


@contextmanager
def serving(
    settings: Settings, service: Service | None = None, partner: Partner | None = None
) -> Iterator[Served]:
    """A server in a thread of its own, until the context ends.

    `partner`: who answers in conversations; None: whom the settings name.
    """
    service = service or build_service(settings)
    loops: list[asyncio.AbstractEventLoop] = []

    async def note(service: Service, host: str, port: int) -> None:
        loops.append(asyncio.get_running_loop())

    ports = open_ports(settings)
    server = make_server(settings, service, ports=ports, greet=note, partner=partner)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sockets = {"sockets": [listener, *ports.values()]}
        numbers = {name: port.getsockname()[1] for name, port in ports.items()}
        thread = threading.Thread(target=server.run, kwargs=sockets, daemon=True)
        thread.start()
        try:
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            _await_models(host)
            yield Served(host, service, loops[0], numbers)
        finally:
            server.should_exit = True
            thread.join(20)
        assert not thread.is_alive()


@contextmanager
def guarded(folder: Path, *flags: Flag) -> Iterator[tuple[Served, str]]:
    """A server that asks for a key though it is on loopback, and the one key that it knows."""
    key = new_key()
    path = folder / "keys.json"
    KeyFile(path).add(Key(name="test", sha256=digest(key)))
    flags = (
        Flag("--on-loopback", "auth.on_loopback", True),
        Flag("--keys", "auth.keys", path),
        *flags,
    )
    with serving(load(flags, environ={})) as served:
        yield served, key


def _await_models(host: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://{host}/ready", timeout=10):
                return
        except urllib.error.HTTPError as error:
            assert error.code == 503
        time.sleep(0.05)
    raise AssertionError("no model was ready within 30 s")


@contextmanager
def watched() -> Iterator[list[logging.LogRecord]]:
    """What uvicorn and Sotto log of exceptions that nobody foresaw.

    A server that starts within takes uvicorn's part of it away: it configures its logs anew.
    """
    records: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                records.append(record)

    handler = Collect()
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "sotto", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    yield records
    for logger in loggers:
        logger.removeHandler(handler)

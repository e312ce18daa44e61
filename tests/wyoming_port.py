"""A server whose Wyoming port is open, for tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.dialogue.partner import Partner
from tests.serving import Served, serving


@dataclass(frozen=True)
class WyomingServed:
    """A server that runs."""

    server: Served
    port: int


@contextmanager
def serving_wyoming(partner: Partner | None = None, **also: object) -> Iterator[WyomingServed]:
    """With settings as `server__config_timeout=1`; `partner`: who speaks, None: whom they name."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = {"ports.wyoming": port} | {key.replace("__", "."): value for key, value in also.items()}
    flags = [Flag(f"--{key}", key, value) for key, value in said.items()]
    with serving(load(flags, environ={}), partner=partner) as served:
        yield WyomingServed(served, port)

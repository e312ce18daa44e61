"""Ports of their own, for clients that connect to a port and ask for no path."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from sotto.app.settings import Settings
from sotto.errors import BadOption

PATHS = {"whisperlive": "/ws", "vosk": "/vosk"}
"""What a socket on a dialect's own port is taken to ask for."""


def open_ports(settings: Settings) -> dict[str, socket.socket]:
    """What listens for each dialect whose port is named; port 0 takes a free one.

    Raises BadOption where a port cannot be had, or its dialect is not served.
    """
    opened: dict[str, socket.socket] = {}
    try:
        for name in PATHS:
            port = getattr(settings.ports, name)
            if port is not None:
                opened[name] = _listen(settings, name, port)
    except BadOption:
        for listener in opened.values():
            listener.close()
        raise
    return opened


def _listen(settings: Settings, name: str, port: int) -> socket.socket:
    key, host = f"ports.{name}", settings.server.host
    check_audio(settings, key, port)
    if name not in settings.server.modules:
        raise BadOption(key, f"expected {name} among server.modules, since {key} is {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise BadOption(key, f"expected {key} to be a free port, got {port}: {error}") from None


def check_audio(settings: Settings, key: str, port: int) -> None:
    """Raises BadOption where a port is named that takes audio, and the server does not."""
    if not settings.server.audio_transports:
        raise BadOption(key, f"expected no {key}, since server.audio_transports is off, got {port}")


class ByPort:
    """Sends sockets on a dialect's own port to it, whatever path they name."""

    def __init__(self, app: ASGIApp, opened: Mapping[str, socket.socket]) -> None:
        self._app = app
        self._paths = {listener.getsockname()[1]: PATHS[name] for name, listener in opened.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or socket."""
        server = scope.get("server")
        path = self._paths.get(server[1]) if server else None
        if path is not None and scope["type"] == "websocket":
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)

"""Ports of their own, for clients that connect to a port and ask for no path."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from sotto.app.settings import PortSettings, Settings

PATHS = {"whisperlive": "/ws", "vosk": "/vosk"}
"""What a socket on a dialect's own port is taken to ask for."""


def listeners(settings: Settings, config: uvicorn.Config) -> list[socket.socket]:
    """The server's own port first, then one for each dialect that has one."""
    found = [config.bind_socket()]
    for name in PATHS:
        port = getattr(settings.ports, name)
        if port is not None:
            family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
            found.append(
                socket.create_server((settings.server.host, port), family=family, backlog=2048)
            )
    return found


class ByPort:
    """Sends sockets on a dialect's own port to it, whatever path they name."""

    def __init__(self, app: ASGIApp, ports: PortSettings) -> None:
        self._app = app
        self._paths = {
            port: path for name, path in PATHS.items() if (port := getattr(ports, name)) is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or socket."""
        server = scope.get("server")
        path = self._paths.get(server[1]) if server else None
        if path is not None and scope["type"] == "websocket":
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)

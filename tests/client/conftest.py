from __future__ import annotations

import socket

import pytest


@pytest.fixture
def free_port() -> int:
    """On which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

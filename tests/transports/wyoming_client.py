"""A client of Wyoming that shows every byte, and bytes that it might send; for tests."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from hypothesis import strategies as st

from sotto.transports.wyoming.wire import pack
from tests.speech import CLIP, pcm_s16le

FORMAT = {"rate": 16_000, "width": 2, "channels": 1}
START, STOP = pack("audio-start", FORMAT), pack("audio-stop")

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 2_000), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(["describe", "ping", "transcribe", "audio-chunk", "x", ""])
HEADERS = st.one_of(
    st.fixed_dictionaries(
        {"type": KINDS},
        optional={"data": JSON, "data_length": JSON, "payload_length": st.integers(-2, 1_200)},
    ).map(lambda header: json.dumps(header).encode() + b"\n"),
    JSON.map(lambda value: json.dumps(value).encode() + b"\n"),
    st.binary(max_size=60),
    st.just(b"[" * 60_000 + b"\n"),
)


def sound(seconds: float | None = None) -> bytes:
    """The clip as `audio-chunk`s of 100 ms."""
    data = pcm_s16le(CLIP).data[: None if seconds is None else int(seconds * 16_000) * 2]
    pieces = [data[at : at + 3_200] for at in range(0, len(data), 3_200)]
    return b"".join(pack("audio-chunk", FORMAT, piece) for piece in pieces)


class Wire:
    """One connection, by hand."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._lines = self._socket.makefile("rb")

    def send(self, *data: bytes) -> None:
        self._socket.sendall(b"".join(data))

    def event(self) -> tuple[str, dict[str, Any]] | None:
        """The next one; None where the server closed."""
        line = self._lines.readline()
        if not line:
            return None
        header = json.loads(line)
        data = self._lines.read(header.get("data_length", 0))
        self._lines.read(header.get("payload_length", 0))
        return header["type"], json.loads(data) if data else {}

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """All up to the close."""
        return list(iter(self.event, None))

    def last(self) -> dict[str, Any]:
        """The data of the error that ends the connection."""
        events = self.events()
        assert events, "closed without a word"
        assert events[-1][0] == "error", events
        return events[-1][1]

    def no_more(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        """As a machine does that loses its power: the connection is reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def text_of(events: list[tuple[str, dict[str, Any]]]) -> str:
    (text,) = [data["text"] for kind, data in events if kind == "transcript"]
    return str(text)

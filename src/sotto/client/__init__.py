"""A client of Sotto's servers: sound in, typed events out. docs/python-client.md tells how."""

from sotto.client.async_client import AsyncClient
from sotto.client.async_stream import AsyncStream
from sotto.client.events import (
    Acknowledged,
    Closed,
    Committed,
    Event,
    Final,
    Partial,
    Ready,
    Reconnecting,
    Resumed,
    Segment,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    Warned,
    Word,
)
from sotto.client.files import FileOptions
from sotto.client.patience import Patience
from sotto.client.sound import Sound
from sotto.client.sync_client import Client, Stream
from sotto.client.wire import StreamOptions
from sotto.errors import Unreachable

__all__ = [
    "Acknowledged",
    "AsyncClient",
    "AsyncStream",
    "Client",
    "Closed",
    "Committed",
    "Event",
    "FileOptions",
    "Final",
    "Partial",
    "Patience",
    "Ready",
    "Reconnecting",
    "Resumed",
    "Segment",
    "Sound",
    "SpeechEnded",
    "SpeechStarted",
    "Stream",
    "StreamOptions",
    "Transcript",
    "Unreachable",
    "Warned",
    "Word",
]

"""All peers by name."""

from __future__ import annotations

from sotto.bench.peers import (
    faster_whisper,
    speaches,
    whisper_streaming,
    whisperlive,
    whisperlivekit,
)
from sotto.bench.peers.peer import Peer, Program

STREAMS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        whisperlive.SINGLE,
        whisperlive.BATCH,
        whisperlivekit.AGREEMENT,
        whisperlivekit.SIMULTANEOUS,
        speaches.PEER,
        whisper_streaming.PEER,
    )
}

FILES: dict[str, Program] = {
    program.name: program for program in (faster_whisper.SEQUENTIAL, faster_whisper.BATCHED)
}

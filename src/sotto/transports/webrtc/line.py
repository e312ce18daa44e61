"""One peer connection: its answer to an offer, its channel, its tracks, its end. Needs aiortc."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from urllib.parse import unquote

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from sotto.errors import BadOption
from sotto.transports.webrtc.channel import LABEL, LOST, TOO_MUCH, Channel
from sotto.transports.webrtc.ear import hasten, listen
from sotto.transports.webrtc.offer import Offer
from sotto.transports.webrtc.playout import Playout
from sotto.transports.webrtc.voice import Voice, play_to_nobody

LAST_SECONDS = 1.0
"""In which the last messages must arrive, once a call is over."""
CLOSE_SECONDS = 5.0
"""In which a connection must be closed; what holds it longer is left behind."""
MAX_FRAGMENTS = 4 * 1024**2
"""Bytes of messages that are not whole. aiortc tells clients how much it takes, and trusts them."""
LOOK = 1.0
"""Seconds between two looks at that."""

_REFUSALS = (
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc raises of an SDP that it does not understand: it parses without much checking."""


def configuration(ice_servers: Sequence[str]) -> RTCConfiguration:
    """What helps two sides to find each other through walls: `stun:HOST:PORT`,
    `turn:USER:PASSWORD@HOST:PORT`. Without any, nobody is asked: aiortc would ask a public server.
    """
    return RTCConfiguration(iceServers=[_server(address) for address in ice_servers])


def _server(address: str) -> RTCIceServer:
    kind, _, rest = address.partition(":")
    login, at, place = rest.rpartition("@")
    if not at:
        return RTCIceServer(urls=address)
    user, _, password = login.partition(":")
    return RTCIceServer(f"{kind}:{place}", username=unquote(user), credential=unquote(password))


class Line:
    """A connection from its offer to its end; an async context manager that closes it."""

    def __init__(self, channel: Channel, playout: Playout, servers: RTCConfiguration) -> None:
        self._channel = channel
        self._playout = playout
        self._connection = RTCPeerConnection(servers)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection.on("track", self._on_track)
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("connectionstatechange", self._on_state)

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """What was sent arrives, if the client still takes it; then all of it is let go of."""
        if self._connection.connectionState == "connected":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._channel.close()
        self._channel.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait({asyncio.ensure_future(self._connection.close())}, timeout=CLOSE_SECONDS)

    async def answer(self, offer: Offer) -> str:
        """The SDP that answers it, with all addresses of this machine. Raises BadOption."""
        connection = self._connection
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            if offer.has_sound:
                connection.addTrack(Voice(self._playout))
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        except _REFUSALS as error:
            why = f": {error}"[:200] if str(error) else ""
            raise BadOption("sdp", f"expected an SDP offer that makes sense{why}") from error
        for receiver in connection.getReceivers():
            hasten(receiver)
        self._begin(self._watch())
        ways = {each.currentDirection for each in connection.getTransceivers()}
        if ways.isdisjoint(("sendonly", "sendrecv")):
            self._begin(play_to_nobody(self._playout))
        return connection.localDescription.sdp

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._begin(listen(track, self._channel.hear))

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == LABEL:
            self._channel.open(channel)
        else:
            channel.close()

    def _on_state(self) -> None:
        """`failed`: the client has not shown for half a minute that it is still there."""
        state = self._connection.connectionState
        if state in ("failed", "closed"):
            self._channel.hang_up(LOST)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if self._left() < -MAX_FRAGMENTS:
                self._channel.hang_up(TOO_MUCH)
                return

    def _left(self) -> int:
        """Bytes that the client may still send before a message of it is whole."""
        left = getattr(self._connection.sctp, "_advertised_rwnd", 0)
        return left if isinstance(left, int) else 0

"""The calls that are open: how one begins, whose it is, and how it ends.

A call is to the server what a socket is: it counts for its caller from the request that begins it
to its end, it is told when the server stops, and its end goes the way of all sockets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from fastapi import Request

from sotto.errors import (
    BadOption,
    CallerError,
    Draining,
    Forbidden,
    NotInstalled,
    Overloaded,
    SottoError,
    UnknownSession,
)
from sotto.runtime.about import telling_of
from sotto.runtime.access import Access, Scope
from sotto.runtime.metrics import Metrics
from sotto.runtime.requests import MelImages, SoundFormat
from sotto.runtime.service import Service
from sotto.transports.peer import Peer
from sotto.transports.realtime.call import made_up, stamped
from sotto.transports.realtime.events import Json, error_event
from sotto.transports.realtime.outlet import Carried
from sotto.transports.realtime.session import RealtimeSession
from sotto.transports.webrtc.channel import Channel
from sotto.transports.webrtc.ear import SOUND
from sotto.transports.webrtc.offer import Offer, read_offer
from sotto.transports.webrtc.playout import Playout
from sotto.transports.webrtc.teller import Teller

if TYPE_CHECKING:
    from sotto.transports.webrtc.line import Line

NAME = "webrtc"
CONNECT_SECONDS = 30.0
"""In which a client must have opened its channel."""
LAST_WORD_SECONDS = 2.0
"""In which it must take the error that ends its call."""

_ICE_SERVER = re.compile(
    r"stuns?:[^:@?/]+(:\d{1,5})?|turns?:[^:@]+:[^@]*@[^:@?/]+(:\d{1,5})?(\?transport=(udp|tcp))?"
)

Ending: TypeAlias = Callable[
    [Awaitable[None], str, Metrics, Callable[[SottoError], Awaitable[None]]], Awaitable[None]
]
"""The outermost handler of whatever is served; `app/ending.py` has it."""


class Sessions(Protocol):
    """What is spoken in a call."""

    def session(self, peer: Peer, service: Service, given: Json) -> RealtimeSession:
        """A session as its client wants it. Raises BadOption."""
        ...

    async def hold(
        self, peer: Peer, service: Service, session: RealtimeSession, carried: Carried
    ) -> None:
        """It, until the client hangs up. Raises what ends it early."""
        ...


@dataclass(frozen=True)
class Bounds:
    """How much one call may take, and how many there may be."""

    most: int = 20
    """Calls at once."""
    ice_servers: Sequence[str] = ()
    """`stun:HOST:PORT`, `turn:USER:PASSWORD@HOST:PORT`. Raises BadOption where one is neither."""
    send_timeout: float = 20.0
    """Seconds that a client may take to read a message."""
    idle_timeout: float | None = None
    """Seconds after which a client that sends neither events nor sound is sent away."""
    max_message: int = 4 * 1024**2
    """Bytes."""
    origins: Sequence[str] = ("*",)
    """Of web pages that may call; *: all."""

    def __post_init__(self) -> None:
        for address in self.ice_servers:
            if not _ICE_SERVER.fullmatch(address):
                key = "webrtc.ice_servers"
                raise BadOption(
                    key, f"expected {key} as stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT"
                )


@dataclass(frozen=True, eq=False)
class _Call:
    """One call."""

    channel: Channel
    peer: Peer
    session: RealtimeSession
    carried: Carried
    teller: Teller
    line: Line

    async def end(self, error: SottoError) -> None:
        """The last words."""
        with suppress(CallerError, TimeoutError):
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await self.peer.send(stamped(error_event(error)))


class Calls:
    """Those of one process."""

    def __init__(
        self,
        service: Service,
        access: Access,
        sessions: Sessions,
        to_the_end: Ending,
        bounds: Bounds,
    ) -> None:
        self._service = service
        self._access = access
        self._sessions = sessions
        self._to_the_end = to_the_end
        self._bounds = bounds
        self._running: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, _Call] = {}
        """Of them those that are answered."""

    async def begin(self, http: Request) -> tuple[str, str]:
        """The id of a new call, and the SDP that answers the request's offer.

        Raises BadOption, TooLarge, RateLimited, Forbidden, Overloaded, Draining, NotInstalled.
        """
        self._check(http)
        id = made_up("call")
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(id, http, answered))
        self._running[id] = task
        task.add_done_callback(lambda _: self._running.pop(id))
        try:
            both: set[asyncio.Future[Any]] = {task, answered}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # who asked does not wait any more
            task.cancel()
            raise
        if not answered.done():
            task.result()  # raises why it is not
        return id, answered.result()

    def hang_up(self, id: str, owner: str | None) -> None:
        """End a call. Raises UnknownSession."""
        call = self._open.get(id)
        if call is None or call.peer.caller.owner != owner:
            raise UnknownSession(id, "is open")
        call.channel.hang_up()

    def _check(self, http: Request) -> None:
        if self._service.draining:
            raise Draining("the server is about to stop: try again in a moment")
        origin, allowed = http.headers.get("origin"), self._bounds.origins
        if origin is not None and "*" not in allowed and origin not in allowed:
            raise Forbidden(f"expected a page of {', '.join(allowed)}, got {origin[:200]}")
        if len(self._running) >= self._bounds.most:
            raise Overloaded(f"expected at most {self._bounds.most} calls, got one more")

    async def _run(self, id: str, http: Request, answered: asyncio.Future[str]) -> None:
        """A call from its request to its end. Raises what keeps it from being answered."""
        traceparent = http.headers.get("traceparent", "")
        with (
            self._access.enter(http.state.caller, Scope.STREAMS),
            telling_of(dialect=NAME, traceparent=traceparent),
        ):
            offer = await read_offer(http)
            call = self._made(offer, http)
            with self._service.closing.socket(call.peer):
                async with call.line:
                    answered.set_result(await call.line.answer(offer))
                    await self._serve(id, call)

    async def _serve(self, id: str, call: _Call) -> None:
        self._open[id] = call
        telling = asyncio.create_task(call.teller.run())
        try:
            await self._to_the_end(self._hold(call), NAME, self._service.metrics, call.end)
        finally:
            telling.cancel()
            del self._open[id]

    async def _hold(self, call: _Call) -> None:
        await call.peer.first_text(CONNECT_SECONDS)
        await self._sessions.hold(call.peer, self._service, call.session, call.carried)

    def _made(self, offer: Offer, http: Request) -> _Call:
        """Raises BadOption, NotInstalled."""
        try:
            from sotto.transports.webrtc.line import Line, configuration
        except ImportError as error:
            raise NotInstalled(
                f"calls need a package more: pip install 'sotto[webrtc]' ({error})"
            ) from error
        sound, bounds = sound_of(offer.session), self._bounds
        images = isinstance(sound, MelImages)
        channel = Channel(http.headers, http.query_params, offer.max_message, images=images)
        peer = Peer(
            channel,
            send_timeout=bounds.send_timeout,
            max_message=bounds.max_message,
            idle_timeout=bounds.idle_timeout,
        )
        peer.caller = http.state.caller
        session = self._sessions.session(peer, self._service, offer.session)

        async def tell(event: Json) -> None:
            await peer.send(stamped(event))

        teller = Teller(tell)
        playout = Playout(teller)
        line = Line(channel, playout, configuration(bounds.ice_servers))
        return _Call(channel, peer, session, Carried(sound, playout), teller, line)


def sound_of(session: Json) -> SoundFormat:
    """How a session's sound comes: on a track, or as images of it. Raises BadOption."""
    match session.get("sotto", {}):
        case {"sound": "mel"}:
            return MelImages()
        case {"sound": given} if given != "track":
            raise BadOption(
                "session.sotto.sound",
                "expected session.sotto.sound to be track or mel, got another",
            )
    return SOUND

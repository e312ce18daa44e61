"""A client of `/stream`: sound to a server, its events back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from sotto.errors import BadOption, CallerError, ServerError, SottoError
from sotto.transports.stream import PATH

Json: TypeAlias = dict[str, Any]

_SCHEMES = {"": "ws", "http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def stream_url(given: str) -> str:
    """The address of a server's `/stream`, from what people write.

    `host:8000`, `http://host` and `ws://host/` all get what they lack. Raises BadOption.
    """
    parts = urlsplit(given if "://" in given else f"//{given}")
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname or not _port_is_fine(parts.netloc):
        raise BadOption(
            "url", f"expected an address such as ws://localhost:8000/stream, got {given!r}"
        )
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") or PATH, parts.query, ""))


async def converse(
    url: str, config: Json, pieces: AsyncIterator[bytes], hear: Callable[[Json], None]
) -> None:
    """Send all pieces; `hear` is told each event between `ready` and `closed` as it comes.

    Raises what the server says that ended the stream; ServerError where it cannot be reached or
    hangs up; a CallerError of the pieces, once what came before it was heard.
    """
    async with await _connect(url) as socket:
        with suppress(ConnectionClosed):  # who is not let in; who reads says why
            await socket.send(json.dumps(config))
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(_send(socket, pieces))
                await _read(socket, url, hear)
                sending.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
    if not sending.cancelled() and (failure := sending.result()):
        raise failure


async def _connect(url: str) -> ClientConnection:
    address = stream_url(url)
    try:
        return await connect(address, max_size=None)
    except InvalidStatus as error:
        raise ServerError(
            f"expected a Sotto server at {address}, got HTTP {error.response.status_code}"
        ) from error
    except (OSError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        raise ServerError(f"cannot reach {address}: {reason}") from error


async def _send(socket: ClientConnection, pieces: AsyncIterator[bytes]) -> CallerError | None:
    """The pieces, then `finish`; gives what was wrong with the pieces, if anything was."""
    failure: CallerError | None = None
    with suppress(ConnectionClosed):  # who reads says why
        try:
            async for piece in pieces:
                await socket.send(piece)
        except CallerError as error:
            failure = error
        await socket.send(json.dumps({"type": "finish"}))
    return failure


async def _read(socket: ClientConnection, url: str, hear: Callable[[Json], None]) -> None:
    """Every event until `closed`."""
    try:
        while True:
            message = _parse(await socket.recv(), url)
            match message["type"]:
                case "error":
                    raise _error(message)
                case "closed":
                    return
                case "ready":
                    pass
                case _:
                    hear(message)
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else "none"
        raise ServerError(
            f"expected `closed` at the end, but {stream_url(url)} hung up before it "
            f"(close code {code})"
        ) from error


def _parse(text: str | bytes, url: str) -> Json:
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ServerError(f"expected the messages of /stream from {stream_url(url)}, got others")
    return message


def _error(message: Json) -> SottoError:
    """The error that the server told, as far as it matters here: its sentence, whose fault."""
    code, sentence = message.get("code"), str(message.get("message", "the server gave no reason"))
    if message.get("retryable"):
        after = message.get("retry_after")
        sentence += f"; try again in {after:g} s" if after else "; try again"
    kind = CallerError if code in _codes(CallerError) else ServerError
    return kind(sentence)


def _codes(kind: type[SottoError]) -> set[str]:
    """The codes of a class and of all below it."""
    return {kind.code}.union(*(_codes(lower) for lower in kind.__subclasses__()))


def _port_is_fine(place: str) -> bool:
    try:
        return urlsplit(f"//{place}").port != 0
    except ValueError:
        return False

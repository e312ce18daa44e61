"""A chat server that is written down: OpenAI's chat completions over real HTTP, on loopback.

    with ChatServer() as server:
        server.will("Hello there.")                         # the next answer; they queue
        server.on("weather", Calls("look_up", '{"in": "Oslo"}'))  # whenever the user says that
        held = Held()
        server.will("One. ", held, "Two.")                  # waits for `held.release()`
        ...                                                 # else it says: You said: ...
        server.asked[0].body["messages"]

It lives in a thread of its own, so that any test may use it, with a loop or without. What it is
asked for is in `asked`, in order, from the moment it was read; `Held.reached`, `Asked.answered` and
`Asked.gone` are threading's events: await `happens(event)` in a test with a loop.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 60.0
"""Seconds after which a test that waits has failed."""


@dataclass(frozen=True)
class Calls:
    """The model asks for a function; its arguments come in two pieces."""

    name: str
    arguments: str = "{}"
    id: str = "call_1"
    index: int = 0


@dataclass(frozen=True)
class Fails:
    """An error: a status where nothing was said before, else a piece of the stream."""

    status: int
    message: str = "the scripted server fails"
    retry_after: str = ""


@dataclass(frozen=True)
class Raw:
    """Bytes that go out as they are, as one piece of the stream."""

    data: bytes


@dataclass(frozen=True)
class Ends:
    """Why the answer ends, where it is not `stop` or `tool_calls`."""

    why: str


class Cut:
    """The connection breaks off."""


class Silent:
    """Nothing more comes until the client goes."""


class Held:
    """What follows waits for the test. `reached`: what came before is sent."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._released: Future[None] = Future()

    def release(self) -> None:
        self._released.set_result(None)

    async def wait(self) -> None:
        self.reached.set()
        await asyncio.shield(asyncio.wrap_future(self._released))


Step = str | Calls | Fails | Raw | Ends | Cut | Silent | Held
"""A text comes word by word."""


@dataclass
class Asked:
    """One request for an answer."""

    headers: dict[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    answered: threading.Event = field(default_factory=threading.Event)
    """The whole answer was sent."""
    gone: threading.Event = field(default_factory=threading.Event)
    """The client hung up before that."""

    @property
    def said(self) -> str:
        """The user's last words."""
        said = [each["content"] for each in self.body["messages"] if each["role"] == "user"]
        return said[-1] if said else ""


async def happens(event: threading.Event) -> None:
    """Wait for what another thread does."""
    assert await asyncio.to_thread(event.wait, PATIENCE), "expected the event, got nothing"


class ChatServer:
    """Runs while its context does. Attributes may be set at any time."""

    models: tuple[str, ...] = ("scripted",)
    refuses: tuple[str, ...] = ()
    """Fields of a request that it does not know: 400, as a strict server answers."""
    refusal = "Unrecognized request argument supplied: {}"
    tells_usage = True

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._queue: deque[tuple[Step, ...]] = deque()
        self._heard: list[tuple[str, tuple[Step, ...]]] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def will(self, *steps: Step) -> None:
        """The next answer, after those that queue already."""
        self._queue.append(steps)

    def on(self, text: str, *steps: Step) -> None:
        """The answer to whoever says that, whenever nothing queues; what was said first counts."""
        self._heard.append((text.casefold(), steps))

    def __enter__(self) -> ChatServer:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()  # who is connected still is cancelled with the loop

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # one that hung up
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        named = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in named}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if (path := head.split()[1]) == "/v1/models":
            data = [{"id": model, "object": "model"} for model in self.models]
            await _whole(writer, 200, {"object": "list", "data": data})
        elif path == "/v1/chat/completions":
            await self._answer(Asked(headers, json.loads(body)), reader, writer)
        else:
            await _whole(writer, 404, {"error": {"message": f"nothing at {path}"}})

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.asked.append(asked)
        for strange in [name for name in self.refuses if name in asked.body]:
            error = {"message": self.refusal.format(strange), "param": strange}
            return await _whole(writer, 400, {"error": error})
        answering = asyncio.create_task(self._play(asked, writer))
        going = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({answering, going}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() or isinstance(answering.exception(), ConnectionError):
                asked.gone.set()
            else:
                answering.result()
        finally:
            answering.cancel()
            going.cancel()
            await asyncio.gather(answering, going, return_exceptions=True)

    async def _play(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        steps = self._steps(asked)
        if steps and isinstance(steps[0], Fails):
            more = {"Retry-After": steps[0].retry_after} if steps[0].retry_after else {}
            error = {"message": steps[0].message, "type": "scripted"}
            await _whole(writer, steps[0].status, {"error": error}, more)
            return
        if steps and isinstance(steps[0], Silent):
            await asyncio.Event().wait()
        kind = "text/event-stream"
        writer.write(_head(200, {"Content-Type": kind, "Transfer-Encoding": "chunked"}))
        why, said = "stop", 0
        for step in steps:
            match step:
                case Held():
                    await step.wait()
                case Silent():
                    await asyncio.Event().wait()
                case Cut():
                    writer.transport.abort()
                    return
                case Ends():
                    why = step.why
                case _:
                    why = "tool_calls" if isinstance(step, Calls) else why
                    for data in _pieces(step):
                        said += 1
                        writer.write(_chunk(data))
                        await writer.drain()
        writer.write(_chunk(_event({"choices": [_choice({}, why)]})))
        if self.tells_usage and asked.body.get("stream_options", {}).get("include_usage"):
            read = sum(len(str(each.get("content"))) for each in asked.body["messages"])
            usage = {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}
            writer.write(_chunk(_event({"choices": [], "usage": usage})))
        writer.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        asked.answered.set()

    def _steps(self, asked: Asked) -> tuple[Step, ...]:
        if self._queue:
            return self._queue.popleft()
        said = asked.said.casefold()
        for text, steps in self._heard:
            if text in said:
                return steps
        return (f"You said: {asked.said}",)


def _pieces(step: Step) -> Iterator[bytes]:
    """The stream's pieces of one step."""
    match step:
        case str():
            for delta in _words(step):
                yield _event({"choices": [_choice({"role": "assistant", "content": delta})]})
        case Calls():
            half = len(step.arguments) // 2
            first = {"name": step.name, "arguments": step.arguments[:half]}
            call = {"index": step.index, "id": step.id, "type": "function", "function": first}
            rest = {"index": step.index, "function": {"arguments": step.arguments[half:]}}
            for each in (call, rest):
                yield _event({"choices": [_choice({"tool_calls": [each]})]})
        case Fails():
            yield _event({"error": {"message": step.message, "code": step.status}})
        case Raw():
            yield step.data


def _words(text: str) -> list[str]:
    """Each with the space before it, as models write."""
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def _choice(delta: dict[str, Any], why: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": why}


def _event(fields: dict[str, Any]) -> bytes:
    frame = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return f"data: {json.dumps({**frame, **fields})}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def _whole(
    writer: asyncio.StreamWriter, status: int, body: Any, more: dict[str, str] | None = None
) -> None:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(more or {})}
    writer.write(_head(status, headers) + data)
    await writer.drain()

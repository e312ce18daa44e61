"""Any server that speaks as OpenAI's chat completions: vLLM, Ollama, llama.cpp, a cloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import httpx2
import openai

from sotto.errors import BadOption, ChatUnavailable
from sotto.interfaces.chat import ChatPiece, ChatRequest, Role, Said
from sotto.plugins.llm.chat_wire import DONE, data_lines, first_model, request_fields
from sotto.plugins.llm.failing import FAULTS, Fault, fault_of
from sotto.plugins.llm.reading import Reading

CONNECT_SECONDS = 5.0
LINGER_SECONDS = 2.0
"""How long it is waited for what an answer took, once it is there."""
DRAIN_SECONDS = 0.2
RETRIES = 2
BACKOFF_SECONDS = 0.25
"""Before the first retry; twice that before the second."""
WARM_UP_TOKENS = 16
"""Fewer some models refuse that think first."""

LIMITS = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100, keepalive_expiry=60.0)
"""Of connections: kept for as long as a user may take for a turn, since a new one takes time."""

_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


@dataclass(frozen=True)
class _Terms:
    """How a server wants to be asked."""

    counts: bool = True
    """Whether it knows `stream_options`."""
    limit: str = "max_tokens"
    """What it calls the most tokens of an answer."""
    is_sure: bool = False
    """Whether it has taken a request so."""


class _Failed(Exception):
    """One attempt failed."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


class OpenAIChat:
    """One model of one server. The key is in no log and no error."""

    def __init__(
        self,
        *,
        url: str,
        model: str | None = None,
        key: str | None = None,
        timeout: float = 30.0,
        pause: float | None = None,
        backoff: float = BACKOFF_SECONDS,
    ) -> None:
        """No model: the server's first.

        `timeout`: seconds until its first word, with all that is tried again; `pause`: until each
        other, as long if it is None. Raises BadOption for a key that no header can carry.
        """
        if key and not (key.isascii() and key.isprintable()):
            raise BadOption("talk.key", "expected a key of ASCII characters, got others")
        self._model = model or ""
        self._found = ""
        """The server's first model, once it was asked."""
        self._key = key or ""
        self._timeout = timeout
        self._pause = timeout if pause is None else pause
        self._backoff = backoff
        self._terms = _Terms()
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key=self._key or "none",  # nothing is taken from the environment instead
            timeout=openai.Timeout(None, connect=min(CONNECT_SECONDS, timeout)),
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(limits=LIMITS),
        )

    @property
    def name(self) -> str:
        """The model's, as far as it is known."""
        return self._model or self._found or "openai"

    async def answer(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        """The answer as it comes. Raises ChatUnavailable.

        The server is asked again where it fails before it has said anything.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout
        terms, tries = self._terms, 0
        while True:
            is_begun = False
            try:
                async with aclosing(self._attempt(request, terms, until)) as pieces:
                    async for piece in pieces:
                        is_begun = True
                        yield piece
                return
            except _Failed as failed:
                fault = failed.fault
            if is_begun:
                raise fault.error
            if other := _other_terms(terms, fault):
                terms = other
                continue
            pause = self._backoff * 2**tries if fault.wait is None else fault.wait
            tries += 1
            if not fault.is_passing or tries > RETRIES or loop.time() + pause >= until:
                raise fault.error
            await asyncio.sleep(pause)

    async def warm_up(self) -> None:
        """One short answer that nobody hears. Raises ChatUnavailable."""
        request = ChatRequest((Said(Role.USER, "Hello."),), max_tokens=WARM_UP_TOKENS)
        async with aclosing(self.answer(request)) as pieces:
            async for _ in pieces:
                pass

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _attempt(
        self, request: ChatRequest, terms: _Terms, until: float
    ) -> AsyncGenerator[ChatPiece, None]:
        """Ask once. By `until`, of the loop's clock, something must have been said."""
        try:
            async with (
                self._asked(request, terms, until) as lines,
                aclosing(self._read(lines, until)) as pieces,
            ):
                async for piece in pieces:
                    yield piece
        except TimeoutError:
            silent = ChatUnavailable("the language model said nothing for too long")
            raise _Failed(Fault(silent, is_passing=False)) from None
        except FAULTS as error:
            fault = fault_of(error, self._key)
            if fault.status == HTTPStatus.NOT_FOUND:
                self._found = ""  # the server has another model by now
            raise _Failed(fault) from None
        except ChatUnavailable as error:
            raise _Failed(Fault(error, is_passing=False)) from None

    @asynccontextmanager
    async def _asked(
        self, request: ChatRequest, terms: _Terms, until: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answer's lines. Leaving it ends the answer."""
        async with AsyncExitStack() as stack:
            async with asyncio.timeout_at(until):
                fields = _fields(request, terms, self._model or await self._first_model())
                asking = self._client.chat.completions.with_streaming_response.create(**fields)
                response = await stack.enter_async_context(asking)
            self._terms = replace(terms, is_sure=True)
            yield await stack.enter_async_context(aclosing(data_lines(response.iter_bytes())))

    async def _read(
        self, lines: AsyncIterator[bytes], until: float
    ) -> AsyncGenerator[ChatPiece, None]:
        loop, reading = asyncio.get_running_loop(), Reading()
        while not (reading.is_over and reading.is_counted):
            try:
                async with asyncio.timeout_at(until):
                    line = await anext(lines, DONE)
            except TimeoutError:
                if not reading.is_over:
                    raise
                break
            if line == DONE:
                break
            for piece in reading.receive(line):
                yield piece
                until = loop.time() + self._pause
            if reading.is_over:
                until = loop.time() + min(LINGER_SECONDS, self._pause)
        await _drain(lines)
        for piece in reading.finish():
            yield piece

    async def _first_model(self) -> str:
        if self._found:
            return self._found
        listed = await self._client.models.with_raw_response.list()
        self._found = first_model(listed.content)
        return self._found


def _fields(request: ChatRequest, terms: _Terms, model: str) -> dict[str, Any]:
    fields = {**request_fields(request), "model": model}
    if terms.counts:
        fields["stream_options"] = {"include_usage": True}
    if request.max_tokens is not None:
        fields[terms.limit] = request.max_tokens
    return fields


def _other_terms(terms: _Terms, fault: Fault) -> _Terms | None:
    """How the same may be asked once more of a server that refused it; None: in no other way."""
    if fault.status not in _REFUSED:
        return None
    if terms.limit == "max_tokens" and "max_completion_tokens" in fault.said:
        return replace(terms, limit="max_completion_tokens")
    if terms.counts and ("stream_options" in fault.said or not terms.is_sure):
        return replace(terms, counts=False)
    return None


async def _drain(lines: AsyncIterator[bytes]) -> None:
    """Read what is left of an answer that is complete, most often a few bytes: only then its
    connection can be used again."""
    with suppress(TimeoutError, ChatUnavailable, *FAULTS):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in lines:
                pass

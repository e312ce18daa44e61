"""A chat server that is down, slow, strange, or does not want to: each is one clear sentence."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import ChatPiece, Piece
from sotto.plugins.llm.chat_wire import MOST_LINE
from sotto.plugins.llm.openai_chat import RETRIES, OpenAIChat
from sotto.plugins.llm.reading import MOST_CALLS, MOST_TEXT
from sotto.testing.chat import asked, text, whole
from tests.chat_server import Calls, ChatServer, Cut, Fails, Raw, Silent, Step, happens

KEY = "sk-of-a-test-4711"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@asynccontextmanager
async def speaking_to(url: str, **patience: float) -> AsyncIterator[OpenAIChat]:
    chat = OpenAIChat(url=url, key=KEY, backoff=0, **{"timeout": 60.0, **patience})
    try:
        yield chat
    finally:
        await chat.close()


async def failed(chat: OpenAIChat) -> tuple[list[ChatPiece], ChatUnavailable]:
    """What came before the failure, and the failure."""
    pieces: list[ChatPiece] = []
    with pytest.raises(ChatUnavailable) as raised:
        async for piece in chat.answer(asked("Hi")):
            pieces.append(piece)
    return pieces, raised.value


@pytest.mark.parametrize(
    ("status", "tries", "sentence"),
    [
        (400, 2, "refuses what it is asked, with 400: no, {}"),  # the second one asks for less
        (401, 1, "does not take the key"),
        (403, 1, "does not take the key"),
        (404, 1, "knows no such model or address: no, {}"),
        (429, 1 + RETRIES, "is asked for more than it takes"),
        (500, 1 + RETRIES, "failed, with 500"),
        (503, 1 + RETRIES, "failed, with 503"),
    ],
)
async def test_what_a_server_refuses(
    server: ChatServer, caplog: pytest.LogCaptureFixture, status: int, tries: int, sentence: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("", Fails(status, f"no, {KEY}"))
    async with speaking_to(server.url) as chat:
        pieces, error = await failed(chat)
    assert not pieces
    assert sentence.format("***") in error.message
    assert len(server.asked) == tries
    assert KEY not in error.message
    assert KEY not in caplog.text
    assert KEY not in repr(chat)
    assert error.__cause__ is error.__context__ is None


async def test_one_that_fails_once_is_asked_again(server: ChatServer) -> None:
    server.will(Fails(503))
    server.will(Cut())
    async with speaking_to(server.url) as chat:
        assert text(await whole(chat, asked("Hi"))) == "You said: Hi"
    assert len(server.asked) == 3


@pytest.mark.parametrize("breaking", [Cut(), Fails(500), Raw(b"data: {none\n\n")])
async def test_what_was_said_stands_and_nothing_is_said_twice(
    server: ChatServer, breaking: Step
) -> None:
    server.will("Once upon a", breaking)
    async with speaking_to(server.url) as chat:
        pieces, error = await failed(chat)
        assert text(pieces) == "Once upon a"
        assert "language model" in error.message
        assert len(server.asked) == 1
        assert text(await whole(chat, asked("Hi"))) == "You said: Hi"


@pytest.mark.parametrize(
    "data",
    [
        b"data: nothing of a kind\n\n",
        b"data: []\n\n",
        b'data: {"choices": "none"}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}\n\n',
        b'data: {"error": {"message": "overloaded"}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"x" * (MOST_LINE + 1),
    ],
)
async def test_garbage_is_no_answer(server: ChatServer, data: bytes) -> None:
    server.will("", Raw(data))
    async with speaking_to(server.url) as chat:
        pieces, error = await failed(chat)
    assert not pieces
    assert error.message.startswith("expected ")
    assert len(error.message) < 200


async def test_one_that_speaks_without_end_is_cut_off(server: ChatServer) -> None:
    server.will(*["x" * 10_000] * (MOST_TEXT // 10_000 + 1))
    server.will(*(Calls("f", "{}", f"c{at}", at) for at in range(MOST_CALLS + 1)))
    async with speaking_to(server.url) as chat:
        pieces, error = await failed(chat)
        assert len(text(pieces)) == MOST_TEXT
        assert "characters" in error.message
        _, error = await failed(chat)
        assert "calls" in error.message


async def test_one_that_says_nothing_is_not_waited_for(server: ChatServer) -> None:
    server.will(Silent())
    async with speaking_to(server.url, timeout=1.0) as chat:
        pieces, error = await failed(chat)
        assert not pieces
        assert error.message == "the language model said nothing for too long"
        await happens(server.asked[0].gone)
    assert len(server.asked) == 1


async def test_one_that_stops_in_its_middle_is_not_waited_for(server: ChatServer) -> None:
    server.will("Well,", Silent())
    async with speaking_to(server.url, pause=0.1) as chat:
        pieces, error = await failed(chat)
        assert pieces == [Piece("Well,")]
        assert error.message == "the language model said nothing for too long"
        await happens(server.asked[0].gone)


async def test_one_that_is_complete_is_not_waited_for(server: ChatServer) -> None:
    answer = b'{"choices": [{"delta": {"content": "Done."}, "finish_reason": "stop"}]}'
    server.will(Raw(b"data: " + answer + b"\n\n"), Silent())
    async with speaking_to(server.url, pause=0.1) as chat:
        assert text(await whole(chat, asked("Hi"))) == "Done."


async def test_one_that_asks_for_patience_is_not_asked_at_once(server: ChatServer) -> None:
    server.will(Fails(429, retry_after="3600"))
    async with speaking_to(server.url) as chat:
        _, error = await failed(chat)
    assert error.retry_after == 3600
    assert len(server.asked) == 1


async def test_one_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with speaking_to(f"http://127.0.0.1:{port}/v1") as chat:
        _, error = await failed(chat)
        assert error.message == "the language model's server cannot be reached"
        with pytest.raises(ChatUnavailable):
            await chat.warm_up()


async def test_one_at_another_address(server: ChatServer) -> None:
    async with speaking_to(server.url.replace("/v1", "/v2")) as chat:
        _, error = await failed(chat)
        assert "knows no such model or address" in error.message


async def test_one_without_models(server: ChatServer) -> None:
    server.models = ()
    async with speaking_to(server.url) as chat:
        _, error = await failed(chat)
    assert error.message == "expected a server with a language model, got one without any"
    assert not server.asked


async def test_a_model_that_went_is_looked_for_again(server: ChatServer) -> None:
    server.models = ("old",)
    async with speaking_to(server.url) as chat:
        await chat.warm_up()
        server.models = ("new",)
        server.will(Fails(404, "no model old"))
        await failed(chat)
        assert text(await whole(chat, asked("Hi"))) == "You said: Hi"
    assert server.asked[-1].body["model"] == "new"

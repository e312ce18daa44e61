"""What is asked of a chat server, and what is made of its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from sotto.errors import BadOption
from sotto.interfaces.chat import (
    Call,
    CallPiece,
    ChatRequest,
    Finish,
    Finished,
    Outcome,
    Piece,
    Role,
    Said,
    Tool,
)
from sotto.plugins.llm.openai_chat import OpenAIChat
from sotto.testing.chat import SYSTEM, WEATHER, asked, text, whole
from tests.chat_server import Calls, ChatServer, Ends, Held, Raw, happens


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@asynccontextmanager
async def speaking_to(server: ChatServer, model: str = "") -> AsyncIterator[OpenAIChat]:
    chat = OpenAIChat(url=server.url, model=model, key="sk-of-a-test", backoff=0)
    try:
        yield chat
    finally:
        await chat.close()


async def test_it_asks_as_openai_does(server: ChatServer) -> None:
    history = (
        Said(Role.USER, "And in Oslo?"),
        Said(Role.ASSISTANT, "Let me see."),
        Call("c1", "weather", '{"place": "Oslo"}'),
        Call("c2", "weather", '{"place": broken'),
        Outcome("c1", "Snow"),
        Outcome("c2", "What?"),
        Call("c3", "weather", "{}"),
        Outcome("c3", "Rain"),
    )
    async with speaking_to(server, "mine") as chat:
        await whole(chat, asked(*history, tools=(WEATHER,), tool_choice=WEATHER, max_tokens=7))
        await whole(chat, asked("Hi", tools=(Tool("bare"),), tool_choice="required"))
    first, second = server.asked
    assert first.headers["authorization"] == "Bearer sk-of-a-test"

    def call(id: str, arguments: str) -> object:
        function = {"name": "weather", "arguments": arguments}
        return {"id": id, "type": "function", "function": function}

    assert first.body == {
        "model": "mine",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 7,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "The weather of a place.",
                    "parameters": WEATHER.parameters,
                },
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "messages": [
            {"role": "system", "content": SYSTEM.text},
            {"role": "user", "content": "And in Oslo?"},
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [call("c1", '{"place": "Oslo"}'), call("c2", "{}")],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "Snow"},
            {"role": "tool", "tool_call_id": "c2", "content": "What?"},
            {"role": "assistant", "content": None, "tool_calls": [call("c3", "{}")]},
            {"role": "tool", "tool_call_id": "c3", "content": "Rain"},
        ],
    }
    assert second.body["tool_choice"] == "required"
    assert second.body["tools"][0]["function"]["parameters"]["type"] == "object"
    assert "max_tokens" not in second.body


async def test_pieces_come_while_the_server_still_speaks(server: ChatServer) -> None:
    held = Held()
    server.will("One two.", held, " Three.")
    async with speaking_to(server) as chat, aclosing(chat.answer(asked("Count"))) as pieces:
        assert await anext(pieces) == Piece("One")
        assert await anext(pieces) == Piece(" two.")
        assert not held.reached.is_set() or not server.asked[0].answered.is_set()
        held.release()
        rest = [piece async for piece in pieces]
    assert text(rest) == " Three."
    assert rest[-1] == Finished(Finish.STOP, len(SYSTEM.text) + 5, 4)


async def test_closing_it_ends_the_servers_work(server: ChatServer) -> None:
    server.will("One two three.", Held(), "Never said.")
    async with speaking_to(server) as chat:
        async with aclosing(chat.answer(asked("Count"))) as pieces:
            assert await anext(pieces) == Piece("One")
        await happens(server.asked[0].gone)
        assert not server.asked[0].answered.is_set()
        assert text(await whole(chat, asked("Again"))) == "You said: Again"


async def test_calls_are_told_apart(server: ChatServer) -> None:
    server.will("Wait.", Calls("one", '{"a": 1}', "c1"), Calls("two", "{}", "c2", index=1))
    server.will(Calls("one", '{"a": 1}', "c1"), Calls("two", "{}", "c2"))  # all of them number 0
    async with speaking_to(server) as chat:
        for _ in range(2):
            calls: dict[int, list[str]] = {}
            for piece in await whole(chat, asked("Call")):
                if isinstance(piece, CallPiece):
                    parts = calls.setdefault(piece.index, [piece.id, piece.name, ""])
                    parts[2] += piece.arguments
            assert calls == {0: ["c1", "one", '{"a": 1}'], 1: ["c2", "two", "{}"]}


async def test_a_call_without_an_id_is_given_one(server: ChatServer) -> None:
    delta = b'{"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}'
    server.will(Raw(b'data: {"choices": [{"delta": ' + delta + b"}]}\n\n"))
    async with speaking_to(server) as chat:
        (call, _) = await whole(chat, asked("Call"))
    assert isinstance(call, CallPiece)
    assert call.id
    assert (call.name, call.arguments) == ("f", "{}")


@pytest.mark.parametrize(
    ("why", "finish"),
    [
        ("length", Finish.LENGTH),
        ("content_filter", Finish.FILTER),
        ("tool_calls", Finish.STOP),
        ("unheard of", Finish.STOP),
    ],
)
async def test_it_says_why_an_answer_ends(server: ChatServer, why: str, finish: Finish) -> None:
    server.will("Well", Ends(why))
    server.tells_usage = False
    async with speaking_to(server) as chat:
        assert await whole(chat, asked("Go on")) == [Piece("Well"), Finished(finish)]


async def test_no_model_is_the_servers_first(server: ChatServer) -> None:
    server.models = ("first", "second")
    async with speaking_to(server) as chat:
        await chat.warm_up()
        assert chat.name == "first"
        await whole(chat, asked("Hi"))
    assert [each.body["model"] for each in server.asked] == ["first", "first"]


async def test_what_is_thought_aloud_is_not_said(server: ChatServer) -> None:
    server.will("<think>It is a", " greeting.</thi", "nk>\n\nHello there.")
    server.will(" <thing> Hello.")
    server.will("<think>on and on")
    server.will("<th", "ink></think>", "a <think> b")
    async with speaking_to(server) as chat:
        said = [text(await whole(chat, asked("Hi"))) for _ in range(4)]
    assert said == ["Hello there.", " <thing> Hello.", "", "a <think> b"]


@pytest.mark.parametrize("fields", [("stream_options",), ("max_tokens",), ("nothing",)])
async def test_a_server_that_knows_less_is_asked_for_less(
    server: ChatServer, fields: tuple[str, ...]
) -> None:
    server.refuses = fields
    async with speaking_to(server) as chat:
        if fields == ("max_tokens",):
            server.refusal = "Unsupported parameter: use 'max_completion_tokens' instead."
        for _ in range(2):
            assert text(await whole(chat, asked("Hi", max_tokens=9))) == "You said: Hi"
    last = server.asked[-1].body
    assert not set(fields) & set(last)
    assert len(server.asked) == (2 if fields == ("nothing",) else 3)  # it is learned once
    assert 9 in (last.get("max_tokens"), last.get("max_completion_tokens"))


async def test_comments_and_strange_lines_do_no_harm(server: ChatServer) -> None:
    lines = b": still there\r\n\r\nevent: message\nid: 4\nretry: 10\n\n\ndata:\n\n"
    strange = b'data: {"choices": [], "more": {"a": [1]}}\n\ndata: {"choices": null}\n\n'
    server.will(Raw(lines), "Hello", Raw(strange), " you")
    async with speaking_to(server) as chat:
        assert text(await whole(chat, asked("Hi"))) == "Hello you"


async def test_halves_of_letters_are_sent_whole(server: ChatServer) -> None:
    tool = Tool("f", "\ud83d", {"\udc00": ["\ud800"]})
    async with speaking_to(server) as chat:
        await whole(chat, ChatRequest((Said(Role.USER, "a\ud83dz"),), tools=(tool,)))
    assert server.asked[0].said == "a?z"


@pytest.mark.parametrize("key", ["clé", "a\nb", "key\0"])
def test_a_key_that_no_header_carries_is_refused(key: str) -> None:
    with pytest.raises(BadOption) as refused:
        OpenAIChat(url="http://127.0.0.1:9/v1", key=key)
    assert key not in str(refused.value)


async def test_nothing_is_taken_from_the_environment(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody")
    chat = OpenAIChat(url=server.url)
    await whole(chat, asked("Hi"))
    await chat.close()
    assert "sk-of-somebody" not in str(server.asked[0].headers)

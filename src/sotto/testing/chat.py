"""What every ChatModel must do, as tests that any implementation can be run through.

In a test module:

    class TestMine(ChatContract):
        def make(self) -> ChatModel:
            return Mine()
"""
# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import pytest

from sotto.interfaces.chat import (
    Call,
    CallPiece,
    ChatMessage,
    ChatModel,
    ChatPiece,
    ChatRequest,
    Finished,
    Outcome,
    Piece,
    Role,
    Said,
    Tool,
)

PATIENCE = 60.0
"""Seconds after which what still runs never ends."""
SYSTEM = Said(Role.SYSTEM, "Answer in one short sentence.")
WEATHER = Tool(
    "weather",
    "The weather of a place.",
    {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)


def asked(*messages: ChatMessage | str, **more: Any) -> ChatRequest:
    """A request; a plain text is the user's."""
    said = (Said(Role.USER, each) if isinstance(each, str) else each for each in messages)
    return ChatRequest((SYSTEM, *said), **more)


async def whole(model: ChatModel, request: ChatRequest) -> list[ChatPiece]:
    """All of an answer."""
    return [piece async for piece in model.answer(request)]


def text(pieces: list[ChatPiece]) -> str:
    """The words of an answer."""
    return "".join(piece.text for piece in pieces if isinstance(piece, Piece))


class ChatContract:
    """Subclass it and say what to test in `make`."""

    def make(self) -> ChatModel:
        """A model that answers questions, used by nobody yet."""
        raise NotImplementedError("expected a subclass with a model, got the contract itself")

    @asynccontextmanager
    async def model(self) -> AsyncIterator[ChatModel]:
        """One for as long as the context lasts."""
        model = self.make()
        try:
            yield model
        finally:
            await model.close()

    async def test_an_answer_is_pieces_and_one_end(self) -> None:
        async with self.model() as model:
            pieces = await whole(model, asked("How are you?"))
        assert isinstance(pieces[-1], Finished)
        assert not any(isinstance(piece, Finished) for piece in pieces[:-1])
        assert all(piece.text for piece in pieces if isinstance(piece, Piece))
        assert text(pieces).strip()

    async def test_it_has_a_name_and_can_be_warmed_up_twice(self) -> None:
        async with self.model() as model:
            await model.warm_up()
            await model.warm_up()
            assert model.name
            assert text(await whole(model, asked("How are you?"))).strip()

    async def test_many_conversations_are_answered_at_once(self) -> None:
        async with self.model() as model:
            answers = await asyncio.gather(
                *(whole(model, asked(f"Say the word number {at}.")) for at in range(10))
            )
        for pieces in answers:
            assert isinstance(pieces[-1], Finished)
            assert text(pieces).strip()

    async def test_one_that_is_closed_early_leaves_nothing_behind(self) -> None:
        async with self.model() as model:
            await whole(model, asked("How are you?"))
            before = asyncio.all_tasks()
            for _ in range(3):
                answer = cast("Any", model.answer(asked("Tell me a story of many words.")))
                async with aclosing(answer) as pieces:
                    async for _ in pieces:
                        break
            if left := asyncio.all_tasks() - before:
                _, running = await asyncio.wait(left, timeout=PATIENCE)
                assert not running
            assert text(await whole(model, asked("How are you?"))).strip()

    async def test_one_that_is_cancelled_is_over(self) -> None:
        async with self.model() as model:
            for turns in range(5):
                task = asyncio.create_task(whole(model, asked("Tell me a story.")))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
                assert task.cancelled() or isinstance(task.result()[-1], Finished)
            assert text(await whole(model, asked("How are you?"))).strip()

    async def test_a_conversation_with_calls_goes_on(self) -> None:
        told = (
            "What is the weather in Oslo and in Rome?",
            Said(Role.ASSISTANT, "Let me see."),
            Call("call_1", "weather", '{"place": "Oslo"}'),
            Call("call_2", "weather", '{"place": "Rome"'),  # as models write sometimes
            Outcome("call_1", "Snow"),
            Outcome("call_2", "Sun"),
        )
        async with self.model() as model:
            pieces = await whole(model, asked(*told, tools=(WEATHER,), tool_choice="none"))
        assert text(pieces).strip()

    async def test_calls_say_what_they_are_in_their_first_piece(self) -> None:
        async with self.model() as model:
            request = asked("What is the weather in Oslo?", tools=(WEATHER,), max_tokens=200)
            pieces = await whole(model, request)
        begun: set[int] = set()
        for piece in pieces:
            if isinstance(piece, CallPiece):
                is_first = piece.index not in begun
                assert bool(piece.id) == bool(piece.name) == is_first
                begun.add(piece.index)
        assert begun == set(range(len(begun)))

    @pytest.mark.parametrize("said", ["", " ", "\0", "\ud800", "“«🙂»”", "東京" * 500])
    async def test_whatever_was_said_is_answered(self, said: str) -> None:
        async with self.model() as model:
            pieces = await whole(model, asked("Hello.", Said(Role.ASSISTANT, "Hi."), said))
        assert isinstance(pieces[-1], Finished)

"""The chat models keep the contract: the offline one, and OpenAI's way over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sotto.interfaces.chat import ChatModel
from sotto.plugins.llm.openai_chat import OpenAIChat
from sotto.plugins.llm.parrot import Parrot
from sotto.testing.chat import ChatContract
from tests.chat_server import Calls, ChatServer


class TestParrot(ChatContract):
    def make(self) -> ChatModel:
        return Parrot()


class TestOpenAIChat(ChatContract):
    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with ChatServer() as server:
            server.on("in Oslo?", Calls("weather", '{"place": "Oslo"}'))
            self.url = server.url
            yield

    def make(self) -> ChatModel:
        return OpenAIChat(url=self.url, key="sk-of-a-test")

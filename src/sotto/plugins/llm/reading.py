"""One answer, as the lines of its stream come."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import CallPiece, ChatPiece, Finish, Finished, Piece
from sotto.plugins.llm.chat_wire import NO_ANSWER, ToolCall, chunk_of
from sotto.plugins.llm.thinking import Thinking

MOST_TEXT = 100_000
"""Characters of an answer, and of all its calls' arguments."""
MOST_CALLS = 32

_WHY = {"length": Finish.LENGTH, "content_filter": Finish.FILTER}


class Reading:
    """Lines in, pieces out; `finished` once the server said why the answer ends."""

    def __init__(self) -> None:
        self._thinking = Thinking()
        self._calls: list[str] = []
        """Ids, by index."""
        self._numbers: dict[int, int] = {}
        """The server's number of the last call that it has it for → index."""
        self._is_begun = False
        self._length = 0
        self._why: Finish | None = None
        self._tokens = (0, 0)

    @property
    def is_over(self) -> bool:
        """Whether the server said why the answer ends; what it took may follow."""
        return self._why is not None

    @property
    def is_counted(self) -> bool:
        """Whether it said what the answer took."""
        return any(self._tokens)

    def receive(self, line: bytes) -> Iterator[ChatPiece]:
        """The pieces of one line. Raises ChatUnavailable."""
        self._is_begun = True
        chunk = chunk_of(line)
        if chunk.error:
            raise ChatUnavailable("expected more of the language model's answer, got an error")
        if chunk.usage is not None:
            self._tokens = (chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0)
        for choice in (chunk.choices or [])[:1]:
            if choice.delta is not None:
                yield from self._words(choice.delta.content or choice.delta.refusal or "")
                for call in choice.delta.tool_calls or []:
                    yield self._call(call)
            if choice.finish_reason:
                self._why = _WHY.get(choice.finish_reason, Finish.STOP)

    def finish(self) -> Iterator[ChatPiece]:
        """No more lines come. Raises ChatUnavailable where the answer has no end."""
        if not self._is_begun:
            raise ChatUnavailable(NO_ANSWER)
        if self._why is None:
            raise ChatUnavailable("the language model broke off its answer")
        if held := self._thinking.finish():
            yield Piece(held)
        yield Finished(self._why, *self._tokens)

    def _words(self, content: str) -> Iterator[Piece]:
        self._add(content)
        text = self._thinking.receive(content) if content else ""
        if text:
            yield Piece(text)

    def _call(self, call: ToolCall) -> CallPiece:
        index, is_new = self._place(call)
        name = (call.function.name if call.function else None) or ""
        arguments = (call.function.arguments if call.function else None) or ""
        self._add(name + arguments)
        if is_new:
            return CallPiece(index, self._calls[index], name, arguments)
        return CallPiece(index, arguments=arguments)

    def _place(self, call: ToolCall) -> tuple[int, bool]:
        """Which of the calls it is, and whether the first of it. Some servers number none of them,
        or all of them 0: another id is another call."""
        if call.id and call.id in self._calls:
            return self._calls.index(call.id), False
        number = call.index if call.index is not None else -1
        if not call.id and number in self._numbers:
            return self._numbers[number], False
        if len(self._calls) >= MOST_CALLS:
            raise ChatUnavailable(f"expected at most {MOST_CALLS} calls in an answer, got more")
        self._calls.append(call.id or f"call_{secrets.token_hex(8)}")
        self._numbers[number] = len(self._calls) - 1
        return len(self._calls) - 1, True

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self._length > MOST_TEXT:
            raise ChatUnavailable(f"expected at most {MOST_TEXT:,} characters, got more")

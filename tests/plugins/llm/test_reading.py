"""The stream of an answer, cut anywhere, with anything in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import CallPiece, ChatPiece, Finished, Piece
from sotto.plugins.llm.chat_wire import (
    DONE,
    Choice,
    Chunk,
    Delta,
    Tokens,
    ToolCall,
    data_lines,
)
from sotto.plugins.llm.reading import Reading
from sotto.plugins.llm.thinking import Thinking

STREAM = (
    ': hello\r\n\r\ndata: {"choices":[{"delta":{"content":"東京"}}]}\r\n\r\n'
    'event: x\ndata:{"choices":[]}\n\n\ndata: [DONE]\n\n'
).encode()


async def lines_of(parts: list[bytes]) -> list[bytes]:
    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return [line async for line in data_lines(body())]


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_how_the_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    lines = asyncio.run(lines_of([STREAM[a:b] for a, b in pairwise(edges)]))
    assert lines == [
        '{"choices":[{"delta":{"content":"東京"}}]}'.encode(),
        b'{"choices":[]}',
        DONE,
    ]


NAMES = [name for part in (Chunk, Choice, Delta, ToolCall, Tokens) for name in part.model_fields]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": st.none() | st.text(max_size=5),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {"function": st.fixed_dictionaries({"name": st.just("f")})},
                optional={"index": st.integers(0, 3), "id": st.sampled_from(["a", "b", ""])},
            ),
            max_size=3,
        ),
    },
)
CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"delta": DELTAS}), max_size=2)}
)


@given(st.lists(st.one_of(VALUES, CHUNKS).map(json.dumps) | st.text(max_size=20), max_size=8))
def test_whatever_comes_is_pieces_or_one_failure(lines: list[str]) -> None:
    reading, pieces = Reading(), list[ChatPiece]()
    with suppress(ChatUnavailable):
        for line in lines:
            pieces.extend(reading.receive(line.encode(errors="replace")))
        pieces.extend(reading.finish())
    begun: set[int] = set()
    for piece in pieces:
        match piece:
            case Piece(text=text):
                assert text
            case CallPiece(index=index, id=id):
                assert bool(id) == (index not in begun)
                begun.add(index)
            case Finished():
                assert piece is pieces[-1]
    assert begun == set(range(len(begun)))


PARTS = st.lists(st.sampled_from(["<think>", "</think>", "<", "th", "ink>", "a", " ", "\n"]))


@given(PARTS)
def test_how_thoughts_are_cut_changes_nothing(parts: list[str]) -> None:
    def said(pieces: list[str]) -> str:
        thinking = Thinking()
        return "".join([*map(thinking.receive, pieces), thinking.finish()]).strip()

    text = "".join(parts)
    assert said(parts) == said([text]) == said(list(text))
    if not text.lstrip().startswith("<think>"):
        assert said(parts) == text.strip()

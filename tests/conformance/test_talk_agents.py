"""A conversation with OpenAI's agents, in Python and under Node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.clients import AGENTS, AGENTS_IN_NODE
from tests.conformance.talk_served import (
    LAST,
    MORE,
    SHORT,
    Conversing,
    check,
    conversing,
    remembered,
    script,
)
from tests.speech import CLIP_TEXT

PYTHON = Path(__file__).with_name("agents_talk_calls.py")
NODE = Path(__file__).with_name("node_agents") / "talk_calls.js"


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversing]:
    with conversing(tmp_path_factory.mktemp("talk")) as running:
        yield running


def test_in_python(talk: Conversing) -> None:
    script(talk.chat)
    told = AGENTS.run(PYTHON, talk.realtime, str(talk.clip), MORE)
    check(talk, told)
    assert set(told["interrupted"]) == {1}
    knows_so_much(talk, told["said"])


def test_under_node(talk: Conversing) -> None:
    script(talk.chat)
    told = AGENTS_IN_NODE.run(NODE, talk.realtime, str(talk.clip), MORE)
    check(talk, told)
    assert told["lost"] == []
    assert told["interruptions"] > 0
    knows_so_much(talk, told["said"])


def knows_so_much(talk: Conversing, said: list[Any]) -> None:
    """That the client shows what the model was told."""
    first, heard, last = said
    assert (first, last) == (SHORT, LAST)
    *_, answer, turn = talk.asked(-1)
    assert answer["content"].strip() == heard.strip()
    assert turn["content"] == CLIP_TEXT
    remembered(talk.asked(-1))

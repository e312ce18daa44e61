"""A conversation with the frameworks that agents by voice are built with: pipecat, livekit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.clients import LIVEKIT, PIPECAT
from tests.conformance.talk_served import MORE, SHORT, Conversing, check, conversing, script
from tests.speech import CLIP_TEXT

LIVEKIT_CALLS = Path(__file__).with_name("livekit_talk_calls.py")
PIPECAT_CALLS = Path(__file__).with_name("pipecat_talk_calls.py")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversing]:
    with conversing(tmp_path_factory.mktemp("talk")) as running:
        yield running


def test_pipecat(talk: Conversing) -> None:
    """It greets, and writes a tool's outcome as JSON."""
    script(talk.chat, greets=True)
    told = PIPECAT.run(PIPECAT_CALLS, talk.realtime, str(talk.clip), MORE)
    greeting, short, _, last = told["answers"]
    assert greeting == SHORT
    sounds = told["sounds"][1:]
    check(talk, told | {"answers": [short, last], "sounds": sounds}, outcome='"in Oslo"')
    assert told["interruptions"] > 0


def test_livekit(talk: Conversing) -> None:
    script(talk.chat)
    words = (talk.url, str(talk.clip), MORE)
    told = LIVEKIT.run(LIVEKIT_CALLS, *words, "talk", "live", "file")
    short, _, last = told["talk"]["answers"]
    check(talk, told["talk"] | {"answers": [short, last]})
    assert " ".join(told["live"]["finals"]) == CLIP_TEXT
    assert {"start_of_speech", "interim_transcript"} <= set(told["live"]["types"])
    assert told["file"] == {"text": CLIP_TEXT, "language": "en"}

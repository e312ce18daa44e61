"""Vosk, as the clients that come with vosk-server speak: one answer to each message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sotto.app.setting_sources import Flag
from sotto.errors import BadOption, ProtocolViolation
from sotto.transcript.words import Segment, Word
from sotto.transports.vosk import Config, Order, parse_text, result
from tests.serving import Served, guarded
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

SOUND = pcm_s16le(CLIP).data
RATE = 16_000
PIECE = 6_400
"""Bytes: 0.2 seconds, as its Python clients send them."""
CONFIG = '{ "config" : { "sample_rate" : 16000 } }'
"""Byte for byte as its Python clients write it."""
EOF = '{"eof" : 1}'
RESET = '{"reset" : 1}'
IDLE = 0.3
"""Seconds after which the server with one place commits what was said."""


@dataclass
class Answers:
    """What came back, one by one."""

    all: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None

    @property
    def results(self) -> list[dict[str, Any]]:
        return [answer for answer in self.all if "text" in answer]

    @property
    def partials(self) -> list[str]:
        return [answer["partial"] for answer in self.all if "partial" in answer]

    @property
    def words(self) -> list[dict[str, Any]]:
        return [word for answer in self.results for word in answer.get("result", [])]

    @property
    def text(self) -> str:
        return " ".join(filter(None, (answer["text"] for answer in self.results)))


def check(answers: Answers) -> None:
    """What holds for every conversation that ends well."""
    assert answers.close_code == 1000
    for answer in answers.all:
        assert set(answer) in ({"partial"}, {"text"}, {"result", "text"}, {"alternatives"})
    for word in answers.words:
        assert set(word) == {"conf", "start", "end", "word"}
        assert 0 < word["conf"] <= 1
        assert word["word"] == word["word"].strip()
    for before, after in pairwise(answers.words):
        assert before["start"] <= before["end"] <= after["start"]


def pieces(sound: bytes = SOUND, size: int = PIECE) -> list[bytes]:
    return [sound[start : start + size] for start in range(0, len(sound), size)]


def url(server: Served, query: str = "") -> str:
    return f"ws://{server.host}/vosk{query}"


async def ask(
    address: str, messages: Iterable[str | bytes], config: str = CONFIG, pace: float = 0.0
) -> Answers:
    """Send each message when the one before is answered, then see that the server hangs up."""
    answers = Answers()
    async with connect(address) as socket:
        try:
            if config:
                await socket.send(config)
            for message in messages:
                await socket.send(message)
                answers.all.append(json.loads(await socket.recv()))
                await asyncio.sleep(pace)
            extra = [message async for message in socket]
            assert extra == [], "nobody waits for a second answer"
        except ConnectionClosed:
            pass
        answers.close_code = socket.close_code
    return answers


# ---- a conversation


@pytest.mark.parametrize("size", [PIECE, 1_001, len(SOUND)])
async def test_every_word_and_the_last(server: Served, size: int) -> None:
    answers = await ask(url(server), [*pieces(size=size), EOF])
    check(answers)
    assert len(answers.all) == len(pieces(size=size)) + 1
    assert answers.text == CLIP_TEXT
    assert [word["word"] for word in answers.words] == CLIP_TEXT.split()
    assert answers.words[0]["start"] < 0.8
    assert 5.5 < answers.words[-1]["end"] < 7.4


async def test_words_come_while_the_clip_still_plays(server: Served) -> None:
    answers = await ask(url(server), [*pieces(), EOF], pace=0.1)
    check(answers)
    assert answers.text == CLIP_TEXT
    assert len(answers.results) > 2
    assert any(answers.partials)
    for before, after in pairwise(answers.all):
        if before.get("text") and "partial" in after:
            assert not after["partial"].startswith(before["text"])


async def test_a_client_that_does_not_configure_sends_telephone_sound(server: Served) -> None:
    halved = (
        np.frombuffer(SOUND[: len(SOUND) // 4 * 4], "<i2")
        .reshape(-1, 2)
        .mean(axis=1)
        .astype("<i2")
        .tobytes()
    )
    answers = await ask(url(server), [*pieces(halved), EOF], config="")
    check(answers)
    assert answers.text.split()[:2] == ["nine", "two"]
    assert answers.words[-1]["word"] == "one"
    assert 5.5 < answers.words[-1]["end"] < 7.4


async def test_a_configuration_is_not_answered_and_may_come_in_parts(server: Served) -> None:
    async with connect(url(server)) as socket:
        for config in ('{"config":{"words":0}}', '{"config" : {"sample_rate" : 16000.0}}'):
            await socket.send(config)
        await socket.send(SOUND)
        assert json.loads(await socket.recv()) == {"partial": ""}
        await socket.send('{"config" : {"words" : true}}')  # too late: it is heard as it began
        await socket.send('{ "eof": 1 }')
        assert json.loads(await socket.recv()) == {"text": CLIP_TEXT}
        assert [message async for message in socket] == []
    assert socket.close_code == 1000


async def test_alternatives_if_asked_for(server: Served) -> None:
    config = '{"config" : { "max_alternatives" : 20, "sample_rate" : 16000 } }'
    answers = await ask(url(server), [SOUND, EOF], config)
    check(answers)
    (alternative,) = answers.all[-1]["alternatives"]
    assert alternative["text"] == CLIP_TEXT
    assert 0 < alternative["confidence"] <= 1
    assert [word["word"] for word in alternative["result"]] == CLIP_TEXT.split()
    assert all(set(word) == {"start", "end", "word"} for word in alternative["result"])


async def test_a_reset_tells_all_and_more_may_follow(server: Served) -> None:
    pause = RATE * 2  # one second
    answers = await ask(url(server), [SOUND[:pause], RESET, SOUND[pause:], '{"eof":1}'])
    check(answers)
    first, last = answers.all[1], answers.all[3]
    assert (first["text"], last["text"]) == ("nine", CLIP_TEXT.removeprefix("nine "))
    assert 5.5 < last["result"][-1]["end"] < 7.4, "time goes on"
    assert server.service.open_streams == 0


async def test_nothing_said_is_an_empty_text(server: Served) -> None:
    answers = await ask(url(server), [bytes(64_000), RESET, RESET, EOF])
    check(answers)
    assert answers.all == [{"partial": ""}, {"text": ""}, {"text": ""}, {"text": ""}]


async def test_a_phrase_list_is_taken(server: Served) -> None:
    config = (
        '{"config" : {"phrase_list" : ["one two", "[unk]"], "sample_rate" : 16000, "words" : 0}}'
    )
    answers = await ask(url(server), [SOUND, EOF], config)
    assert answers.all[-1] == {"text": CLIP_TEXT}


# ---- what goes wrong


@pytest.mark.parametrize(
    ("message", "close"),
    [
        ("hello", 1002),
        ("[]", 1002),
        ("{}", 1002),
        ('{"config": 7}', 1002),
        ("[" * 100_000, 1002),
        ('{"config": {"sample_rate": "fast"}}', 1007),
        ('{"config": {"sample_rate": NaN}}', 1007),
        ('{"config": {"words": "perhaps"}}', 1007),
        ('{"config": {"phrase_list": 7}}', 1007),
    ],
)
async def test_a_bad_message_is_told(server: Served, message: str, close: int) -> None:
    for before in ([], [bytes(640)]):
        answers = await ask(url(server), [*before, message], config="")
        assert answers.all[-1]["text"] == ""
        assert "expected" in answers.all[-1]["error"]
        assert answers.close_code == close


@pytest.mark.parametrize("rate", [1, 1e9, -16_000, 0])
async def test_a_rate_out_of_range_is_told(server: Served, rate: float) -> None:
    config = json.dumps({"config": {"sample_rate": rate}})
    answers = await ask(url(server), [bytes(640)], config)
    assert "expected a sample rate" in answers.all[-1]["error"]
    assert answers.close_code == 1007


async def test_what_came_before_half_a_sample_is_told_with_the_fault(server: Served) -> None:
    answers = await ask(url(server), [SOUND, b"\x00", EOF])
    assert answers.text == CLIP_TEXT
    assert "whole samples of 2 bytes" in answers.all[-1]["error"]
    assert answers.close_code == 1007


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server that asks for a key, with room for one stream and little patience; and a key."""
    folder: Path = tmp_path_factory.mktemp("keys")
    flags = [
        Flag("--max-sessions", "server.max_sessions", 1),
        Flag("--idle", "server.idle_flush", IDLE),
    ]
    with guarded(folder, *flags) as (served, key):
        yield served, key


async def test_sound_that_stops_coming_is_a_result_of_a_later_answer(
    full: tuple[Served, str],
) -> None:
    served, key = full
    answers = Answers()
    async with connect(url(served, f"?token={key}")) as socket:
        await socket.send(CONFIG)
        await socket.send(SOUND[: int(6.3 * RATE) * 2])
        answers.all.append(json.loads(await socket.recv()))
        async with asyncio.timeout(20):
            while answers.text != CLIP_TEXT:
                await asyncio.sleep(2 * IDLE)
                await socket.send(b"")
                answers.all.append(json.loads(await socket.recv()))
        await socket.send(EOF)
        assert json.loads(await socket.recv()) == {"text": ""}
        async for _ in socket:
            pass
    assert len(answers.results) > 1, "each utterance is a result of its own"


async def test_who_has_no_key_is_refused_at_the_upgrade(full: tuple[Served, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url(full[0]))
    assert refused.value.response.status_code == 401


async def test_one_too_many_is_told_in_its_first_answer(full: tuple[Served, str]) -> None:
    served, key = full
    address = url(served, f"?token={key}")
    async with connect(address) as first:
        await first.send(bytes(640))
        await first.recv()
        answers = await ask(address, [bytes(640)])
        assert answers.all[0]["text"] == ""
        assert "at most 1 streams" in answers.all[0]["error"]
        assert answers.close_code == 1013
        await first.send(EOF)
        assert json.loads(await first.recv()) == {"text": ""}
        async for _ in first:
            pass
    answers = await ask(address, [SOUND, RESET, EOF])  # a reset does not ask for a second place
    check(answers)
    assert answers.text == CLIP_TEXT


# ---- results


def segment(number: int, *texts: str) -> Segment:
    words = tuple(Word(text, 100 * n, 100 * n + 50, 0.5) for n, text in enumerate(texts))
    return Segment(number, 0, 500, words, "en")


def test_results_that_wait_are_one_at_the_end() -> None:
    joined = result([segment(0, " one", " two"), segment(1, " six")], Config(), offset=1_000)
    assert joined["text"] == "one two six"
    assert [word["word"] for word in joined["result"]] == ["one", "two", "six"]
    assert joined["result"][1] == {"conf": 0.5, "start": 11.0, "end": 11.5, "word": "two"}
    nothing = result([], Config(max_alternatives=1))
    assert nothing == {"alternatives": [{"confidence": 1.0, "text": ""}]}


# ---- whatever comes

ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("sample_rate", "words", "max_alternatives", "phrase_list", "model", "x")
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ANYTHING.map(json.dumps),
    st.dictionaries(st.sampled_from(["config", "eof", "reset"]), ANYTHING).map(json.dumps),
    st.dictionaries(st.sampled_from(KEYS), ANYTHING).map(lambda c: json.dumps({"config": c})),
)


@settings(deadline=None, max_examples=300)
@given(text=TEXTS)
@example('{"config": {"phrase_list": ["\\ud800"]}}')
@example('{"config": {"sample_rate": %s}}' % ("9" * 4_000))
@example('{"config":' * 9_999)
def test_a_text_is_an_order_or_refused(text: str) -> None:
    try:
        item = parse_text(text, Config())
    except (BadOption, ProtocolViolation) as error:
        assert error.message.startswith("expected")
        assert len(error.message) < 500
    else:
        assert isinstance(item, Config | Order)
        if isinstance(item, Order):
            assert item.value in json.loads(text)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    messages=st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.sampled_from([SOUND[:9_001], SOUND[40_000:90_000], RESET]),
            TEXTS,
        ),
        max_size=6,
    )
)
def test_every_message_has_its_answer(
    server: Served, no_traceback: None, messages: list[str | bytes]
) -> None:
    async def run() -> tuple[list[dict[str, Any]], int | None]:
        answers = []
        async with connect(url(server)) as socket:
            try:
                for message in [*messages, EOF]:
                    await socket.send(message)
                async for answer in socket:
                    answers.append(json.loads(answer))
            except ConnectionClosed:
                pass
            return answers, socket.close_code

    answers, close_code = asyncio.run(run())
    assert all(
        "partial" in answer or "text" in answer or "alternatives" in answer for answer in answers
    )
    if close_code == 1000:
        assert "partial" not in answers[-1]
        assert len(answers) <= len(messages) + 1
    else:
        assert close_code in (1002, 1007)

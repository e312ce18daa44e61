"""Whatever a client of WhisperLive sends: some options or a bad one, and an end in words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sotto.errors import BadOption
from sotto.transports.whisperlive.dialect import Options, parse_options, uid_of
from tests.serving import Served
from tests.transports.socket_talk import TEXTS, send
from tests.transports.whisperlive_client import END, FLOATS, url

FAST = settings(deadline=None, max_examples=200)
SLOW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "uid": st.text(max_size=9),
    "language": st.sampled_from([None, "", "en", "auto", "fr", "xx"]),
    "task": st.sampled_from([None, "transcribe", "translate", "sing"]),
    "model": st.sampled_from([None, "small", "nano", "tiny.en", ""]),
    "audio_format": st.sampled_from([None, "float32", "int16", "uint8", "?"]),
    "send_last_n_segments": st.integers(),
    "word_timestamps": st.booleans(),
    "vad_parameters": st.one_of(st.none(), st.fixed_dictionaries({"threshold": st.floats(0, 1)})),
}
FIRST = st.one_of(
    st.fixed_dictionaries({}, optional=LIKELY),
    st.fixed_dictionaries({}, optional=dict.fromkeys(LIKELY, ANYTHING)),
    ANYTHING,
).map(json.dumps)


@FAST
@given(text=st.one_of(FIRST, st.text(max_size=30)))
@example('{"uid": "\\ud800"}')
@example('{"send_last_n_segments": %s}' % ("9" * 4_400))
@example('{"uid":' * 9_999)
@example("\x00")
def test_options_are_some_or_a_bad_option(text: str) -> None:
    uid = uid_of(text)
    assert len(uid) <= 200
    try:
        options = parse_options(text)
    except BadOption as error:
        assert error.message.startswith("expected")
        assert len(error.message) < 500
    else:
        assert isinstance(options, Options)
        assert options.uid == uid


SAMPLES = st.sampled_from([END, FLOATS[:9_000], FLOATS[80_000:160_000]])


@SLOW
@given(
    first=st.one_of(FIRST, st.binary(max_size=30)),
    messages=st.one_of(
        st.lists(st.one_of(SAMPLES, st.binary(max_size=300)), max_size=6),
        st.lists(st.one_of(SAMPLES, TEXTS), max_size=6),
    ),
)
def test_every_stream_ends_in_words(
    server: Served, no_traceback: None, first: str | bytes, messages: list[str | bytes]
) -> None:
    async def run() -> tuple[list[dict[str, Any]], int | None]:
        answers = []
        async with connect(url(server), max_size=None) as socket:
            sending = asyncio.create_task(send(socket, [first, *messages, END]))
            try:
                async for message in socket:
                    answers.append(json.loads(message))
            except ConnectionClosed:
                pass
            await asyncio.gather(sending, return_exceptions=True)
            return answers, socket.close_code

    answers, close_code = asyncio.run(run())
    errors = [answer for answer in answers if answer.get("status") == "ERROR"]
    if close_code == 1000:
        assert errors == []
        assert answers[0]["message"] == "SERVER_READY"
    else:
        assert close_code in (1002, 1007)
        assert errors == answers[-1:]
        assert "expected" in errors[0]["message"]
    assert all(answer.get("segments", [1]) for answer in answers)

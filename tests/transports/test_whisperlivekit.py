"""WhisperLiveKit, as its test client, its page and its app speak and listen."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sotto.errors import BadOption
from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Segment
from sotto.transports.whisperlivekit.dialect import parse_parameters
from sotto.transports.whisperlivekit.lines import MAX_LINES, Board
from tests.serving import Served
from tests.speech import CLIP_TEXT, encoded
from tests.transports.socket_talk import SOUND, TEXTS, cut, send, word
from tests.transports.whisperlivekit_client import END, Client, at, check, talk, url

# ---- a stream


@pytest.mark.parametrize(
    ("query", "mode"),
    [("", "full"), ("?mode=full&language=en", "full"), ("?mode=diff", "diff")],
)
async def test_every_word_and_the_last(server: Served, query: str, mode: str) -> None:
    client = await talk(server, query, [*cut(), END])
    check(client, mode)
    assert client.text == CLIP_TEXT
    last = client.updates[-1]
    assert last["buffer_transcription"] == ""
    assert {line["speaker"] for line in last["lines"]} == {1}
    assert at(last["lines"][0]["start"]) < 0.8
    assert 5.5 < at(last["lines"][-1]["end"]) < 7.4


async def test_lines_say_the_language_where_it_was_not_named(server: Served) -> None:
    unnamed = await talk(server, "?language=auto", [*cut(), END])
    named = await talk(server, "?language=en", [*cut(), END])
    assert {line["detected_language"] for line in unnamed.updates[-1]["lines"]} == {"en"}
    assert all("detected_language" not in line for line in named.updates[-1]["lines"])


async def test_words_come_while_the_clip_still_plays(server: Served) -> None:
    client = Client()
    async with connect(url(server)) as socket:
        client.take(await socket.recv())
        await send(socket, cut()[:6])
        while not client.updates:
            client.take(await socket.recv())
        assert client.text.strip().startswith("nine")


@pytest.mark.parametrize("query", ["", "?mode=diff"])
async def test_a_line_of_a_diff_never_changes(server: Served, query: str) -> None:
    client = await talk(server, query, [*cut(), END])
    for before, after in pairwise(client.updates):
        kept = after["lines"][: len(before["lines"])]
        if query:
            assert kept == before["lines"]
        else:
            assert kept[:-1] == before["lines"][:-1]


@pytest.mark.parametrize("name", ["webm", "ogg"])
async def test_a_container_is_heard_though_raw_samples_were_asked_for(
    server: Served, name: str
) -> None:
    data = encoded(name, "libopus", 48_000, "s16")
    client = await talk(server, "", [*cut(data, 1_000), END])
    check(client)
    assert client.text.split()[:2] == ["nine", "two"]
    assert client.text.split()[-1] == "one"
    assert server.service.open_streams == 0


async def test_sound_that_stops_coming_becomes_a_line(server: Served) -> None:
    client = Client()
    async with connect(url(server, "?mode=diff")) as socket:
        client.take(await socket.recv())
        await send(socket, cut(SOUND[: int(6.3 * 32_000)]))
        async with asyncio.timeout(10):
            while " ".join(line["text"] for line in client.lines) != CLIP_TEXT:
                client.take(await socket.recv())


@pytest.mark.parametrize("sound", [[], [bytes(64_000)]])
async def test_nothing_heard_is_said(server: Served, sound: list[bytes]) -> None:
    client = await talk(server, "", [*sound, END])
    check(client)
    assert [update["status"] for update in client.updates] == ["no_audio_detected"]


# ---- what goes wrong


@pytest.mark.parametrize(
    "query", ["?language=klingon", "?language=fr", "?mode=sideways", "?mode=", "?language=%ff%00"]
)
async def test_bad_parameters_are_told_before_anything_else(server: Served, query: str) -> None:
    client = await talk(server, query, [])
    assert client.config == {}
    assert "expected" in client.error
    assert client.close_code == 4400


@pytest.mark.parametrize(("message", "close"), [("hello", 1002), (b"\x1aE\xdf\xa3" * 200, 1007)])
async def test_a_bad_message_is_told(server: Served, message: str | bytes, close: int) -> None:
    client = await talk(server, "", [message, END])
    assert "expected" in client.error
    assert client.close_code == close
    assert not client.done


async def test_what_came_before_half_a_sample_is_told(server: Served) -> None:
    client = await talk(server, "", [SOUND, b"\x00", END])
    assert client.text == CLIP_TEXT
    assert "whole samples of 2 bytes" in client.error


@pytest.mark.parametrize("query", ["", "?token=sk-sotto-wrong"])
async def test_who_has_no_token_is_let_in_and_shown_out(
    full: tuple[Served, str], query: str
) -> None:
    async with connect(url(full[0], query)) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert socket.close_code == 4401


async def test_one_too_many_is_told_so_and_the_next_one_is_not(full: tuple[Served, str]) -> None:
    served, key = full
    query = f"?token={key}"
    async with connect(url(served, query)) as first:
        await first.recv()
        client = await talk(served, query, [])
        assert "at most 1 streams" in client.error
        assert client.close_code == 1013
        await first.send(END)
        async for _ in first:
            pass
    opus = encoded(
        "webm", "libopus", 48_000, "s16"
    )  # whose kind is found out in the one place that there is
    check(await talk(served, query, [opus, END]))


# ---- lines of events


def final(number: int, start: int, end: int, text: str = " one") -> Final:
    words = (word(text, start, end),) if text else ()
    return Final(Segment(number, start, end, words, "en"))


def shown(board: Board, *events: Event) -> dict[str, Any]:
    for event in events:
        board.receive(event)
    return board.full(1_000)


def test_an_open_utterance_is_the_last_line_and_its_tail_the_buffer() -> None:
    board = Board(detects=False)
    two = word(" two", 0, 40)
    update = shown(board, Partial(0, (two, word(" eight", 41, 60)), 70), Committed(0, (two,)))
    assert [line["text"] for line in update["lines"]] == ["two"]
    assert update["buffer_transcription"] == " eight"
    assert update["remaining_time_transcription_processing"] == 9.3
    assert update["remaining_time_transcription_policy"] == 0.3
    update = board.next_diff(1_000)
    assert (update["lines"], update["buffer_transcription"]) == ([], " two eight")


@pytest.mark.parametrize(("gap", "speakers"), [(499, [1, 1]), (500, [1, -2, 1])])
def test_five_seconds_without_speech_are_a_line(gap: int, speakers: list[int]) -> None:
    update = shown(Board(detects=False), final(0, 0, 100), final(1, 100 + gap, 700))
    assert [line["speaker"] for line in update["lines"]] == speakers
    if -2 in speakers:
        silence = update["lines"][1]
        assert not silence["text"]
        assert (silence["start"], silence["end"]) == ("0:00:01.00", "0:00:06.00")


def test_times_go_on_past_an_hour() -> None:
    update = shown(Board(detects=False), final(0, 366_105, 366_200))
    assert (update["lines"][0]["start"], update["lines"][0]["end"]) == ("1:01:01.05", "1:01:02.00")


@pytest.mark.parametrize("each", [1, 7, 1_500])
def test_a_long_talk_loses_its_oldest_lines_in_step(each: int) -> None:
    board, client = Board(detects=False), Client()
    for number in range(MAX_LINES + 20):
        start = number * 10
        board.receive(final(number, start, start + 9, f" {number}"))
        if number % each == 0:
            client.take(json.dumps(board.next_diff(start)))
    client.take(json.dumps(board.next_diff(0)))
    assert client.lines == board.full(0)["lines"]
    assert len(client.lines) == MAX_LINES
    assert client.lines[-1]["text"] == str(MAX_LINES + 19)


# ---- whatever comes


@settings(deadline=None, max_examples=200)
@given(
    query=st.dictionaries(
        st.sampled_from(["language", "mode", "target_language", "x"]),
        st.one_of(st.text(max_size=20), st.sampled_from(["en", "auto", "full", "diff", "de"])),
    )
)
def test_parameters_are_some_or_a_bad_option(query: dict[str, str]) -> None:
    try:
        parameters = parse_parameters(query)
    except BadOption as error:
        assert error.param in ("language", "mode")
        assert len(error.message) < 500
    else:
        assert parameters.mode == query.get("mode", "full")


SAMPLES = st.one_of(st.binary(max_size=300), st.sampled_from([SOUND[:9_001], SOUND[40_000:]]))
CONTAINERS = st.sampled_from([b"OggS" * 9, b"\x1aE\xdf\xa3" * 40])


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    query=st.sampled_from(["", "?mode=diff"]),
    messages=st.one_of(
        st.lists(st.one_of(SAMPLES, CONTAINERS), max_size=6),
        st.lists(st.one_of(SAMPLES, TEXTS), max_size=6),
    ),
)
def test_every_stream_ends_in_words(
    server: Served, no_traceback: None, query: str, messages: list[str | bytes]
) -> None:
    client = asyncio.run(talk(server, query, [*messages, END]))
    if client.error:
        assert "expected" in client.error
        assert client.close_code in (1002, 1007)
    else:
        check(client, "diff" if query else "full")

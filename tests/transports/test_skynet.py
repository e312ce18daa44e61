"""Skynet's streaming-whisper, as Jigasi and Skynet's own page speak it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import time
import uuid
import wave
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sotto.app.settings import load
from sotto.runtime.access import Caller, Open, Scope
from sotto.transports.skynet.frames import END
from tests.digits import monologue, orders, spoken
from tests.serving import Served, serving, watched
from tests.speech import CLIP_TEXT
from tests.transports.skynet_client import (
    QUIET,
    Meeting,
    at_rest,
    check,
    eventually,
    hold,
    jigasi,
    new_meeting,
    page,
    read,
    stored,
    url,
)
from tests.transports.socket_talk import HALF_SECOND, SOUND, cut

# ---- words


@pytest.mark.parametrize("write", [jigasi, page])
@pytest.mark.parametrize("language", ["en", "en-US", "EN"])
async def test_a_meeting_as_public_clients_hold_it(
    server: Served, write: Callable[..., bytes], language: str
) -> None:
    who = "4e5bdcb2-7a7b-4c2c-9f25-1f3f5a8f9f1c"
    held = await hold(
        server,
        [*(write(who, language, piece) for piece in cut(SOUND)), END],
        pace=0.05,
        additional_headers={"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"},
    )
    check(held)
    assert held.close_code == 1000
    assert held.text(who) == CLIP_TEXT
    assert {message["participant_id"] for message in held.messages} == {who}


async def test_interims_come_while_somebody_speaks(server: Served) -> None:
    pieces = [jigasi("a", "en", piece) for piece in cut(SOUND, 3_200)]
    held = await hold(server, [*pieces, END], pace=0.1)
    check(held)
    finals, interims = held.of("a"), held.of("a", "interim")
    assert " ".join(final["text"] for final in finals) == CLIP_TEXT
    assert len(interims) >= 4
    for interim in interims:
        final = next(final for final in finals if final["id"] == interim["id"])
        assert interim["ts"] == final["ts"]
    told = [message["text"] for message in interims]
    assert all(told[i] != told[i + 1] for i in range(len(told) - 1))


async def test_the_last_word_is_told_after_the_end(server: Served) -> None:
    """The sound stops in the middle of speech: only the end says that it is over."""
    held = await hold(server, [jigasi("a", "en", SOUND), END])
    check(held)
    assert held.text("a").split()[-1] == CLIP_TEXT.split()[-1]
    assert held.close_code == 1000


async def test_an_utterance_is_told_when_it_began(server: Served) -> None:
    began = time.time()
    pieces = [QUIET, *cut(SOUND, 3_200)[:20]]
    held = await hold(server, [*(jigasi("a", "en", piece) for piece in pieces), END], pace=0.1)
    # a second of silence came at once, so that what follows lies a second before its sending
    assert held.of("a")[0]["ts"] / 1_000 == pytest.approx(began, abs=1.5)
    stamp = uuid.UUID(held.of("a")[0]["id"]).int >> 80
    assert stamp == held.of("a")[0]["ts"]


async def test_what_stops_coming_is_told_while_the_meeting_goes_on(server: Served) -> None:
    async with connect(url(server, new_meeting())) as socket:
        began = time.monotonic()
        for piece in cut(SOUND[: 2 * HALF_SECOND]):
            await socket.send(jigasi("a", "en", piece))
        async with asyncio.timeout(20):
            while (told := json.loads(await socket.recv()))["type"] != "final":
                pass
        assert told["text"] == "nine"
        assert time.monotonic() - began > 1.5  # Skynet's flush after two seconds
        assert socket.close_code is None


async def test_monologues_are_cut_at_ten_seconds(server: Served) -> None:
    meeting, sound = new_meeting(), monologue(7)
    said = [*(jigasi("a", "en", piece) for piece in cut(sound)), END]
    check(await hold(server, said, meeting=meeting))
    segments = await server.service.store.segments(f"skynet/anyone/{meeting}/a")
    lengths = [segment.end - segment.start for segment in segments]
    assert len(sound) / 32_000 > 25
    assert len(lengths) >= 3
    assert max(lengths) <= 1_000
    assert min(lengths[:-1]) > 600


async def test_eight_speakers_on_one_socket_do_not_mix(server: Served) -> None:
    """No two say the digits in the same order; each hears what it hears alone."""
    parts = {f"speaker-{n}": cut(spoken(*order)) for n, order in enumerate(orders())}
    alone = {}
    for who, pieces in parts.items():
        held = await hold(server, [*(jigasi(who, "en", piece) for piece in pieces), END])
        alone[who] = held.text(who)
    assert len(set(alone.values())) == 8
    assert sum(text == " ".join(o) for text, o in zip(alone.values(), orders(), strict=True)) >= 6
    rounds = range(max(map(len, parts.values())))
    said = [jigasi(who, "en", parts[who][n]) for n in rounds for who in parts if parts[who][n:]]
    together = await hold(server, [*said, END])
    check(together)
    assert {who: together.text(who) for who in parts} == alone


@pytest.mark.parametrize("language", ["fr", "xx", "null", "", "auto", "en-US"])
async def test_no_language_breaks_a_meeting(server: Served, language: str) -> None:
    held = await hold(server, [jigasi("a", language, SOUND), END])
    check(held)
    assert held.text("a") == CLIP_TEXT


async def test_a_header_may_fill_its_sixty_bytes(server: Served) -> None:
    who = "ü" * 28  # 56 bytes
    held = await hold(server, [jigasi(who, "en ", SOUND), END])
    check(held)
    assert held.text(who) == CLIP_TEXT


async def test_a_message_of_silence_starts_nothing(server: Served) -> None:
    held = await hold(server, [jigasi("a", "en", b""), jigasi("a", "en", QUIET), END])
    assert (held.messages, held.close_code) == ([], 1000)


# ---- how it ends


async def test_what_was_said_is_stored_though_jigasi_hangs_up_at_once(server: Served) -> None:
    meeting = new_meeting()
    with watched() as records:
        async with connect(url(server, meeting)) as socket:
            for piece in cut(SOUND):
                await socket.send(jigasi("a", "en", piece))
                await asyncio.sleep(0.02)
            await socket.send(END)
            await asyncio.sleep(0.02)
            socket.transport.abort()
        await eventually(lambda: stored(server, "anyone", meeting, "a"), CLIP_TEXT)
        await at_rest(server)
        assert records == []


@pytest.mark.parametrize("abort", [False, True])
async def test_what_was_said_is_stored_without_an_end(server: Served, abort: bool) -> None:
    meeting = new_meeting()
    async with connect(url(server, meeting), max_queue=None) as socket:
        for piece in cut(SOUND):
            for who in "ab":
                await socket.send(jigasi(who, "en", piece))
                await asyncio.sleep(0.02)
        if abort:
            socket.transport.abort()
    for who in "ab":
        await eventually(lambda who=who: stored(server, "anyone", meeting, who), CLIP_TEXT)  # type: ignore[misc]


async def test_who_comes_back_carries_on(server: Served) -> None:
    """The old socket still looks open: its speaker's stream is ended first."""
    meeting, half = new_meeting(), len(SOUND) // 4 * 2
    async with connect(url(server, meeting)) as old:
        first, heard = Meeting(), asyncio.create_task(old.recv())
        await old.send(jigasi("a", "en", SOUND[:half]))
        first.messages.append(json.loads(await heard))
        reading = asyncio.create_task(read(old, first))
        second = await hold(server, [jigasi("a", "en", SOUND[half:]), END], meeting=meeting)
        await old.send(jigasi("a", "en", SOUND))  # not heard: it is carried on elsewhere
        await old.send(jigasi("b", "en", SOUND))
        await old.send(END)
        await reading
    check(first)
    check(second)
    segments = await server.service.store.segments(f"skynet/anyone/{meeting}/a")
    assert [segment.id for segment in segments] == list(range(len(segments)))
    assert " ".join(s.text for s in segments) == f"{first.text('a')} {second.text('a')}"
    assert len(first.text("a").split()) + len(second.text("a").split()) == len(CLIP_TEXT.split())
    assert first.text("b") == CLIP_TEXT
    assert first.close_code == 1000


BAD: list[bytes | str] = [
    b"",
    b"\x01",
    b"a|en",
    b"\x00" * 59,
    b"\x00" * 60,
    b"a".ljust(60, b"\0") + SOUND[:640],
    b"|en".ljust(60, b"\0") + SOUND[:640],
    b"\xff\xfe|en".ljust(60, b"\0") + SOUND[:640],
    "ü".join(["a"] * 21).encode()[:60] + SOUND[:640],
    "a|en",
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
async def test_a_bad_message_ends_the_meeting_after_its_last_word(
    server: Served, bad: bytes | str
) -> None:
    held = await hold(server, [jigasi("a", "en", SOUND), bad])
    check(held)
    assert held.close_code == 1002
    assert (held.close_reason or "").startswith("protocol_violation: expected a header")
    assert held.text("a") == CLIP_TEXT


async def test_an_id_that_is_too_long_is_refused(server: Served) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await hold(server, [], meeting="m" * 257)
    assert refusal.value.response.status_code == 400


async def test_a_token_of_another_meeting_or_speaker(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def admit(self: Open, token: str | None, scope: Scope) -> Caller:
        asked.append(token)
        return Caller(name="a/b", meeting="mine", speaker="me")

    monkeypatch.setattr(Open, "admit", admit)
    with pytest.raises(InvalidStatus) as refusal:
        await hold(server, [], meeting="other?auth_token=in-query")
    assert refusal.value.response.status_code == 403
    meeting = "mine?auth_token=in-query"
    said = [jigasi("me", "en", SOUND), jigasi("else", "en", SOUND), END]
    held = await hold(
        server, said, meeting=meeting, additional_headers={"Authorization": "Bearer in-header"}
    )
    check(held)
    assert asked == ["in-query", "in-header"]
    assert held.text("me") == CLIP_TEXT
    assert {message["participant_id"] for message in held.messages} == {"me"}
    assert await stored(server, "a%2Fb", "mine", "me") == CLIP_TEXT


async def test_a_full_server_says_come_back(server: Served) -> None:
    limits = server.service.limits
    server.service.limits = replace(limits, max_sessions=0)
    try:
        held = await hold(server, [jigasi("a", "en", SOUND[:640])])
    finally:
        server.service.limits = limits
    assert (held.messages, held.close_code) == ([], 1013)


async def test_one_speaker_too_many_leaves_the_others_alone(server: Served) -> None:
    limits = server.service.limits
    await at_rest(server)
    server.service.limits = replace(limits, max_sessions=1)
    try:
        async with connect(url(server, new_meeting())) as socket:
            held = Meeting()
            await socket.send(jigasi("a", "en", SOUND))
            held.messages.append(json.loads(await socket.recv()))  # a is heard
            reading = asyncio.create_task(read(socket, held))
            for message in (jigasi("b", "en", SOUND), jigasi("a", "en", SOUND), END):
                await socket.send(message)
            await reading
    finally:
        server.service.limits = limits
    check(held)
    assert held.text("a") == f"{CLIP_TEXT} {CLIP_TEXT}"
    assert held.text("b") == ""
    assert held.close_code == 1000


def test_finals_carry_their_sound_where_that_is_wanted() -> None:
    with serving(load(environ={"SOTTO_SERVER__SKYNET_AUDIO": "1"})) as server:
        held = asyncio.run(
            hold(server, [*(jigasi("ann", "en", piece) for piece in cut(SOUND)), END])
        )
    assert held.text("ann") == CLIP_TEXT
    place = 0
    for final in held.of("ann"):
        with wave.open(io.BytesIO(base64.b64decode(final["audio"], validate=True))) as file:
            form = (file.getframerate(), file.getsampwidth(), file.getnchannels())
            samples = file.readframes(file.getnframes())
        assert form == (16_000, 2, 1)
        assert len(samples) > 10_000
        place = SOUND.index(samples, place)
        assert place % 2 == 0
    assert all(interim["audio"] == "" for interim in held.of("ann", "interim"))


# ---- whatever comes


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    messages=st.lists(
        st.one_of(
            st.builds(
                jigasi,
                st.sampled_from(["a", "b", "ü", "x" * 40]),
                st.sampled_from(["en", "en-US", "fr", "??"]),
                st.one_of(
                    st.binary(max_size=300),
                    st.integers(0, 100_000).map(lambda at: SOUND[at : at + 9_001]),
                ),
            ),
            st.binary(max_size=100),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        ),
        max_size=6,
    ),
    end=st.booleans(),
)
async def test_whatever_is_sent_the_meeting_ends_in_order(
    server: Served, messages: list[bytes | str], end: bool
) -> None:
    with watched() as records:
        if end:
            held = await hold(server, [*messages, END])
            check(held)
            assert held.close_code in (1000, 1002)
        else:
            async with connect(url(server, new_meeting())) as socket:
                with contextlib.suppress(ConnectionClosed):
                    for message in messages:
                        await socket.send(message)
        assert records == []

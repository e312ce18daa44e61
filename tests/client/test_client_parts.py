"""The pure parts: sound, messages, errors, patience; and the inbox."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto import errors
from sotto.audio.format import Encoding, PcmFormat, PcmReader
from sotto.client import Patience, StreamOptions, Unreachable
from sotto.client.events import Committed, Event, Final, Partial, SpeechStarted, Word
from sotto.client.failures import answered, hung_up, may_resume, told
from sotto.client.inbox import Inbox
from sotto.client.patience import Tries
from sotto.client.sound import Encoder
from sotto.client.wire import Place, config, config_at, parse, pcm_format
from sotto.transports.stream import Config, error_to_json


@given(
    st.sampled_from([PcmFormat(), PcmFormat(Encoding.PCM_F32LE, 8_000, 3)]),
    st.binary(max_size=400),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_how_bytes_are_cut_changes_nothing(pcm, data, cuts):
    encoder = Encoder(pcm, most=4 * pcm.bytes_per_frame)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    sent = [message for at, end in pairwise(places) for message in encoder.receive(data[at:end])]
    whole = len(data) - len(data) % pcm.bytes_per_frame
    assert b"".join(sent) == data[:whole]
    assert all(0 < len(each) <= 4 * pcm.bytes_per_frame for each in sent)
    assert all(len(each) % pcm.bytes_per_frame == 0 for each in sent)
    if whole == len(data):
        encoder.finish()
    else:
        with pytest.raises(errors.BadAudio, match="expected whole samples"):
            encoder.finish()


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.PCM_F32LE])
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("channels", [1, 2])
def test_arrays_arrive_as_the_samples_that_they_are(encoding, dtype, channels):
    pcm = PcmFormat(encoding, 16_000, channels)
    real = np.linspace(-1, 1, 2_000 * channels, dtype=np.float32).reshape(-1, channels)
    given_samples = real if dtype == np.float32 else (real * 32_767).astype(np.int16)
    if channels == 1:
        given_samples = given_samples[:, 0]
    sent = b"".join(Encoder(pcm, 256).receive(given_samples))
    assert np.allclose(PcmReader(pcm).receive(sent), real.mean(axis=1), atol=1 / 16_000)


@pytest.mark.parametrize(
    ("samples", "pcm"),
    [
        (np.zeros(4), PcmFormat()),
        (np.zeros((2, 2), np.float32), PcmFormat()),
        (np.zeros(3, np.float32), PcmFormat(channels=2)),
        (np.array([np.nan], np.float32), PcmFormat()),
        (np.zeros(4, np.float32), PcmFormat(Encoding.MULAW, 8_000)),
    ],
)
def test_arrays_that_are_no_such_sound(samples, pcm):
    with pytest.raises(errors.BadAudio, match="expected"):
        list(Encoder(pcm, 256).receive(samples))


def test_the_options_are_those_of_the_protocol():
    names = StreamOptions.__annotations__.keys()
    own = {"model_size", "session", "at", "heard", "received"}
    assert names == Config.model_fields.keys() - own


def test_where_a_stream_goes_on_is_told_as_the_protocol_has_it():
    options: StreamOptions = {"language": "en", "sample_rate": 8_000}
    first = config(options, pcm_format(options))
    begun = Config.model_validate_json(config_at(first, Place(None, 0.0, 0)))
    assert (begun.session, begun.at, begun.heard, begun.received) == (None, 0.0, 0.0, 0)
    assert begun.language == "en"
    later = Config.model_validate_json(config_at(first, Place("s1", 12.345, 3, 13.345)))
    assert (later.session, later.at, later.heard, later.received) == ("s1", 12.345, 13.345, 3)


def test_a_misspelled_option_is_an_error():
    options: StreamOptions = {"langauge": "en"}  # type: ignore[typeddict-unknown-key]
    with pytest.raises(errors.BadOption, match="got 'langauge'") as refused:
        config(options, pcm_format(options))
    assert refused.value.param == "langauge"


@pytest.mark.parametrize("encoding", ["webm", "mel8", "mp3"])
def test_what_cannot_be_sent_again_from_the_middle_is_not_taken(encoding):
    with pytest.raises(errors.BadOption, match="expected one of pcm_s16le"):
        pcm_format({"encoding": encoding})


def test_a_word_is_read_as_the_wire_has_it():
    word = {"word": " nine", "start": 0.74, "end": 1.12, "probability": 0.93}
    message = {"type": "committed", "utterance": 0, "text": " nine", "words": [word], "new": 1}
    heard = parse(json.dumps(message), "ws://host")
    assert heard == Committed(0, " nine", (Word(" nine", 0.74, 1.12, 0.93),))


def test_a_message_of_a_newer_server_is_let_pass():
    assert parse('{"type": "sung", "notes": []}', "ws://host") is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        b"\xff",
        "{" * 100_000,
        '{"type": 1}',
        '{"type": "final"}',
        '{"type": "acknowledged", "until": 1e999}',
        '{"type": "acknowledged", "until": NaN}',
        '{"type": "speech_started", "utterance": -1, "at": 0}',
        '{"type": "committed", "utterance": 0, "text": "", "words": [{"word": 1}]}',
    ],
)
def test_a_message_that_is_none_of_the_protocol(message):
    with pytest.raises(errors.ServerError, match="expected the messages of /stream from ws://host"):
        parse(message, "ws://host")


@given(st.text() | st.binary())
def test_no_message_breaks_the_reader(message):
    """It says what is wrong, or passes over what it does not know yet."""
    try:
        assert parse(message, "ws://host") is None
    except errors.ServerError as error:
        assert "ws://host" in error.message


@pytest.mark.parametrize(
    "error",
    [
        errors.Unauthorized("no key"),
        errors.Overloaded("full"),
        errors.RateLimited("too often", 7.0),
        errors.UnknownModel("huge", ["nano"]),
        errors.BadOption("overlap", "expected less"),
        errors.Draining("bye"),
        errors.EngineFailed("broke"),
    ],
)
def test_an_error_of_the_server_is_the_same_here(error):
    heard = told(error_to_json(error))
    assert type(heard) is type(error)
    assert heard.message == error.message
    assert (heard.retryable, heard.retry_after) == (error.retryable, error.retry_after)
    assert getattr(heard, "param", None) == getattr(error, "param", None)


def test_an_error_that_nobody_knows_yet():
    assert type(told({"code": "new", "message": "x", "retryable": True})) is errors.ServerError
    assert type(told({"code": "new", "message": "x", "retryable": False})) is errors.CallerError
    assert told({}).message == "the server gave no reason"
    assert told({"code": "overloaded", "retry_after": "soon"}).retry_after == 1.0


@pytest.mark.parametrize(
    ("code", "kind", "resumes"),
    [
        (None, Unreachable, True),
        (1001, Unreachable, True),
        (1002, errors.ProtocolViolation, False),
        (1007, errors.BadAudio, False),
        (1008, errors.CallerError, False),
        (1009, errors.TooLarge, False),
        (1011, errors.ServerError, True),
        (1012, errors.Draining, True),
        (1013, errors.Overloaded, True),
    ],
)
def test_a_broken_line_is_tried_again_and_a_refusal_is_not(code, kind, resumes):
    error = hung_up("ws://host", code)
    assert type(error) is kind
    assert may_resume(error) is resumes


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.CallerError),
        (401, errors.Unauthorized),
        (404, errors.CallerError),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (502, Unreachable),
        (503, errors.Overloaded),
    ],
)
def test_a_status_is_an_error(status, kind):
    error = answered("host", status, "7", None)
    assert type(error) is kind
    assert error.retry_after == 7.0


def test_waits_grow_and_have_an_end():
    tries = Tries(Patience(), chance=lambda: 0.0)
    waits = [tries.next(lasted=0, retry_after=None) for _ in range(11)]
    assert waits == [0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15, None]


def test_what_helps_is_a_new_beginning():
    tries = Tries(Patience(), chance=lambda: 0.0)
    tries.next(lasted=0, retry_after=None)
    assert tries.next(lasted=0, retry_after=None) == 1
    tries.progress()
    assert tries.next(lasted=0, retry_after=None) == 0.5
    assert tries.next(lasted=10, retry_after=None) == 0.5


def test_a_server_that_asks_to_wait_is_waited_for_and_not_by_all_at_once():
    assert Tries(Patience(), lambda: 0.0).next(lasted=0, retry_after=7) == 7
    assert Tries(Patience(), lambda: 1.0).next(lasted=0, retry_after=10) == pytest.approx(13)
    assert Tries(Patience(), lambda: 0.0).next(lasted=0, retry_after=1e8) == 600
    assert Tries(Patience(tries=0)).next(lasted=0, retry_after=None) is None


async def test_a_partial_that_is_out_of_date_is_left_out():
    inbox = Inbox(10, 60.0)
    final = Final(0, "one", 0, 1, "en")
    for event in (Partial(0, " o", (), 1), Partial(0, " one", (), 2), final, Partial(1, "", (), 3)):
        await inbox.put(event)
    inbox.close()
    assert [event async for event in _all(inbox)] == [final, Partial(1, "", (), 3)]


async def test_who_never_reads_is_told_so_and_takes_no_more_room():
    inbox = Inbox(3, 0.01)
    for number in range(3):
        await inbox.put(SpeechStarted(number, 0.0))
    with pytest.raises(errors.TooSlow, match="expected a program that reads its events, got 3"):
        await inbox.put(SpeechStarted(3, 0.0))
    assert await inbox.take() == SpeechStarted(0, 0.0)


async def test_who_puts_waits_for_who_takes():
    inbox = Inbox(1, 60.0)
    await inbox.put(SpeechStarted(0, 0.0))
    putting = asyncio.create_task(inbox.put(SpeechStarted(1, 0.0)))
    assert await inbox.take() == SpeechStarted(0, 0.0)
    await putting
    inbox.close(Unreachable("gone"))
    assert await inbox.take() == SpeechStarted(1, 0.0)
    for _ in range(2):
        with pytest.raises(Unreachable):
            await inbox.take()


async def _all(inbox: Inbox):
    while (event := await inbox.take()) is not None:
        yield event


def test_an_event_is_frozen():
    event: Event = SpeechStarted(0, 0.0)
    with pytest.raises(AttributeError):
        event.at = 1.0  # type: ignore[misc]

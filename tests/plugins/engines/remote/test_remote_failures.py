"""What comes of another server that fails, or is busy, slow or away."""

from __future__ import annotations

import logging
import threading

import pytest

from sotto.errors import BadOption, EngineFailed, ModelUnavailable
from sotto.plugins.engines.remote.engine import RemoteEngine
from sotto.plugins.engines.remote.line import MAX_BODY
from tests.remote_jobs import a_job, failure
from tests.transcription_server import (
    Cut,
    Fails,
    Raw,
    Silent,
    Step,
    TranscriptionServer,
    Trickle,
    away,
)

KEY = "a-key-that-nobody-may-read"
SAID = {"text": "Nine two."}


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Raw(b"<html>nothing here</html>"), "something else than a transcript"),
        (Raw(b'{"error": "in words"}'), "something else than a transcript"),
        (Raw(b'{"text": ["nine"]}'), "something else than a transcript"),
        (Raw(b'{"text": "a", "words": [{"word": "a", "start": NaN}]}'), "something else"),
        (Raw(b'{"text": "' + b"a" * MAX_BODY + b'"}'), "broke off"),
        (Raw(b'{"text": "nine"}', length=900), "broke off"),
        (Fails(500, "a stack trace"), "failed"),
        (Fails(404, "no model"), "knows no such model"),
        (Fails(307, "elsewhere"), "refuses"),
    ],
)
def test_what_is_no_transcript_is_a_failure(
    scripted: TranscriptionServer, engine: RemoteEngine, step: Step, why: str
) -> None:
    scripted.will(step, SAID)
    error = failure(engine)
    assert why in error.message
    assert "127.0.0.1" not in error.message
    assert "stack" not in error.message
    (heard,) = engine.decode([a_job()])
    assert heard.prefix_words == 0
    assert [each.word.text for each in heard.words] == [" Nine", " two."]


def test_a_connection_that_breaks_off_is_made_anew_once(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(Cut(), SAID, Cut(), Cut())
    assert len(engine.decode([a_job()])[0].words) == 2
    assert "broke off" in failure(engine).message
    assert len(scripted.asked) == 4


@pytest.mark.parametrize("step", [Silent(), Trickle()])
def test_one_that_is_too_slow_is_cut_off(scripted: TranscriptionServer, step: Step) -> None:
    engine = RemoteEngine.load(scripted.url, model="scripted", timeout=0.5)
    scripted.will(step)
    assert "in time" in failure(engine).message
    engine.close()


def test_a_busy_one_is_asked_again(scripted: TranscriptionServer, engine: RemoteEngine) -> None:
    scripted.will(Fails(429, retry_after="0"), Fails(503, retry_after="0"), SAID)
    (heard,) = engine.decode([a_job()])
    assert len(heard.words) == 2
    assert len(scripted.asked) == 3


def test_a_busy_one_is_not_asked_for_ever(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(*[Fails(429, retry_after="0")] * 3, Fails(429, retry_after="3600"))
    assert "more than it takes" in failure(engine).message
    assert len(scripted.asked) == 3
    assert failure(engine).retry_after == 3600
    assert len(scripted.asked) == 4


def test_the_key_goes_with_each_request_and_into_no_message(
    scripted: TranscriptionServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.key = KEY
    engine = RemoteEngine.load(scripted.url, model="scripted", api_key=KEY)
    engine.decode([a_job()])
    assert scripted.asked[0].headers["authorization"] == f"Bearer {KEY}"
    scripted.key = "another"
    error = failure(engine)
    assert "key" in error.message
    assert "Incorrect API key provided: ***" in caplog.text
    assert KEY not in caplog.text + error.message
    for given, got in ((KEY, "another"), (None, "none")):
        with pytest.raises(ModelUnavailable, match=f"engine.api_key.*got {got}"):
            RemoteEngine.load(scripted.url, model="scripted", api_key=given)
    assert KEY not in caplog.text
    engine.close()


@pytest.mark.parametrize("key", ["clé", "a\r\nX: b", "a\0"])
def test_a_key_that_no_header_carries_is_refused(scripted: TranscriptionServer, key: str) -> None:
    with pytest.raises(BadOption, match="ASCII"):
        RemoteEngine.load(scripted.url, model="scripted", api_key=key)


def test_one_that_is_away_may_come_later(caplog: pytest.LogCaptureFixture) -> None:
    with away() as url:
        engine = RemoteEngine.load(url, model="scripted")
        assert "cannot be reached yet" in caplog.text
        for _ in range(2):
            assert "cannot be reached" in failure(engine).message
    engine.close()
    assert caplog.text.count("cannot be reached, or") == 1


def test_one_that_names_other_models_is_told_of(
    scripted: TranscriptionServer, caplog: pytest.LogCaptureFixture
) -> None:
    RemoteEngine.load(scripted.url, model="another").close()
    assert "no model 'another', but scripted" in caplog.text
    scripted.models = None
    caplog.clear()
    RemoteEngine.load(scripted.url, model="another").close()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_one_jobs_failure_costs_the_others_nothing(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(SAID, Fails(500), SAID)
    jobs = [a_job(id) for id in range(3)]
    with pytest.raises(EngineFailed):
        engine.decode(jobs)
    outcomes = []
    for job in jobs:
        try:
            outcomes.append(len(engine.decode([job])[0].words))
        except EngineFailed:
            outcomes.append(None)
    assert sorted(outcomes, key=str) == [2, 2, None]
    assert len(scripted.asked) == 3
    failed = jobs[outcomes.index(None)]
    assert engine.decode([failed])[0].words == ()
    assert len(scripted.asked) == 4


def test_an_engine_that_is_closed_lets_go_of_who_waits(scripted: TranscriptionServer) -> None:
    engine = RemoteEngine.load(scripted.url, model="scripted", timeout=3600)
    scripted.will(Silent())
    closing = threading.Timer(0, engine.close)
    while_waiting = threading.Thread(target=lambda: _closed_once_asked(scripted, closing))
    while_waiting.start()
    assert "in time" in failure(engine).message
    while_waiting.join()


def _closed_once_asked(scripted: TranscriptionServer, closing: threading.Timer) -> None:
    with scripted._changed:
        assert scripted._changed.wait_for(lambda: bool(scripted.asked), 60)
    closing.start()

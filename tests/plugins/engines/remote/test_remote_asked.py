"""What another server is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sotto.errors import BadOption, UnknownLanguage
from sotto.plugins.engines.remote.engine import RemoteEngine
from sotto.transcript.options import Task
from sotto.transcript.words import join
from tests.remote_jobs import a_job, failure
from tests.transcription_server import (
    Fails,
    Raw,
    TranscriptionServer,
)

KEY = "a-key-that-nobody-may-read"
SAID = {"text": "Nine two."}


def test_asks_for_all_that_a_server_may_tell(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    job = a_job(language="de", prompt="Ada,\r\nGräce", hotwords="Edsger", temperature=0.2)
    engine.decode([replace(job, context=" und dann")])
    (asked,) = scripted.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.fields == {
        "model": "scripted",
        "language": "de",
        "prompt": "Edsger Ada,\r\nGräce und dann",
        "temperature": "0.2",
        "response_format": "verbose_json",
        "timestamp_granularities[]": "segment,word",
    }
    assert asked.seconds == 1.5
    assert "authorization" not in asked.headers


def test_short_windows_are_a_second_long(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will({"text": "one", "words": [{"word": "one", "start": 0.0, "end": 0.9}]})
    (heard,) = engine.decode([a_job(frames=3)])
    assert scripted.asked[0].seconds == 1
    assert [(each.word.start, each.end) for each in heard.words] == [(0, 3)]


@pytest.mark.parametrize(
    ("refuses", "details"),
    [
        (("word",), ["segment,word", None]),
        (("verbose_json",), ["segment,word", None, None]),
    ],
)
def test_one_that_refuses_is_asked_for_less_and_that_is_remembered(
    scripted: TranscriptionServer,
    engine: RemoteEngine,
    refuses: tuple[str, ...],
    details: list[str | None],
) -> None:
    scripted.refuses = refuses
    scripted.will(SAID, SAID)
    for _ in range(2):
        (heard,) = engine.decode([a_job()])
        assert join([each.word for each in heard.words]) == "Nine two."
    asked = [each.fields.get("timestamp_granularities[]") for each in scripted.asked]
    assert asked == [*details, details[-1]]
    formats = {each.fields["response_format"] for each in scripted.asked[len(details) - 1 :]}
    assert formats == {"json" if "verbose_json" in refuses else "verbose_json"}


def test_what_all_requests_are_refused_for_is_not_the_details(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(*[Fails(400, "no such language")] * 3, SAID)
    assert "refuses" in failure(engine).message
    engine.decode([a_job()])
    assert scripted.asked[-1].fields["response_format"] == "verbose_json"


def test_a_connection_serves_many_jobs_and_is_made_anew_where_it_was_closed(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(SAID, SAID, Raw(b'{"text": "five"}'), SAID)
    for _ in range(4):
        engine.decode([a_job()])
    first, second, third, after = [asked.connection for asked in scripted.asked]
    assert first == second == third != after


def test_jobs_of_a_batch_are_asked_at_once_and_answered_in_order(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.together = 5
    jobs = [a_job(id, frames=100 + 10 * id) for id in range(5)]
    assert [heard.job for heard in engine.decode(jobs)] == [0, 1, 2, 3, 4]
    assert {asked.seconds for asked in scripted.asked} == {1.0, 1.1, 1.2, 1.3, 1.4}


def test_more_jobs_than_may_be_out_wait_their_turn(scripted: TranscriptionServer) -> None:
    engine = RemoteEngine.load(scripted.url, model="scripted", at_once=2)
    assert len(engine.decode([a_job(id) for id in range(5)])) == 5
    assert len({asked.connection for asked in scripted.asked}) <= 2
    engine.close()


def test_translations_have_a_route_of_their_own(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(SAID | {"language": "english"}, Fails(404))
    job = replace(a_job(task=Task.TRANSLATE), likely_language="de")
    (heard,) = engine.decode([job])
    assert scripted.asked[0].path == "/v1/audio/translations"
    assert heard.language == "de"
    assert heard.language_probability < 0.5
    with pytest.raises(BadOption, match="transcribe") as raised:
        engine.decode([job])
    assert raised.value.param == "task"


def test_a_language_is_learned_from_the_answer(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(
        SAID | {"language": "German", "detected_language_probability": 0.7},
        SAID | {"language": "fr"},
        SAID | {"language": "klingon"},
    )
    told = [engine.decode([a_job()])[0] for _ in range(3)]
    assert [(heard.language, heard.language_probability) for heard in told] == [
        ("de", 0.7),
        ("fr", 0.9),
        ("en", 0.3),
    ]


def test_one_that_hears_a_language_that_is_not_wanted_is_told_another(
    scripted: TranscriptionServer, engine: RemoteEngine
) -> None:
    scripted.will(SAID | {"language": "en"}, {"text": "Nein, zwei.", "language": "de"})
    job = replace(a_job(candidates=("fr", "de")), likely_language="de")
    (heard,) = engine.decode([job])
    assert [asked.fields.get("language") for asked in scripted.asked] == [None, "de"]
    assert (heard.language, heard.words[0].word.text) == ("de", " Nein,")


def test_knows_the_languages_that_it_was_given(scripted: TranscriptionServer) -> None:
    engine = RemoteEngine.load(scripted.url, model="scripted", languages=("de",))
    engine.decode([a_job()])
    assert scripted.asked[0].fields["language"] == "de"
    with pytest.raises(UnknownLanguage):
        engine.decode([a_job(language="fr")])
    engine.close()
    with pytest.raises(UnknownLanguage):
        RemoteEngine.load(scripted.url, model="scripted", languages=("klingon",))

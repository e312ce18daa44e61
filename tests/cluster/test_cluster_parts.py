"""What crosses between the processes of a cluster, and what builds it, without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import sotto
from sotto import errors
from sotto.app.engines import load_engine
from sotto.app.ray import Arguments, build
from sotto.app.ray.figures import together
from sotto.app.ray.keeper import StoreDesk
from sotto.app.ray.store import RemoteStore
from sotto.app.ray.wire import Failed, pack, pack_job, unpack, unpack_job
from sotto.app.settings import load
from sotto.audio.mel import LogMel
from sotto.clock import Clock
from sotto.errors import BadOption, SottoError
from sotto.interfaces.engine import DecodeJob, Priority
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.storage.memory import MemoryStore
from sotto.runtime.metrics import Metrics
from sotto.testing.conversation_contract import ConversationContract
from sotto.testing.store_contract import StoreContract
from sotto.transcript.options import DecodeOptions
from tests.speech import CLIP, pcm_s16le

NANO = Path(sotto.__file__).parent / "assets" / "nano"
FILE = Path(__file__).parents[2] / "deploy" / "ray" / "serve.yaml"


class Calls:
    """A handle to what is here."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


def store_elsewhere(clock: Clock) -> TranscriptStore:
    desk = StoreDesk(MemoryStore(clock=clock))
    keeper = type("Keeper", (), {"store": Calls(desk.call)})
    return RemoteStore(keeper)  # type: ignore[arg-type]


class TestStoreElsewhere(StoreContract):
    def make(self, clock: Clock) -> TranscriptStore:
        return store_elsewhere(clock)


class TestConversationsElsewhere(ConversationContract):
    def make(self, clock: Clock) -> TranscriptStore:
        return store_elsewhere(clock)


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineFailed("it broke"),
        errors.Overloaded("full"),
        errors.Forbidden("another's"),
        errors.Superseded("another stream"),
        errors.UnknownModel("huge", ["nano"]),
        errors.UnknownLanguage("xx", "a language"),
        errors.ModelUnavailable("not there"),
        errors.RateLimited("too many", 3.5),
    ],
    ids=lambda error: error.code,
)
def test_errors_are_the_same_on_the_other_side(error: SottoError) -> None:
    with pytest.raises(type(error)) as raised:
        unpack(pack(Failed.of(error)))
    assert str(raised.value) == str(error)
    assert raised.value.retry_after == error.retry_after
    if isinstance(error, BadOption):
        assert isinstance(raised.value, BadOption)
        assert raised.value.param == error.param


def test_a_job_crosses_with_all_but_the_last_bits_of_its_mel() -> None:
    mel = np.linspace(-10, 5, 300 * 80, dtype=np.float32).reshape(300, 80)
    job = DecodeJob(
        7, mel, DecodeOptions(language="en"), Priority.FINAL, prefix=(1, 2), context="x"
    )
    there = unpack_job(pack_job(job))
    assert there.mel.dtype == np.float32
    assert np.abs(there.mel - mel).max() < 0.005
    assert len(pack_job(job)) < mel.nbytes * 0.52
    for name in ("id", "options", "priority", "prefix", "context", "language", "audio_context"):
        assert getattr(there, name) == getattr(job, name)


def test_float16_keeps_words() -> None:
    """As the engine hears the clip, of both mels."""
    engine = load_engine(load(environ={}), NANO)
    samples = np.frombuffer(pcm_s16le(CLIP).data, "<i2").astype(np.float32) / 32_768
    mel = LogMel(engine.traits.n_mels).receive(samples)
    jobs = [
        DecodeJob(number, mel[at : at + 208], DecodeOptions(language="en"), Priority.FINAL)
        for number, at in enumerate(range(0, len(mel) - 208, 56))
    ]
    heard = engine.decode(jobs)
    there = engine.decode([unpack_job(pack_job(job)) for job in jobs])
    for here, away in zip(heard, there, strict=True):
        assert [w.word.text for w in here.words] == [w.word.text for w in away.words]
        assert away.avg_logprob == pytest.approx(here.avg_logprob, abs=0.05)
    assert sum(len(hypothesis.words) for hypothesis in heard) > 15


def test_figures_of_replicas_stand_side_by_side() -> None:
    pages = {}
    for name, words in (("ingress-a", 2), ("ingress-b", 3)):
        metrics = Metrics()
        metrics.words.labels("live").inc(words)
        metrics.decode_seconds.labels("nano").observe(0.03)
        pages[name] = metrics.render()
    page = together(pages).decode()
    assert 'sotto_words_total{kind="live",replica="ingress-a"} 2.0' in page
    assert 'sotto_words_total{kind="live",replica="ingress-b"} 3.0' in page
    assert page.count("# TYPE sotto_decode_seconds histogram") == 1
    assert 'sotto_decode_seconds_bucket{le="0.05",model="nano",replica="ingress-b"} 1.0' in page


def test_the_file_of_the_docs_is_what_serve_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.serve.schema import ServeDeploySchema

    monkeypatch.setenv("SOTTO_STORE__URL", "postgresql://sotto:secret@database/sotto")
    deployed = ServeDeploySchema.model_validate(yaml.safe_load(FILE.read_text()))
    (application,) = deployed.applications
    assert application.import_path == f"{build.__module__.rpartition('.')[0]}:{build.__name__}"
    arguments = Arguments.model_validate(application.args)
    settings = arguments.loaded()
    assert settings.models.served == ("small", "turbo")
    assert settings.store.url.startswith("postgresql")
    assert (arguments.of_model("small").least, arguments.of_model("turbo").least) == (1, 0)
    build(arguments)


def test_a_cluster_asks_for_keys() -> None:
    """Nobody is let in for being on this machine: proxies are on all of them."""
    assert Arguments().loaded().auth.on_loopback


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"engine": {"least": 2, "most": 1}}, "more than most"),
        ({"engine": {"replicas": 2}}, "Extra inputs"),
        ({"ingress": {"least": 0}}, "greater than or equal to 1"),
        ({"settings": {"models": {"name": "nano"}}}, "there is no setting models.name"),
        ({"engines": {"huge": {}}}, "expected models of nano, got huge"),
    ],
)
def test_arguments_that_are_none(given: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, BadOption), match=said):
        Arguments.model_validate(given).loaded()

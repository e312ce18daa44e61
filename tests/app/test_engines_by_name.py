"""Which engine a setting means, and what runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sotto as package
from sotto.app.build import build_service, loader, model_spec
from sotto.app.engines import check_engine, load_engine, open_engine
from sotto.app.registry import PLUGINS
from sotto.app.settings import load
from sotto.clock import SystemClock
from sotto.errors import BadOption, ModelUnavailable
from sotto.interfaces.engine import ContinuousEngine
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.runtime.batcher import Batcher
from sotto.runtime.continuous import Continuous
from sotto.runtime.metrics import Metrics
from tests.stepped import Plug, job

NANO = Path(package.__file__).parent / "assets" / "nano"


@pytest.fixture(autouse=True)
def _plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLUGINS["engines"], "stepping", "tests.stepped:Plug")
    monkeypatch.setitem(PLUGINS["engines"], "bare", "sotto_without_its_package:Engine")


def test_an_engine_of_any_name_is_loaded_as_the_settings_say() -> None:
    environ = {"SOTTO_ENGINE__KIND": "stepping", "SOTTO_ENGINE__THREADS": "3"}
    engine = load_engine(load(environ=environ), NANO)
    assert isinstance(engine, ContinuousEngine)
    assert Plug.given == {
        "folder": NANO,
        "device": "auto",
        "compute_type": "default",
        "threads": 3,
        "slots": None,
    }
    load_engine(load(environ=environ | {"SOTTO_ENGINE__MAX_BATCH": "7"}), NANO)
    assert Plug.given["slots"] == 7


@pytest.mark.parametrize("kind", ["auto", "ctranslate2"])
def test_unless_one_is_named_it_is_ctranslate2(kind: str) -> None:
    settings = load(environ={"SOTTO_ENGINE__KIND": kind})
    recognizer = loader(settings, SystemClock(), Metrics())(model_spec("nano"))
    assert isinstance(recognizer, Batcher)
    assert isinstance(recognizer._engine, CTranslate2Engine)
    assert recognizer._schedule.max_batch == 16
    recognizer.close()


async def test_an_engine_that_is_joined_at_any_step_is_run_as_such() -> None:
    settings = load(environ={"SOTTO_ENGINE__KIND": "stepping"})
    recognizer = loader(settings, SystemClock(), Metrics())(model_spec("nano"))
    assert isinstance(recognizer, Continuous)
    assert (await recognizer.submit(job(5)).result).job == 5
    recognizer.close()


def test_another_server_needs_no_checkpoint_here(tmp_path: Path) -> None:
    environ = {
        "SOTTO_ENGINE__KIND": "remote",
        "SOTTO_ENGINE__URL": "http://127.0.0.1:9/v1",
        "SOTTO_MODELS__NAMES": "somebody/large",
        "SOTTO_MODELS__FOLDER": str(tmp_path),
    }
    engine = open_engine(load(environ=environ), "somebody/large")
    engine.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SOTTO_ENGINE__KIND": "tensorrt"}, "one of auto, bare, ctranslate2, remote, stepping, t"),
        ({"SOTTO_ENGINE__KIND": "remote"}, "expected engine.url"),
        ({"SOTTO_ENGINE__KIND": "torch"}, r"pip install 'sotto\[gpu\]'"),
    ],
)
def test_one_that_cannot_be_had_is_said_before_anything_is_loaded(
    environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotto.app.engines.find_spec", lambda name: None)
    settings = load(environ=environ)
    for check in (check_engine, build_service, lambda settings: load_engine(settings, NANO)):
        with pytest.raises(BadOption, match=said) as refused:
            check(settings)
        assert refused.value.param.startswith("engine.")


def test_a_package_that_is_missing_is_named() -> None:
    settings = load(environ={"SOTTO_ENGINE__KIND": "bare"})
    with pytest.raises(ModelUnavailable, match="sotto_without_its_package"):
        load_engine(settings, NANO)


def test_a_flag_names_it(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sotto", "serve", "--port", "0", "--engine", "tensorrt"],
        env=os.environ | {"SOTTO_STORE__URL": "memory"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("sotto: expected engine.kind to be one of auto, ctranslate2, remote, to")

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from sotto.app.setting_types import Module
from sotto.app.settings import Flag, effective, fields, keys, load, variable
from sotto.errors import BadOption


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def source_of(settings, key: str) -> str:
    return {row[0]: row[2] for row in effective(settings)}[key]


def faults(**kwargs) -> list[str]:
    with pytest.raises(BadOption) as refused:
        load(**{"environ": {}, **kwargs})
    return refused.value.message.splitlines()


def test_the_defaults_are_those_of_the_documentation():
    settings = load(environ={})
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.server.modules == get_args(Module)
    assert {"stream", "openai", "realtime", "skynet", "deepgram"} <= set(settings.server.modules)
    assert set(settings.ports.model_dump().values()) == {None}
    assert settings.models.served == ("nano",)
    assert {source for _, _, source in effective(settings)} == {"default"}


def test_models_lie_in_the_platforms_data_folder(tmp_path):
    assert load(environ={}).models.folder == tmp_path / "data" / "sotto" / "models"


def test_every_key_says_what_it_means_and_is_shown():
    assert all(field.description for _, field in fields())
    assert [row[0] for row in effective(load(environ={}))] == list(keys())


@pytest.mark.parametrize("key", keys())
def test_every_default_can_be_said_in_the_environment(key):
    value = {row[0]: row[1] for row in effective(load(environ={}))}[key]
    text = ",".join(value) if isinstance(value, (list, dict)) else str(value)
    again = load(environ={variable(key): text})
    assert {row[0]: row[1] for row in effective(again)}[key] == value
    assert source_of(again, key) == f"env {variable(key)}"


def test_precedence(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[engine]\nbeam_size = 2\n")
    key = "engine.beam_size"
    environ: dict[str, str] = {}
    flags: list[Flag] = []
    steps = [
        (lambda: None, 2, f"file {file}"),
        (lambda: environ.update(BEAM_SIZE="3"), 3, "env BEAM_SIZE"),
        (lambda: environ.update(SOTTO_ENGINE__BEAM_SIZE="4"), 4, "env SOTTO_ENGINE__BEAM_SIZE"),
        (lambda: flags.append(Flag("--beam-size", key, 5)), 5, "flag --beam-size"),
    ]
    for say, value, source in steps:
        say()
        settings = load(flags, file, environ)
        assert settings.engine.beam_size == value
        assert source_of(settings, key) == source


def test_a_flag_that_was_not_typed_says_nothing():
    settings = load([Flag("--port", "server.port", None)], environ={})
    assert source_of(settings, "server.port") == "default"


def test_one_setting_of_a_group_leaves_the_others(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('[server]\nhost = "0.0.0.0"\n')
    settings = load(config=file, environ={"SOTTO_SERVER__PORT": "81"})
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 81)
    assert settings.server.max_sessions == 256


def test_where_the_file_is_looked_for(tmp_path):
    def write(path: Path, port: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[server]\nport = {port}\n")
        return path

    assert load(environ={}).server.port == 8000
    write(tmp_path / "config" / "sotto" / "config.toml", 1)
    assert load(environ={}).server.port == 1
    write(tmp_path / "sotto.toml", 2)
    assert load(environ={}).server.port == 2
    environ = {"SOTTO_CONFIG": str(write(tmp_path / "three.toml", 3))}
    assert load(environ=environ).server.port == 3
    assert load(config=write(tmp_path / "four.toml", 4), environ=environ).server.port == 4


@pytest.mark.parametrize(
    ("environ", "key", "value"),
    [
        ({"ENABLED_MODULES": "stream, openai"}, "server.modules", ["stream", "openai"]),
        ({"WHISPER_MODEL_NAME": "base"}, "models.names", ["base"]),
        ({"WHISPER_MODEL_NAME": "tiny,base"}, "models.names", ["tiny", "base"]),
        ({"WHISPER_MODEL_PATH": "/m/mine"}, "models.names", ["mine"]),
        ({"WHISPER_MODEL_PATH": "/m/mine"}, "models.paths", {"mine": "/m/mine"}),
        (
            {"WHISPER_MODEL_PATH": "/m/x", "WHISPER_MODEL_NAME": "base"},
            "models.paths",
            {"base": "/m/x"},
        ),
        ({"BEAM_SIZE": "5"}, "engine.beam_size", 5),
        ({"BEAM_SIZE": ""}, "engine.beam_size", 1),
        ({"BYPASS_AUTHORIZATION": "true"}, "auth.bypass", True),
        ({"BYPASS_AUTHORIZATION": "0"}, "auth.bypass", False),
    ],
)
def test_short_names(environ, key, value):
    assert {row[0]: row[1] for row in effective(load(environ=environ))}[key] == value


def test_lists_and_folders_in_a_variable_and_in_a_file(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('[models]\nnames = ["tiny", "a/b"]\n[models.paths]\nmine = "~/mine"\n')
    models = load(config=file, environ={}).models
    assert models.served == ("tiny", "a/b", "mine")
    assert models.paths == {"mine": Path.home() / "mine"}
    environ = {"SOTTO_MODELS__NAMES": "tiny, a/b", "SOTTO_MODELS__PATHS": "mine=~/mine, x = /x"}
    models = load(environ=environ).models
    assert models.served == ("tiny", "a/b", "mine", "x")
    assert models.paths["x"] == Path("/x")


@pytest.mark.parametrize("text", ["", "none", "None"])
def test_no_value_can_be_said(text):
    assert load(environ={"SOTTO_MODELS__IDLE_UNLOAD": text}).models.idle_unload is None


def test_each_fault_is_one_sentence_that_names_its_source(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[server]\nprot = 1\nhost = 3\n[nonsense]\na = 1\n")
    environ = {
        "SOTTO_SERVER__PORT": "abc",
        "SOTTO_ENGINE__DEVICE": "tpu",
        "SOTTO_FOO": "1",
        "BEAM_SIZE": "99",
    }
    said = faults(config=file, environ=environ, flags=[Flag("--x", "server.max_sessions", 0)])
    assert len(said) == 8
    for source, what in [
        (f"file {file}", "server.prot; did you mean server.port?"),
        (f"file {file}", "server.host to be a valid string, got 3"),
        (f"file {file}", "no setting nonsense.a"),
        ("env SOTTO_SERVER__PORT", "a valid integer, got 'abc'"),
        ("env SOTTO_ENGINE__DEVICE", "'auto', 'cpu' or 'cuda', got 'tpu'"),
        ("env SOTTO_FOO", "no setting foo"),
        ("env BEAM_SIZE", "less than or equal to 20, got '99'"),
        ("flag --x", "greater than 0, got 0"),
    ]:
        assert [line for line in said if line.startswith(f"{source}: ") and what in line], what


def test_a_hint_for_a_variable_is_a_variable():
    said = faults(environ={"SOTTO_SERVR__PORT": "1"})
    assert said == [
        "env SOTTO_SERVR__PORT: there is no setting servr.port; did you mean SOTTO_SERVER__PORT?"
    ]


def test_a_misspelled_module_is_a_fault():
    assert "'stream'" in faults(environ={"ENABLED_MODULES": "stream,opnai"})[0]


def test_speech_cannot_pause_above_where_it_begins():
    [said] = faults(environ={"SOTTO_VAD__THRESHOLD": "0.2"})
    assert "vad.release" in said
    assert "0.2" in said


@pytest.mark.parametrize("text", ["server = 3", "[server", "\x00"])
def test_a_file_of_another_form_is_one_sentence(tmp_path, text):
    file = tmp_path / "a.toml"
    file.write_text(text)
    [said] = faults(config=file)
    assert str(file) in said


def test_a_file_that_was_named_must_be_there(tmp_path):
    assert str(tmp_path / "no.toml") in faults(config=tmp_path / "no.toml")[0]
    assert "no.toml" in faults(environ={"SOTTO_CONFIG": "no.toml"})[0]


def test_what_kubernetes_puts_into_every_pod_is_no_fault():
    environ = {
        "SOTTO_PORT": "tcp://10.0.0.1:80",
        "SOTTO_PORT_80_TCP": "tcp://10.0.0.1:80",
        "SOTTO_PORT_80_TCP_PROTO": "tcp",
        "SOTTO_PORT_80_TCP_ADDR": "10.0.0.1",
        "SOTTO_SERVICE_HOST": "10.0.0.1",
        "SOTTO_SERVICE_PORT": "80",
        "SOTTO_SERVICE_PORT_HTTP": "80",
        "SOTTO_WEB_SERVICE_HOST": "10.0.0.1",
    }
    assert load(environ=environ).server.port == 8000
    assert "SOTTO_PORT" in faults(environ={"SOTTO_PORT": "80"})[0]


def test_settings_cannot_be_changed():
    settings = load(environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1
    with pytest.raises(ValueError, match="frozen"):
        settings.server = settings.server

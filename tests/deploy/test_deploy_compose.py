"""compose.yaml: as the specification has it, with nothing in it that is not there."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from sotto.app.build import open_because
from sotto.app.settings import load
from tests.deploy.files import DEPLOY, SCHEMAS, document, image_environment, stages

COMPOSE, CUDA = "compose.yaml", "compose.cuda.yaml"
SCHEMA = SCHEMAS / "compose-spec.schema.json"
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)?$")
NEVER_SHIPPED = {"./tls"}
"""Certificates are their owner's."""


def services(name: str = COMPOSE) -> dict[str, Any]:
    found: dict[str, Any] = document(name)["services"]
    return found


@pytest.mark.skipif(not SCHEMA.is_file(), reason="the schema does not lie beside this checkout")
@pytest.mark.parametrize("name", [COMPOSE, CUDA])
def test_it_is_as_the_specification_has_it(name: str) -> None:
    schema = json.loads(SCHEMA.read_text())
    assert "draft-07" in schema["$schema"]
    kind = jsonschema.Draft7Validator
    kind.check_schema(schema)
    assert [error.message for error in kind(schema).iter_errors(document(name))] == []
    broken = document(name) | {"services": {"sotto": {"imagine": "sotto"}}}
    assert list(kind(schema).iter_errors(broken))


def test_all_that_is_named_is_there() -> None:
    whole = document(COMPOSE)
    networks, volumes = set(), set()
    for service in whole["services"].values():
        networks |= set(service["networks"])
        assert set(service.get("depends_on", ())) <= set(whole["services"])
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert source in NEVER_SHIPPED or (DEPLOY / source).exists(), source
            else:
                volumes.add(source)
    assert networks == set(whole["networks"])
    assert volumes == set(whole["volumes"])
    assert set(services(CUDA)) <= set(services())


@pytest.mark.parametrize("name", [COMPOSE, CUDA])
def test_what_is_built_is_a_stage_and_what_is_fetched_has_a_version(name: str) -> None:
    for service in services(name).values():
        assert PINNED.match(service["image"]), service["image"]
        if "build" in service:
            assert service["build"]["target"] in stages()
            assert service["image"].endswith("-" + service["build"]["target"])
    build = services()["sotto"]["build"]
    root = DEPLOY / build["context"]
    assert (root / build["dockerfile"]).samefile(DEPLOY / "docker/Dockerfile")


def test_only_the_proxy_is_open_to_other_machines() -> None:
    for name, service in services().items():
        ports = service.get("ports", [])
        if name == "nginx":
            assert ports == ["80:80", "443:443"]
        else:
            assert all(port.startswith("127.0.0.1:") for port in ports)
    assert document(COMPOSE)["networks"]["data"] == {"internal": True}
    assert services()["postgres"]["networks"] == ["data"]


def test_nothing_gains_rights_and_sotto_has_none() -> None:
    for service in services().values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
    sotto = services()["sotto"]
    assert sotto["read_only"] is True
    assert sotto["cap_drop"] == ["ALL"]
    assert "cap_add" not in sotto
    assert "user" not in sotto  # the image says who it is


def test_every_variable_that_is_to_be_said_is_in_the_example() -> None:
    text = (DEPLOY / COMPOSE).read_text()
    asked = dict(re.findall(r"\$\{(\w+):([?-])", text))
    example = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert set(example) == set(asked)
    for name, kind in asked.items():
        assert (kind == "?") == (example[name] == ""), name


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_the_settings_are_understood(target: str) -> None:
    said = services()["sotto"]["environment"] | {
        "SOTTO_MODELS__NAMES": "small,nano",
        "SOTTO_TRACE__ENDPOINT": "http://jaeger:4318",
        "SOTTO_TALK__URL": "http://llm:11434/v1",
        "SOTTO_TALK__MODEL": "none",
        "SOTTO_STORE__URL": "postgresql://sotto:secret@postgres/sotto",
    }
    settings = load(environ=image_environment(target) | said)
    assert settings.engine.device == target
    assert settings.models.names == ("small", "nano")
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 8000)
    assert (settings.talk.url, settings.talk.model) == ("http://llm:11434/v1", None)
    assert open_because(settings) is None


def test_every_service_is_asked_for_by_its_name() -> None:
    store = urlsplit(
        re.sub(r"\$\{[^}]*\}", "x", services()["sotto"]["environment"]["SOTTO_STORE__URL"])
    )
    assert (store.scheme, store.username, store.hostname) == ("postgresql", "sotto", "postgres")
    database = services()["postgres"]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == ("sotto", store.path[1:])
    (source,) = document("grafana", "provisioning", "datasources", "prometheus.yaml")["datasources"]
    figures = urlsplit(source["url"])
    assert f"127.0.0.1:{figures.port}:9090" in services()[figures.hostname or ""]["ports"]
    shared = set(services()["grafana"]["networks"]) & set(services()["prometheus"]["networks"])
    assert shared <= set(services()["sotto"]["networks"])
    assert shared
    assert services()["llm"]["profiles"] == ["llm"]
    assert services()["jaeger"]["profiles"] == ["traces"]
    assert services()["jaeger"]["networks"][0] in services()["sotto"]["networks"]
    assert set(services()["llm"]["networks"]) & set(services()["sotto"]["networks"])
    example = (DEPLOY / "env.example").read_text()
    assert "http://jaeger:4318" in example
    assert "http://llm:11434/v1" in example

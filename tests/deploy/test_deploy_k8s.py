"""deploy/k8s: as Kubernetes and KubeRay have it, and as kustomize reads it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.files import ROOT, SCHEMAS, program
from tests.deploy.kustomize import (
    K8S,
    OVERLAYS,
    Thing,
    build,
    named,
    of_kind,
    overlay,
    pods,
)

CRD = SCHEMAS / "ray.io_rayservices.crd.yaml"
VERSION = "1.35"
HADOLINT = Path(sys.executable).with_name("hadolint")
KUBERNETES = importlib.util.find_spec("kubernetes_validate") is not None
GENERATED = re.compile(r"sotto-settings-[a-z0-9]{10}")
"""A ConfigMap's name and the digest of what it says."""


def faults(thing: Thing) -> str:
    """What Kubernetes would say of one of its own kinds; empty where it takes it."""
    import kubernetes_validate as kubernetes

    try:
        kubernetes.validate(thing, VERSION, strict=True)
    except kubernetes.ValidationError as error:
        return str(error.message)
    return ""


@pytest.mark.skipif(not KUBERNETES, reason="expected kubernetes-validate, it is absent")
@pytest.mark.parametrize("name", OVERLAYS)
def test_kubernetes_takes_its_own_kinds(name: str) -> None:
    own = [thing for thing in overlay(name) if thing["kind"] != "RayService"]
    assert len(own) > 5
    assert {named(thing): faults(thing) for thing in own if faults(thing)} == {}


@pytest.mark.skipif(not KUBERNETES, reason="expected kubernetes-validate, it is absent")
@pytest.mark.parametrize("name", OVERLAYS)
def test_kubernetes_takes_every_pod(name: str) -> None:
    for template in pods(overlay(name)):
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        assert faults(pod) == ""
        pod["spec"]["containers"][0]["imagine"] = "sotto"
        assert "imagine" in faults(pod)


def strict(schema: Any) -> Any:
    """A schema of Kubernetes as JSON Schema, in which what is not named is a fault.

    A server drops such fields without a word.
    """
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: strict(value) for key, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not open_ended:
        made.setdefault("additionalProperties", False)
    return made


@cache
def ray_service() -> tuple[str, jsonschema.Draft202012Validator]:
    """The version that KubeRay stores, and what it may be."""
    crd = yaml.load(CRD.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (version,) = [one for one in crd["spec"]["versions"] if one["storage"]]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {}
    return version["name"], jsonschema.Draft202012Validator(strict(schema))


@pytest.mark.skipif(not CRD.is_file(), reason="the schema does not lie beside this checkout")
@pytest.mark.parametrize("name", ["cluster", "eks", "redis"])
def test_kuberay_takes_the_ray_service(name: str) -> None:
    version, check = ray_service()
    things = overlay("cluster" if name == "redis" else name)
    if name == "redis":
        things = build(K8S / "components" / "redis", things)
    (service,) = of_kind(things, "RayService")
    assert service["apiVersion"] == f"ray.io/{version}"
    assert [error.message for error in check.iter_errors(service)] == []
    service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["imagine"] = 1
    assert [error.message for error in check.iter_errors(service)] != []


def kustomize() -> list[str] | None:
    if found := program("kustomize"):
        return [found, "build"]
    return [found, "kustomize"] if (found := program("kubectl")) else None


@pytest.mark.parametrize("name", OVERLAYS)
def test_kustomize_itself_makes_the_same(name: str) -> None:
    """So what the other tests say of this reader's things holds of the program's."""
    command = kustomize()
    if command is None:
        pytest.skip("expected kustomize or kubectl, both are absent")
    ran = subprocess.run(
        [*command, str(K8S / "overlays" / name)], capture_output=True, text=True, check=True
    )
    made = yaml.safe_load_all(GENERATED.sub("sotto-settings", ran.stdout))
    ours = {named(thing): thing for thing in overlay(name)}
    assert {named(thing): thing for thing in made} == ours


def test_every_file_is_of_some_kustomization() -> None:
    named_files = {K8S / "eks" / "cluster.yaml"}
    for path in sorted(K8S.rglob("kustomization.yaml")):
        said = yaml.safe_load(path.read_text())
        names = [*said.get("resources", ()), *said.get("configurations", ())]
        names += [one["path"] for one in said.get("patches", ()) if "path" in one]
        names += [
            one for maps in said.get("configMapGenerator", ()) for one in maps.get("envs", ())
        ]
        named_files |= {path, *(path.parent / name for name in names)}
    files = {path for path in K8S.rglob("*") if path.suffix in (".yaml", ".env")}
    assert files - {path.resolve() for path in named_files} == set()


@pytest.mark.skipif(not HADOLINT.is_file(), reason="expected hadolint, it is absent")
def test_the_linter_finds_no_fault_in_the_image() -> None:
    recipe = K8S / "image" / "Dockerfile"
    ran = subprocess.run([HADOLINT, recipe], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_image_is_nobodys_and_copies_what_travels() -> None:
    recipe = (K8S / "image" / "Dockerfile").read_text()
    users = re.findall(r"^USER (\S+)$", recipe, re.MULTILINE)
    assert users == ["0:0", "10001:10001"]
    copied = re.findall(r"^COPY (\S+) ", recipe, re.MULTILINE)
    ignored = (K8S / "image" / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied == [line[1:] for line in ignored if line.startswith("!")]
    assert all((ROOT / name).is_file() for name in copied)

"""What `kustomize build` makes of an overlay, of the few things that deploy/k8s asks of it.

A test holds it to the program itself, where that is at hand.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tests.deploy.files import DEPLOY

Thing: TypeAlias = dict[str, Any]

K8S = DEPLOY / "k8s"
OVERLAYS = ("single", "gpu", "cluster", "eks")
KNOWN = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "components",
    "patches",
    "labels",
    "configMapGenerator",
    "configurations",
    "images",
}
CLUSTER_WIDE = {"Namespace"}


def overlay(name: str) -> list[Thing]:
    """All that an overlay makes."""
    return build(K8S / "overlays" / name)


def build(folder: Path, things: list[Thing] | None = None) -> list[Thing]:
    """What a kustomization makes, or what a component makes of what is there already."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(said) <= KNOWN, f"{folder}: this reader does not know {set(said) - KNOWN}"
    made = list(things or [])
    for path in (folder / one for one in said.get("resources", ())):
        made += build(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for maps in said.get("configMapGenerator", ()):
        _generate(made, maps, folder)
    for component in said.get("components", ()):
        made = build(folder / component, made)
    for patch in said.get("patches", ()):
        text = patch.get("patch") or (folder / patch["path"]).read_text()
        _patch(made, patch.get("target"), yaml.safe_load(text))
    for thing in made:
        _mark(thing, said)
    return made


def _mark(thing: Thing, said: Thing) -> None:
    if "namespace" in said and thing["kind"] not in CLUSTER_WIDE:
        thing["metadata"]["namespace"] = said["namespace"]
    for labels in said.get("labels", ()):
        assert set(labels) == {"pairs"}  # neither in selectors nor in templates
        thing["metadata"].setdefault("labels", {}).update(labels["pairs"])
    for image in said.get("images", ()):
        for container in containers(thing):
            name, _, tag = container["image"].partition(":")
            if name == image["name"]:
                parts = (image.get("newName", name), image.get("newTag", tag))
                container["image"] = ":".join(filter(None, parts))


def _generate(made: list[Thing], said: Thing, folder: Path) -> None:
    lines = list(said.get("literals", ()))
    for name in said.get("envs", ()):
        lines += (folder / name).read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    data = {name: value for name, _, value in pairs}
    if said.get("behavior") == "merge":
        (there,) = [one for one in made if named(one) == ("ConfigMap", said["name"])]
        there["data"].update(data)
    else:
        head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": said["name"]}}
        made.append(head | {"data": data})


def _patch(made: list[Thing], target: Thing | None, patch: Any) -> None:
    wanted = (target or patch).get("kind"), (target or patch["metadata"])["name"]
    (thing,) = [one for one in made if named(one) == wanted]
    if isinstance(patch, list):
        for step in patch:
            _step(thing, step)
    else:
        _merge(thing, patch)


def _step(thing: Any, step: Thing) -> None:
    """Of JSON Patch (RFC 6902)."""
    *way, last = [part.replace("~1", "/") for part in step["path"].split("/")[1:]]
    for part in way:
        thing = thing[int(part) if isinstance(thing, list) else part]
    match step["op"]:
        case "test":
            assert thing[last] == step["value"], step
        case "replace":
            key = int(last) if isinstance(thing, list) else last
            assert thing[key] is not None  # it has to be there
            thing[key] = step["value"]
        case "add":
            assert isinstance(thing, dict)
            thing[last] = step["value"]
        case other:
            raise AssertionError(f"this reader does not know {other}")


def _merge(into: Thing, patch: Thing) -> None:
    """As Kubernetes merges; of lists, it knows that containers have names."""
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif key == "containers":
            for container in value:
                (same,) = [one for one in into[key] if one["name"] == container["name"]]
                _merge(same, container)
        else:
            into[key] = copy.deepcopy(value)


def named(thing: Thing) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]


def of_kind(things: list[Thing], kind: str) -> list[Thing]:
    return [thing for thing in things if thing["kind"] == kind]


def templates(thing: Thing) -> Iterator[Thing]:
    """Those of pods, in a Deployment or a RayService."""
    if thing["kind"] == "Deployment":
        yield thing["spec"]["template"]
    elif thing["kind"] == "RayService":
        cluster = thing["spec"]["rayClusterConfig"]
        yield cluster["headGroupSpec"]["template"]
        for group in cluster["workerGroupSpecs"]:
            yield group["template"]


def pods(things: list[Thing]) -> list[Thing]:
    return [template for thing in things for template in templates(thing)]


def containers(thing: Thing) -> Iterator[Thing]:
    for template in templates(thing):
        yield from template["spec"]["containers"]


def settings_of(things: list[Thing]) -> dict[str, str]:
    """The ConfigMap's."""
    (maps,) = of_kind(things, "ConfigMap")
    data: dict[str, str] = maps["data"]
    return data

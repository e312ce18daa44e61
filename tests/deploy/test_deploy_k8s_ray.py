"""deploy/k8s: what Ray is told to run is what the application takes, and fits into the pods."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.deploy.files import ROOT, document
from tests.deploy.kustomize import Thing, of_kind, overlay

pytest.importorskip("ray.serve", reason="expected ray[serve], it is absent")

NAMES = ("cluster", "eks")


def service(name: str) -> Thing:
    (found,) = of_kind(overlay(name), "RayService")
    spec: Thing = found["spec"]
    return spec


def config(name: str) -> Any:
    return yaml.safe_load(service(name)["serveConfigV2"])


@pytest.mark.parametrize("name", NAMES)
def test_ray_serve_takes_its_file(name: str) -> None:
    from pydantic import ValidationError
    from ray.serve.schema import ServeDeploySchema

    ServeDeploySchema.model_validate(config(name))
    with pytest.raises(ValidationError):
        ServeDeploySchema.model_validate(config(name) | {"proxy_location": "Nowhere"})


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_application_that_runs_elsewhere(name: str) -> None:
    plain, here = document("ray", "serve.yaml"), config(name)
    for key in ("proxy_location", "http_options", "logging_config"):
        assert here[key] == plain[key]
    (ours,), (theirs,) = here["applications"], plain["applications"]
    for key in ("name", "route_prefix", "import_path"):
        assert ours[key] == theirs[key]
    (ray,) = re.findall(r"^ray==(\S+)$", (ROOT / "ci/constraints.txt").read_text(), re.MULTILINE)
    assert service(name)["rayClusterConfig"]["rayVersion"] == ray


@pytest.mark.parametrize("name", NAMES)
def test_the_application_takes_its_arguments_and_the_pods_have_room(name: str) -> None:
    from sotto.app.ray.arguments import Arguments

    (application,) = config(name)["applications"]
    arguments = Arguments.model_validate(application["args"])
    cluster = service(name)["rayClusterConfig"]
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    for group, replicas in (("ingress", arguments.ingress), ("engine", arguments.engine)):
        pod, started = groups[group], groups[group]["rayStartParams"]
        (container,) = pod["template"]["spec"]["containers"]
        processors = int(started["num-cpus"])
        assert processors == int(container["resources"]["requests"]["cpu"])
        devices = int(container["resources"]["limits"].get("nvidia.com/gpu", 0))
        each = int(processors // replicas.cpus)
        if replicas.gpus:
            each = min(each, int(devices // replicas.gpus))
        else:
            assert devices == 0
        for resource, amount in replicas.resources.items():
            own = json.loads(json.loads(started["resources"]))
            each = min(each, int(own[resource] // amount))
        assert each * pod["minReplicas"] >= replicas.least
        assert each * pod["maxReplicas"] >= replicas.most
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"

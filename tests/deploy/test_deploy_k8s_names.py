"""deploy/k8s: all that one thing says of another, and of the server, is so."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from urllib.request import urlopen

import pytest

from sotto.app.build import open_because
from sotto.app.settings import load
from tests.deploy.files import (
    DEPLOY,
    PAGE,
    ROOT,
    document,
    image_environment,
    samples,
    stages,
    stopping,
)
from tests.deploy.kustomize import (
    K8S,
    OVERLAYS,
    Thing,
    containers,
    named,
    of_kind,
    overlay,
    pods,
    settings_of,
    templates,
)
from tests.deploy.test_deploy_k8s import VERSION
from tests.serving import Served

PINGS = 20
"""Seconds between two pings of a WebSocket: uvicorn's own."""
PER_UNIT = {"Mi": 2**20, "Gi": 2**30}
EKS = document("k8s", "eks", "cluster.yaml")


def size(text: str) -> int:
    return int(text[:-2]) * PER_UNIT[text[-2:]]


def chosen(things: list[Thing], selector: Thing) -> list[Thing]:
    """Templates of pods that a selector finds."""
    wanted = selector.get("matchLabels", selector).items()
    return [pod for pod in pods(things) if wanted <= pod["metadata"]["labels"].items()]


def ports(template: Thing) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for container in template["spec"]["containers"]
        for port in container["ports"]
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_whoever_selects_pods_finds_some(name: str) -> None:
    things = overlay(name)
    for thing in things:
        spec = thing.get("spec", {})
        for selector in filter(None, (spec.get("selector"), spec.get("podSelector"))):
            assert chosen(things, selector), named(thing)
    for pod in pods(things):
        for spread in pod["spec"].get("topologySpreadConstraints", ()):
            assert pod in chosen(things, spread["labelSelector"])


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_network_lets_through_what_is_there(name: str) -> None:
    things = overlay(name)
    for thing in of_kind(things, "NetworkPolicy"):
        spec = thing["spec"]
        for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
            for end in (*rule.get("from", ()), *rule.get("to", ())):
                elsewhere = {"namespaceSelector", "ipBlock"} & set(end)
                assert elsewhere or chosen(things, end["podSelector"]), named(thing)
            for port in (one["port"] for one in rule.get("ports", ())):
                met = chosen(things, spec["podSelector"])
                assert isinstance(port, int) or all(port in ports(pod) for pod in met)


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_that_is_named_is_there(name: str) -> None:
    things = overlay(name)
    there = {named(thing) for thing in things}
    page = PAGE.read_text()
    for thing in of_kind(things, "HorizontalPodAutoscaler"):
        target = thing["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in there
        assert "replicas" not in overlay_thing(things, target)["spec"]
    for pod in pods(things):
        account = pod["spec"].get("serviceAccountName")
        assert account is None or ("ServiceAccount", account) in there
        for secret in secrets(pod):
            assert re.search(rf"create secret generic {secret}\b", page), secret
        mounts = {m["name"] for c in pod["spec"]["containers"] for m in c["volumeMounts"]}
        assert mounts == {volume["name"] for volume in pod["spec"]["volumes"]}
        for container in pod["spec"]["containers"]:
            for source in container["envFrom"]:
                assert ("ConfigMap", source["configMapRef"]["name"]) in there


def overlay_thing(things: list[Thing], target: Thing) -> Thing:
    (thing,) = [one for one in things if named(one) == (target["kind"], target["name"])]
    return thing


def secrets(pod: Thing) -> set[str]:
    found = {v["secret"]["secretName"] for v in pod["spec"]["volumes"] if "secret" in v}
    for container in pod["spec"]["containers"]:
        found |= {one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"]}
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_pod_has_rights(name: str) -> None:
    things = overlay(name)
    for pod in pods(things):
        spec, who = pod["spec"], pod["spec"]["securityContext"]
        assert (who["runAsNonRoot"], who["runAsUser"]) == (True, 10001)
        assert who["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["enableServiceLinks"] is False
        head = pod["metadata"]["labels"]["app.kubernetes.io/component"] == "head"
        assert head or spec["automountServiceAccountToken"] is False
        assert {"hostNetwork", "hostPID", "initContainers"}.isdisjoint(spec)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"memory"} <= set(container["resources"]["limits"])
    for thing in of_kind(things, "Namespace"):
        labels = thing["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    policies = {
        thing["metadata"]["name"]: thing["spec"] for thing in of_kind(things, "NetworkPolicy")
    }
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_settings_are_understood(name: str) -> None:
    things = overlay(name)
    for pod in pods(things):
        for container in pod["spec"]["containers"]:
            said = image_environment("cpu") | settings_of(things)
            said |= {one["name"]: "postgresql://a:b@c/d" for one in container["env"]}
            settings = load(environ=said)
            mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
            assert str(settings.auth.keys.parent) == mounts["keys"]
            assert mounts["uploads"] == said["TMPDIR"]
            assert mounts["state"] == image_environment("cpu")["XDG_DATA_HOME"] + "/sotto"
            assert open_because(settings) is None
            rooms = {v["name"]: v["emptyDir"]["sizeLimit"] for v in pod["spec"]["volumes"][:-1]}
            assert size(rooms["uploads"]) >= 2 * settings.server.max_upload_bytes
            asked = int(container["resources"]["requests"]["cpu"])
            head = container["name"] == "ray-head"
            assert head or settings.engine.threads <= asked


def test_the_probes_ask_what_the_server_answers(server: Served) -> None:
    (deployment,) = of_kind(overlay("single"), "Deployment")
    (container,) = containers(deployment)
    (template,) = templates(deployment)
    assert ports(template) == {"http": load(environ={}).server.port}
    paths = {}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] in ports(template)
        paths[probe] = asked["path"]
        with urlopen(server.url + asked["path"]) as answer:
            assert answer.status == 200
    assert paths == {
        "startupProbe": "/health",
        "livenessProbe": "/health",
        "readinessProbe": "/ready",
    }
    note = template["metadata"]["annotations"]
    assert note["prometheus.io/path"] == "/metrics"
    assert int(note["prometheus.io/port"]) == ports(template)["http"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_have_the_time_to_stop_by_themselves(name: str) -> None:
    things = overlay(name)
    takes = stopping(load(environ=settings_of(things)))
    for pod in pods(things):
        spec = pod["spec"]
        before = max(
            c["lifecycle"]["preStop"]["sleep"]["seconds"] if "lifecycle" in c else 0
            for c in spec["containers"]
        )
        assert spec["terminationGracePeriodSeconds"] >= before + takes


def test_services_and_doors_lead_to_ports() -> None:
    things = overlay("single")
    (service,) = of_kind(things, "Service")
    for port in service["spec"]["ports"]:
        for pod in chosen(things, service["spec"]["selector"]):
            assert ports(pod)[port["targetPort"]] == port["port"]
    eks = overlay("eks")
    (door,) = of_kind(eks, "Ingress")
    (rule,) = door["spec"]["rules"]
    (ray,) = of_kind(eks, "RayService")
    for path in rule["http"]["paths"]:
        backend = path["backend"]["service"]
        assert backend["name"] == ray["metadata"]["name"] + "-serve-svc"
        assert backend["port"]["number"] == load(environ={}).server.port


def test_the_balancer_waits_longer_than_a_stream_is_silent() -> None:
    (door,) = of_kind(overlay("eks"), "Ingress")
    notes = door["metadata"]["annotations"]
    prefix = "alb.ingress.kubernetes.io/"
    of_balancer = pairs(notes[prefix + "load-balancer-attributes"])
    of_targets = pairs(notes[prefix + "target-group-attributes"])
    assert 4000 >= int(of_balancer["idle_timeout.timeout_seconds"]) > 3 * PINGS
    assert of_targets["stickiness.enabled"] == "true"
    assert int(of_targets["deregistration_delay.timeout_seconds"]) >= stopping(
        load(environ=settings_of(overlay("eks")))
    )
    assert notes[prefix + "healthcheck-path"] == "/ready"


def pairs(text: str) -> dict[str, str]:
    return dict(part.split("=") for part in text.split(","))


def test_images_are_stages_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in OVERLAYS:
        for thing in overlay(name):
            for container in containers(thing):
                image, _, tag = container["image"].rpartition(":")
                assert image.rpartition("/")[2] == "sotto"
                kind = tag.removeprefix(version + "-").removeprefix("ray-")
                assert kind in stages()
                assert ("-ray-" in tag) == (thing["kind"] == "RayService")
    recipe = (K8S / "image" / "Dockerfile").read_text()
    assert f"sotto:{version}-ray-cuda --build-arg BASE=sotto:{version}-cuda" in recipe


@pytest.mark.parametrize("name", ["gpu", "eks"])
def test_who_asks_for_a_device_goes_where_one_is(name: str) -> None:
    found = 0
    for pod in pods(overlay(name)):
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        if "nvidia.com/gpu" in limits:
            found += 1
            assert pod["spec"]["nodeSelector"]["nvidia.com/gpu.present"] == "true"
            (toleration,) = pod["spec"]["tolerations"]
            assert toleration["key"] == "nvidia.com/gpu"
        else:
            assert "tolerations" not in pod["spec"]
    assert found == 1


def test_the_nodes_of_eks_are_those_that_pods_ask_for() -> None:
    for pod in pods(overlay("eks")):
        wanted = pod["spec"]["nodeSelector"].items()
        (group,) = [g for g in EKS["managedNodeGroups"] if wanted <= g["labels"].items()]
        tolerated = {one["key"] for one in pod["spec"].get("tolerations", ())}
        assert {taint["key"] for taint in group.get("taints", ())} <= tolerated
    policies = {named(t)[1]: t["spec"] for t in of_kind(overlay("eks"), "NetworkPolicy")}
    (balancer,) = policies["load-balancer"]["ingress"][0]["from"]
    assert balancer["ipBlock"]["cidr"] == EKS["vpc"]["cidr"]
    assert ipaddress.ip_network(EKS["vpc"]["cidr"]).is_private
    assert load(environ=settings_of(overlay("eks"))).server.proxies == (EKS["vpc"]["cidr"],)
    assert EKS["metadata"]["version"] == VERSION


def test_what_pods_are_counted_by_is_a_figure_of_the_server() -> None:
    (scaling,) = of_kind(overlay("gpu"), "HorizontalPodAutoscaler")
    (metric,) = scaling["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] in samples()


def test_the_page_names_every_overlay_and_component() -> None:
    page = PAGE.read_text()
    for folder in sorted([*(K8S / "overlays").iterdir(), *(K8S / "components").iterdir()]):
        assert folder.relative_to(DEPLOY.parent).as_posix() in page

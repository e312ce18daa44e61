"""deploy/aws: as CloudFormation has it, and all that one stack says of another is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sotto.app.settings import load
from tests.deploy.files import DEPLOY, PAGE, stopping
from tests.deploy.test_deploy_k8s_names import PINGS

AWS = DEPLOY / "aws"
STACKS = ("network", "balancer", "fleet", "alarms", "image")
LINT = Path(sys.executable).with_name("cfn-lint")
NOTICE = 120
"""Seconds from when a spot machine is told that it goes until it is gone."""
SCRIPTS = sorted(AWS.rglob("*.sh"))


class Reader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, as the long ones."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        assert not self.check_event(yaml.AliasEvent), "CloudFormation takes no aliases"
        return super().compose_node(parent, index)


def _long(reader: Reader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        said: Any = reader.construct_scalar(node)
        return {name: said.split(".") if suffix == "GetAtt" else said}
    if isinstance(node, yaml.SequenceNode):
        return {name: reader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: reader.construct_mapping(node, deep=True)}


Reader.add_multi_constructor("!", _long)


def stack(name: str) -> Any:
    return yaml.load((AWS / f"{name}.yaml").read_text(), Reader)


def properties(name: str, thing: str) -> Any:
    return stack(name)["Resources"][thing]["Properties"]


def attributes(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {row["Key"]: row["Value"] for row in rows}


@pytest.mark.skipif(not LINT.is_file(), reason="expected cfn-lint, it is absent")
def test_the_linter_of_cloudformation_finds_no_fault(tmp_path: Path) -> None:
    files = [AWS / f"{name}.yaml" for name in STACKS]
    ran = subprocess.run([LINT, *files], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
    worse = tmp_path / "worse.yaml"
    worse.write_text(files[0].read_text().replace("EnableDnsSupport", "EnableDns"))
    assert subprocess.run([LINT, worse], capture_output=True, check=False).returncode != 0


def test_every_stack_asks_for_what_another_gives() -> None:
    given = set()
    for name in STACKS:
        for output in stack(name).get("Outputs", {}).values():
            if "Export" in output:
                suffix = output["Export"]["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
                given.add(f"${{{name.capitalize()}Stack}}-{suffix}")
    asked = set()
    for name in STACKS:
        text = (AWS / f"{name}.yaml").read_text()
        asked |= set(re.findall(r'ImportValue: !Sub "([^"]+)"', text))
        defaults = {
            key: one.get("Default")
            for key, one in stack(name)["Parameters"].items()
            if key.endswith("Stack")
        }
        assert all(v == f"sotto-{k.removesuffix('Stack').lower()}" for k, v in defaults.items())
    assert asked == given


def test_the_balancer_asks_the_server_where_it_answers() -> None:
    targets = properties("balancer", "Targets")
    port = load(environ={}).server.port
    assert (targets["HealthCheckPath"], targets["Port"]) == ("/ready", port)
    for rule in ("In", "Out"):
        assert properties("balancer", rule)["FromPort"] == port
        assert properties("balancer", rule)["ToPort"] == port
    hidden = properties("balancer", "Figures")["Conditions"][0]["PathPatternConfig"]["Values"]
    assert hidden == ["/metrics"]


def test_streams_stay_and_have_the_time_to_go() -> None:
    of_balancer = attributes(properties("balancer", "Balancer")["LoadBalancerAttributes"])
    assert 4000 >= int(of_balancer["idle_timeout.timeout_seconds"]) > 3 * PINGS
    assert "access_logs.s3.enabled" not in of_balancer
    of_targets = attributes(properties("balancer", "Targets")["TargetGroupAttributes"])
    assert of_targets["stickiness.enabled"] == "true"
    leaving = int(of_targets["deregistration_delay.timeout_seconds"])
    assert stopping(load(environ={})) <= leaving < NOTICE
    (hook,) = properties("fleet", "Group")["LifecycleHookSpecificationList"]
    assert leaving <= hook["HeartbeatTimeout"] <= NOTICE
    assert f"--lifecycle-hook-name {hook['LifecycleHookName']} " in script("leave")


def test_a_machine_keeps_its_secrets() -> None:
    data = properties("fleet", "Template")["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    for rows in (data["BlockDeviceMappings"], properties("image", "Recipe")["BlockDeviceMappings"]):
        assert all(row["Ebs"]["Encrypted"] is True for row in rows)
    assert properties("image", "Bench")["InstanceMetadataOptions"]["HttpTokens"] == "required"
    assert "KeyName" not in data
    assert properties("balancer", "Encrypted")["Protocol"] == "HTTPS"
    opened = properties("balancer", "Door")["SecurityGroupIngress"]
    assert {rule["FromPort"] for rule in opened} == {80, 443}
    (plain,) = properties("balancer", "Plain")["DefaultActions"]
    assert plain["RedirectConfig"]["Protocol"] == "HTTPS"


def actions(name: str) -> dict[str, Any]:
    """What a role may do → to what."""
    (policy,) = properties(name, "Role")["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert all(one["Effect"] == "Allow" for one in statements)
    return {one["Action"]: one for one in statements}


def test_a_machine_may_do_what_its_scripts_do_and_no_more() -> None:
    services = {"elbv2": "elasticloadbalancing"}
    done = set()
    for path in (AWS / "instance").glob("*.sh"):
        for service, command in re.findall(r"\baws ([a-z0-9]+) ([a-z-]+)", path.read_text()):
            name = "".join(part.capitalize() for part in command.split("-"))
            done.add(f"{services.get(service, service)}:{name}")
    allowed = actions("fleet")
    assert set(allowed) == done
    for action, statement in allowed.items():
        bound = (
            statement.get("Condition") if statement["Resource"] == "*" else statement["Resource"]
        )
        assert bound, action


def test_the_group_is_scaled_by_what_its_machines_tell() -> None:
    tracked = properties("fleet", "Scaling")["TargetTrackingConfiguration"]
    metric = tracked["CustomizedMetricSpecification"]
    alarm = properties("alarms", "TooFull")
    (dimension,) = metric["Dimensions"]
    told = script("report")
    for name in ("Namespace", "MetricName"):
        flag = re.sub("([A-Z])", r"-\1", name).lower()
        assert f"-{flag} {metric[name]} " in told
        assert alarm[name] == metric[name]
    assert f"{dimension['Name']}=$STACK" in told
    assert properties("fleet", "Group")["AutoScalingGroupName"] == {"Ref": "AWS::StackName"}


def test_every_alarm_tells_somebody() -> None:
    alarms = [
        one["Properties"]
        for one in stack("alarms")["Resources"].values()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert len(alarms) == 5
    for alarm in alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Told"}]


def script(name: str) -> str:
    return (AWS / "instance" / f"{name}.sh").read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_the_linter_of_scripts_finds_no_fault(path: Path) -> None:
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    found = shutil.which("shellcheck", path=str(LINT.parent)) or shutil.which("shellcheck")
    if found is None:
        pytest.skip("expected shellcheck, it is absent")
    ran = subprocess.run(
        [found, "--external-sources", path],
        capture_output=True,
        text=True,
        check=False,
        cwd=DEPLOY.parent,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_what_is_installed_is_there() -> None:
    text = script("install")
    for name in re.findall(r'"\$here/([\w.-]+)"', text):
        assert (AWS / "instance" / name).is_file(), name
    for name in re.findall(r'"\$source/([\w./-]+)"', text):
        assert (DEPLOY.parent / name).is_file(), name
    for unit in (AWS / "instance").glob("*.service"):
        (run,) = re.findall(r"^ExecStart=/opt/sotto-aws/(\S+)$", unit.read_text(), re.MULTILINE)
        assert f'"$here/{run}"' in text
    image = (DEPLOY / "docker/Dockerfile").read_text()
    (library,) = re.findall(r"nvidia-cublas-cu12==\S+", text)
    assert library in image
    assert "deploy/aws/instance/install.sh" in (AWS / "image.yaml").read_text()


def test_the_page_names_every_stack_and_script() -> None:
    page = PAGE.read_text()
    assert all(f"{name}.yaml" in page for name in STACKS)
    assert "build-image.sh" in page

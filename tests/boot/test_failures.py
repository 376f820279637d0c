"""Failed boots are counted over instances, shown, and end; AWS is told when it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.boot import failures
from jenkins_bootstrap.boot.alarm import COUNT_TAG, SUSPENDED_TAG, AwsAlarm
from jenkins_bootstrap.boot.failures import Failure, Reason, begin, confirm, ended, note
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.config.controller import Boot
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors

STAGES = ("init.groovy", "aws.txt", "github.txt", "githubrepos.txt")
STAGE_FAILED = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "70"}
BOOT_FAILED = {"SERVICE_RESULT": "exit-code"}
STOPPED = {"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "143"}
RESTART = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "5"}
CRASHED = {"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}


@dataclass
class Controller:
    """A controller below a folder, with the fake of what it calls."""

    layout: Layout
    boot: Boot = field(default_factory=lambda: Boot(attempts=3))
    called: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    alarm: Any = None

    def ended(self, environment: dict[str, str]) -> Failure | None:
        return ended(
            self.layout,
            self.boot,
            environment,
            connect=self.connect,
            service=lambda verb, unit: self.called.append(f"{verb} {unit}"),
            tell=self.told.append,
        )

    def connect(self) -> Any:
        return self.alarm() if callable(self.alarm) else self.alarm

    def confirm(self) -> None:
        confirm(self.layout, connect=self.connect, tell=self.told.append)

    def stages_ran(self, *more: str) -> None:
        for name in (*STAGES, *more):
            self.layout.results.mkdir(exist_ok=True)
            result = {"stage": name, "seconds": 0.1, "changed": False, "changes": 0}
            (self.layout.results / f"{name}.json").write_text(json.dumps(result))

    @property
    def count(self) -> int:
        return int(json.loads(self.layout.boots.read_text())["failed"]) if self.layout.boots.exists() else 0


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    layout = Layout(tmp_path)
    layout.run.mkdir(parents=True)
    (layout.stages / "init.groovy.d").mkdir(parents=True)
    (layout.stages / "init.groovy").touch()
    for name in STAGES[1:]:
        (layout.stages / "init.groovy.d" / name).touch()
    return Controller(layout)


def failed_stage(controller: Controller) -> None:
    controller.layout.results.mkdir(exist_ok=True)
    said = {"stage": "aws.txt", "failed": True, "cause": "no such label", "remedy": "name one"}
    (controller.layout.results / "aws.txt.json").write_text(json.dumps(said))


def test_a_failed_stage_is_shown_counted_and_tried_again(controller: Controller) -> None:
    failed_stage(controller)
    controller.layout.secrets.write_text("{}")
    failure = controller.ended(STAGE_FAILED)
    assert failure is not None
    assert failure.reasons == (Reason("stage aws.txt", "no such label", "name one"),)
    assert (failure.attempt, failure.attempts, failure.next_seconds) == (1, 3, 20)
    assert Failure.read(controller.layout.failed) == failure
    assert controller.called == ["start jenkins-bootstrap-page.service"]
    assert controller.count == 1
    assert not controller.layout.secrets.exists()


def test_after_the_last_attempt_the_restart_is_cancelled(controller: Controller) -> None:
    for _ in range(2):
        controller.ended(BOOT_FAILED)
    begin(controller.layout)
    missing = BootstrapError("no such image", where="agents[0].ami", hint="bake agent")
    error = SeveralErrors([missing, BootstrapError("denied", where="secrets.agent_key")])
    note(controller.layout, error)
    page = Failure.read(controller.layout.failed)
    assert page is not None and not page.counted
    controller.called.clear()
    failure = controller.ended(BOOT_FAILED)
    assert failure is not None and failure.next_seconds is None
    assert failure.words == "agents[0].ami: no such image; secrets.agent_key: denied"
    assert controller.called == ["stop jenkins.service", "start jenkins-bootstrap-page.service"]


def test_a_restart_that_jenkins_asks_for_is_no_failure_and_is_made_at_once(controller: Controller) -> None:
    assert controller.ended(RESTART) is None
    assert (controller.called, controller.count) == (["start jenkins.service"], 0)
    assert not controller.layout.failed.exists()


@pytest.mark.parametrize("environment", [STOPPED, {}])
def test_an_end_that_was_meant_is_no_failure(controller: Controller, environment: dict[str, str]) -> None:
    assert controller.ended(environment) is None
    assert (controller.called, controller.count, controller.layout.failed.exists()) == ([], 0, False)


def test_jenkins_that_was_up_and_crashes_is_no_failed_boot(controller: Controller) -> None:
    controller.stages_ran()
    controller.confirm()
    failure = controller.ended(CRASHED)
    assert failure is not None
    assert (failure.words, failure.attempt, controller.count) == ("Jenkins: ended with signal KILL", 0, 0)
    assert controller.called == ["start jenkins-bootstrap-page.service"]
    assert controller.ended(CRASHED) is not None and controller.count == 1  # the next one never came up


def test_the_reason_of_the_boot_before_is_not_taken_for_this_ones(controller: Controller) -> None:
    failed_stage(controller)
    controller.ended(STAGE_FAILED)
    failure = controller.ended({"SERVICE_RESULT": "timeout"})
    assert failure is not None and failure.words == "Jenkins: did not start (timeout)"
    begin(controller.layout)
    failure = controller.ended(STAGE_FAILED)
    assert failure is not None and failure.words == "Jenkins: ended with exit status 70"


def test_a_confirmed_boot_resets_the_count(controller: Controller) -> None:
    controller.ended(STAGE_FAILED)
    controller.stages_ran()
    controller.confirm()
    assert (controller.count, controller.layout.failed.exists()) == (0, False)


def test_confirm_says_which_stage_did_not_run(controller: Controller) -> None:
    controller.stages_ran()
    (controller.layout.results / "aws.txt.json").unlink()
    with pytest.raises(BootstrapError, match=r"the stage aws\.txt has not run"):
        controller.confirm()
    failure = controller.ended({"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "143"})
    assert failure is not None and failure.words == "boot confirm: the stage aws.txt has not run"


def test_confirm_does_not_pass_a_failed_stage_or_secrets_that_are_left(controller: Controller) -> None:
    controller.stages_ran()
    controller.layout.secrets.touch()
    with pytest.raises(BootstrapError, match=r"secrets\.json is still there"):
        controller.confirm()
    failed_stage(controller)
    with pytest.raises(BootstrapError, match=r"stage aws\.txt: no such label"):
        controller.confirm()


def test_confirm_knows_stages_of_ones_own_by_the_name_that_init_groovy_gives_them(controller: Controller) -> None:
    for name in ("mine", "jcasc", "a_first"):
        (controller.layout.stages / f"init.groovy.d/{name}.txt").touch()
    controller.stages_ran("jcasc.txt", "user_a_first.txt")
    with pytest.raises(BootstrapError, match=r"the stage user_mine\.txt has not run"):
        controller.confirm()
    mine = controller.layout.results / "user_mine.txt.json"
    mine.write_text(json.dumps({"stage": "user_mine.txt", "failed": True, "cause": "no such job", "remedy": "make it"}))
    with pytest.raises(BootstrapError, match=r"stage user_mine\.txt: no such job"):
        controller.confirm()
    controller.stages_ran("jcasc.txt", "user_a_first.txt", "user_mine.txt")
    controller.confirm()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"failed": "many"}', '{"failed": -1}', "\x00"])
def test_a_count_that_cannot_be_read_begins_again(controller: Controller, text: str) -> None:
    controller.layout.boots.parent.mkdir(parents=True)
    controller.layout.boots.write_text(text)
    assert controller.ended(STAGE_FAILED) is not None
    assert controller.count == 1


def test_an_aws_that_hangs_or_breaks_hides_nothing(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "CLOUD_SECONDS", 0.05)
    failed_stage(controller)
    stuck = threading.Event()
    controller.alarm = stuck.wait
    failure = controller.ended(STAGE_FAILED)
    assert failure is not None and failure.words == "stage aws.txt: no such label"
    assert any("no answer in 0.05 s" in line for line in controller.told)
    stuck.set()

    def broken() -> None:
        raise RuntimeError("whatever a library raises")

    controller.alarm = broken
    assert controller.ended(STAGE_FAILED) is not None
    assert any("RuntimeError: whatever" in line for line in controller.told)
    assert controller.count == 2


# --- with an AWS


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """moto with a group of one instance and an SNS topic read through a queue."""
    from moto import mock_aws

    from jenkins_bootstrap.aws.session import Aws

    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        aws = Aws.embedded("eu-west-1", None)  # type: ignore[arg-type]
        aws.call(
            "autoscaling",
            "create_launch_configuration",
            LaunchConfigurationName="l",
            ImageId="ami-1",
            InstanceType="m7i.large",
        )
        group = {"AutoScalingGroupName": "g", "LaunchConfigurationName": "l", "MinSize": 1, "MaxSize": 1}
        aws.call("autoscaling", "create_auto_scaling_group", **group, AvailabilityZones=["eu-west-1a"])
        instance = aws.call("autoscaling", "describe_auto_scaling_instances")["AutoScalingInstances"][0]["InstanceId"]
        topic = aws.call("sns", "create_topic", Name="operators")["TopicArn"]
        yield {"aws": aws, "instance": instance, "topic": topic}


def group_of(aws: Any) -> tuple[dict[str, str], set[str]]:
    group = aws.call("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"][0]
    return {tag["Key"]: tag["Value"] for tag in group["Tags"]}, {p["ProcessName"] for p in group["SuspendedProcesses"]}


def test_a_group_of_instances_that_all_fail_stops_replacing_them(controller: Controller, cloud: dict[str, Any]) -> None:
    aws = cloud["aws"]
    controller.alarm = AwsAlarm(aws, cloud["instance"], "demo")
    controller.boot = Boot(attempts=2, alarm_topic=cloud["topic"])
    controller.ended(STAGE_FAILED)
    assert group_of(aws) == ({COUNT_TAG: "1"}, set())
    controller.layout.boots.unlink()  # another instance took its place
    failure = controller.ended(STAGE_FAILED)
    assert failure is not None and (failure.attempt, failure.next_seconds) == (2, None)
    assert group_of(aws) == ({COUNT_TAG: "2", SUSPENDED_TAG: "ReplaceUnhealthy"}, {"ReplaceUnhealthy"})
    metrics = aws.call("cloudwatch", "list_metrics", Namespace="jenkins-bootstrap")["Metrics"]
    assert [(m["MetricName"], m["Dimensions"]) for m in metrics][:1] == [
        ("FailedBoots", [{"Name": "Project", "Value": "demo"}])
    ]
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.sns import sns_backends

    sent = list(sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].topics[cloud["topic"]].sent_notifications)
    assert len(sent) == 1 and "Jenkins: ended with exit status 70" in str(sent[0])
    assert controller.told == [line for line in controller.told if "AWS" not in line]

    controller.stages_ran()
    controller.confirm()
    assert group_of(aws) == ({}, set())


def test_what_a_person_suspended_stays_suspended(controller: Controller, cloud: dict[str, Any]) -> None:
    aws = cloud["aws"]
    aws.call("autoscaling", "suspend_processes", AutoScalingGroupName="g", ScalingProcesses=["ReplaceUnhealthy"])
    controller.alarm = AwsAlarm(aws, cloud["instance"], "demo")
    controller.boot = Boot(attempts=1)
    controller.ended(STAGE_FAILED)
    assert group_of(aws) == ({COUNT_TAG: "1"}, {"ReplaceUnhealthy"})
    controller.stages_ran()
    controller.confirm()
    assert group_of(aws) == ({}, {"ReplaceUnhealthy"})


def test_without_a_group_the_metric_is_sent(controller: Controller, cloud: dict[str, Any]) -> None:
    controller.alarm = AwsAlarm(cloud["aws"], "i-0123456789abcdef0", "demo")
    controller.ended(STAGE_FAILED)
    assert controller.count == 1
    assert cloud["aws"].call("cloudwatch", "list_metrics", Namespace="jenkins-bootstrap")["Metrics"]


def test_a_message_that_is_refused_does_not_keep_the_group_from_being_told(
    controller: Controller, cloud: dict[str, Any]
) -> None:
    controller.alarm = AwsAlarm(cloud["aws"], cloud["instance"], "demo")
    controller.boot = Boot(attempts=1, alarm_topic=cloud["topic"] + "-gone")
    controller.ended(STAGE_FAILED)
    assert "ReplaceUnhealthy" in group_of(cloud["aws"])[1]
    assert any("AWS sns publish" in line for line in controller.told)

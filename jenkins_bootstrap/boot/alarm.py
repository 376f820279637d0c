"""What a failed boot leaves in AWS: a count on the Auto Scaling group, a metric, a message. Decides nothing.

The count is a tag of the group, so that it lives across instances that the group replaced. The group of an instance is
found from the instance; a controller without one has only the metric and the message.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Protocol

from jenkins_bootstrap.aws.session import Aws

COUNT_TAG = "jenkins-bootstrap:failed-boots"
SUSPENDED_TAG = "jenkins-bootstrap:suspended"
"""On the group while we have suspended a process of it: what others have suspended is not ours to resume."""
PROCESS = "ReplaceUnhealthy"
NAMESPACE = "jenkins-bootstrap"
METRIC = "FailedBoots"
"""Failed boots in a row of one project's controller; 0 when it is up again."""


class Alarm(Protocol):
    """Every call may raise BootstrapError."""

    def failed_boots(self) -> int:
        """The group's count; 0 without a group."""
        ...

    def failed(self, count: int, *, give_up: bool) -> None:
        """Keep the count; with `give_up` the group no longer replaces the instance for being unhealthy."""
        ...

    def well(self) -> bool:
        """Forget the count and let the group replace again, if it was we who stopped it; True if there was a count."""
        ...

    def metric(self, count: int) -> None: ...

    def tell(self, topic: str, subject: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class AwsAlarm:
    """`Alarm` for one instance; `project` is the metric's dimension."""

    aws: Aws
    instance_id: str
    project: str

    def failed_boots(self) -> int:
        group = self._group()
        return _number(self._tags(group).get(COUNT_TAG, "")) if group else 0

    def failed(self, count: int, *, give_up: bool) -> None:
        group = self._group()
        if group is None:
            return
        tags = {COUNT_TAG: str(count)}
        if give_up and (SUSPENDED_TAG in self._tags(group) or not self._suspended(group)):
            # The tag before the suspension: one without it would never be resumed.
            self._put(group, {**tags, SUSPENDED_TAG: PROCESS})
            self.aws.call("autoscaling", "suspend_processes", AutoScalingGroupName=group, ScalingProcesses=[PROCESS])
        else:
            self._put(group, tags)

    def well(self) -> bool:
        group = self._group()
        tags = self._tags(group) if group else {}
        if group is None or not tags:
            return False
        if SUSPENDED_TAG in tags:
            self.aws.call("autoscaling", "resume_processes", AutoScalingGroupName=group, ScalingProcesses=[PROCESS])
        gone = [_tag(group, name, value) for name, value in tags.items()]
        self.aws.call("autoscaling", "delete_tags", Tags=gone)
        return True

    def metric(self, count: int) -> None:
        data = {"MetricName": METRIC, "Value": count, "Unit": "Count"}
        data["Dimensions"] = [{"Name": "Project", "Value": self.project}]
        self.aws.call("cloudwatch", "put_metric_data", Namespace=NAMESPACE, MetricData=[data])

    def tell(self, topic: str, subject: str, text: str) -> None:
        self.aws.call("sns", "publish", TopicArn=topic, Subject=subject[:100], Message=text)

    def _group(self) -> str | None:
        found = self.aws.call("autoscaling", "describe_auto_scaling_instances", InstanceIds=[self.instance_id])
        names = [str(row["AutoScalingGroupName"]) for row in found["AutoScalingInstances"]]
        return names[0] if names else None

    def _tags(self, group: str) -> dict[str, str]:
        """Ours of the group's tags."""
        named = [{"Name": "auto-scaling-group", "Values": [group]}]
        rows = self.aws.pages("autoscaling", "describe_tags", "Tags", Filters=named)
        return {row["Key"]: row.get("Value", "") for row in rows if row["Key"] in (COUNT_TAG, SUSPENDED_TAG)}

    def _suspended(self, group: str) -> bool:
        found = self.aws.call("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[group])
        names = {each["ProcessName"] for row in found["AutoScalingGroups"] for each in row["SuspendedProcesses"]}
        return PROCESS in names

    def _put(self, group: str, tags: dict[str, str]) -> None:
        made = [_tag(group, name, value) | {"PropagateAtLaunch": False} for name, value in tags.items()]
        self.aws.call("autoscaling", "create_or_update_tags", Tags=made)


def _tag(group: str, name: str, value: str) -> dict[str, object]:
    return {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": name, "Value": value}


def _number(text: str) -> int:
    with contextlib.suppress(ValueError):
        return max(0, int(text))
    return 0

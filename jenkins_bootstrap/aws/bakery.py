"""The calls to EC2 that a bake needs besides Packer's own: images by tag, tags, and removing what a run left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jenkins_bootstrap.aws.lookup import filters, image_from
from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.facts import Image

_ENDS_WITHIN_SECONDS = 300.0


class ImageCloud:
    """The `Cloud` of images/ports.py on an Aws gateway."""

    def __init__(self, aws: Aws, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._aws = aws
        self._sleep = sleep

    def project_images(self, project: str) -> tuple[Image, ...]:
        return self._images(filters({"Project": project}))

    def named_image(self, name: str) -> Image | None:
        found = self._images(filters({}, name=name))
        return found[0] if found else None

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        self._aws.call("ec2", "create_tags", Resources=list(ids), Tags=pairs)

    def untag(self, ids: Sequence[str], keys: Sequence[str]) -> None:
        self._aws.call("ec2", "delete_tags", Resources=list(ids), Tags=[{"Key": key} for key in keys])

    def deregister(self, image: str) -> None:
        try:
            found = self._aws.call("ec2", "describe_images", ImageIds=[image])["Images"]
            snapshots = [d["Ebs"]["SnapshotId"] for i in found for d in i["BlockDeviceMappings"] if "Ebs" in d]
            self._aws.call("ec2", "deregister_image", ImageId=image)
        except AwsError as error:
            if error.code not in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
                raise
            return
        for snapshot in snapshots:
            self._gone_is_fine("delete_snapshot", "InvalidSnapshot.NotFound", SnapshotId=snapshot)

    def make_security_group(self, name: str, vpc: str, port: int, cidr: str, tags: Mapping[str, str]) -> str:
        pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        made = self._aws.call(
            "ec2",
            "create_security_group",
            GroupName=name,
            Description="SSH to an instance that bakes an image",
            TagSpecifications=[{"ResourceType": "security-group", "Tags": pairs}],
            **({"VpcId": vpc} if vpc else {}),
        )
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}
        self._aws.call("ec2", "authorize_security_group_ingress", GroupId=made["GroupId"], IpPermissions=[rule])
        return str(made["GroupId"])

    def remove_run(self, tag: str, run: str, key_pairs: str) -> list[str]:
        mine = filters({tag: run})
        removed = self._end_instances(mine)
        for volume in self._aws.pages("ec2", "describe_volumes", "Volumes", Filters=mine):
            if self._gone_is_fine("delete_volume", "InvalidVolume.NotFound", VolumeId=volume["VolumeId"]):
                removed.append(f"volume {volume['VolumeId']}")
        wildcard = [{"Name": "key-name", "Values": [f"{key_pairs}*"]}]
        for pair in self._aws.call("ec2", "describe_key_pairs", Filters=wildcard)["KeyPairs"]:
            self._aws.call("ec2", "delete_key_pair", KeyName=pair["KeyName"])
            removed.append(f"key pair {pair['KeyName']}")
        for group in self._aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=mine):
            self._delete_group(group["GroupId"])
            removed.append(f"security group {group['GroupId']}")
        return removed

    def _images(self, wanted: list[dict[str, Any]]) -> tuple[Image, ...]:
        found = self._aws.pages("ec2", "describe_images", "Images", Owners=["self"], Filters=wanted)
        return tuple(image_from(raw) for raw in found)

    def _end_instances(self, mine: list[dict[str, Any]]) -> list[str]:
        states = {
            "Name": "instance-state-name",
            "Values": ["pending", "running", "stopping", "stopped", "shutting-down"],
        }
        ids: list[str] = []
        waited = 0.0
        while True:
            pages = self._aws.pages("ec2", "describe_instances", "Reservations", Filters=[*mine, states])
            left = [i["InstanceId"] for reservation in pages for i in reservation["Instances"]]
            if not left or waited > _ENDS_WITHIN_SECONDS:
                return [f"instance {each}" for each in ids]
            if not ids:
                self._aws.call("ec2", "terminate_instances", InstanceIds=left)
                ids = left
                continue
            self._sleep(2.0)
            waited += 2.0

    def _delete_group(self, group: str) -> None:
        # For some seconds after an instance's end AWS still counts its network interface as using the group.
        for attempt in range(10):
            try:
                self._aws.call("ec2", "delete_security_group", GroupId=group)
                return
            except AwsError as error:
                if error.code == "InvalidGroup.NotFound":
                    return
                if error.code != "DependencyViolation" or attempt == 9:
                    raise
            self._sleep(3.0)

    def _gone_is_fine(self, operation: str, gone: str, **parameters: str) -> bool:
        """True when the call removed it, False when it was gone (or going) already."""
        try:
            self._aws.call("ec2", operation, **parameters)
        except AwsError as error:
            if error.code not in (gone, "IncorrectState"):
                raise
            return False
        return True

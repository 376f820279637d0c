"""JENKINS_HOME on the data volume: attached to this instance, a file system of ours, mounted by that, owned by Jenkins.

A file system is made on nothing but a volume that says of itself that it is new (tag `jenkins-bootstrap:new`, value
`yes`) and that holds nothing. The tag goes once the file system is made; killed in between, the next boot finds our
label and takes the tag away. A volume that is attached elsewhere is waited for, never taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.aws import metadata
from jenkins_bootstrap.aws.metadata import Instance
from jenkins_bootstrap.boot.disks import LABEL, Disks, FileSystem, RealDisks
from jenkins_bootstrap.boot.retry import Patience
from jenkins_bootstrap.boot.writing import Owners
from jenkins_bootstrap.errors import BootstrapError, NothingFound

if TYPE_CHECKING:
    from pathlib import Path

    from jenkins_bootstrap.aws.session import Aws
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.facts import Volume

NEW_TAG = "jenkins-bootstrap:new"
_ATTACH_AS = ("/dev/sdj", "/dev/sdk", "/dev/sdl")
"""Names for the API; on Nitro the system names devices itself."""
_POLL_SECONDS = 1.0


def prepare_volume(
    aws: Aws,
    volume: Volume,
    layout: Layout,
    patience: Patience,
    say: Callable[[str], None],
    *,
    here: Instance | None = None,
    disks: Disks | None = None,
) -> str:
    """Put the volume in JENKINS_HOME's place; what was done, in words. Run again it changes nothing.

    An instance of the embedded target has no block devices: this is said and the folder is used. Raises BootstrapError
    at once for a volume in another zone, one that holds something else, or nothing without being new; and after the
    boot's deadline for one that another instance keeps.
    """
    if aws.endpoint is not None and disks is None:
        say(f"SIMULATED: instances of the embedded target have no block devices: a folder stands for {volume.id}")
        return "a folder"
    disks = disks or RealDisks()
    here = here or metadata.instance()
    where = f"volume {volume.id}"
    if volume.zone != here.zone:
        raise BootstrapError(
            f"is in {volume.zone}, this instance in {here.zone}: it can never be attached",
            where=where,
            hint=f"let the controller run in subnets of {volume.zone} alone, or make the volume anew from a snapshot",
        )
    device = _attached(aws, volume.id, here, disks, patience, say)
    made = _made(aws, volume.id, device, disks, say)
    _mounted(device, layout.home, disks, where)
    owners = Owners.of(layout)
    # Never below it: a home of years has millions of files, and they are Jenkins' already.
    disks.own(layout.home, owners.uid, owners.gid, 0o750)
    return f"{volume.id} as {device}{', made' if made else ''}"


def _attached(
    aws: Aws, volume_id: str, here: Instance, disks: Disks, patience: Patience, say: Callable[[str], None]
) -> Path:
    """Its device, once it is attached here."""
    asked = False
    told = ""
    while True:
        raw = patience.until(lambda: _describe(aws, volume_id), "EC2")
        users = {each["InstanceId"]: each.get("State", "") for each in raw.get("Attachments", [])}
        if here.id in users and users[here.id] in ("attached", "attaching", "busy"):
            device = disks.device(volume_id)
            if device is not None:
                return device
            state = "attached; its device has not appeared"
        elif raw["State"] == "available" and not asked:
            say(f"attaching {volume_id}")
            _attach(aws, volume_id, here)
            asked = True
            state = "being attached"
        elif raw["State"] in ("deleting", "deleted", "error"):
            raise BootstrapError(f"is {raw['State']}", where=f"volume {volume_id}", hint="make one from a snapshot")
        else:
            asked = False
            state = f"{raw['State']}, attached to {', '.join(sorted(users))}" if users else str(raw["State"])
        left = patience.seconds - patience.waited
        if left <= 0:
            raise BootstrapError(
                f"is {state} after {patience.waited:.0f} s",
                where=f"volume {volume_id}",
                hint="it is never taken from an instance that may still write to it: end that one, then start this",
            )
        if state != told:
            say(f"waiting for {volume_id}: {state}; for {left:.0f} s at most")
            told = state
        patience.sleep(min(_POLL_SECONDS, left))


def _attach(aws: Aws, volume_id: str, here: Instance) -> None:
    from jenkins_bootstrap.aws.session import AwsError

    for name in _ATTACH_AS:
        try:
            aws.call("ec2", "attach_volume", VolumeId=volume_id, InstanceId=here.id, Device=name)
        except AwsError as error:
            if error.code in ("VolumeInUse", "IncorrectState"):
                return  # somebody else was quicker: seen at the next look
            # The name is in use on this instance.
            if error.code != "InvalidParameterValue" or name == _ATTACH_AS[-1]:
                raise
        else:
            return


def _made(aws: Aws, volume_id: str, device: Path, disks: Disks, say: Callable[[str], None]) -> bool:
    """Whether the file system was made just now. On return there is one of ours, and the volume is no longer new."""
    where = f"volume {volume_id} ({device})"
    there = disks.look(device)
    tags = {tag["Key"]: tag["Value"] for tag in _describe(aws, volume_id).get("Tags", [])}
    new = tags.get(NEW_TAG, "").lower() == "yes"
    made = False
    if there.none:
        if not new:
            raise BootstrapError(
                "holds no file system and does not say that it is new: nothing is made on it",
                where=where,
                hint=f"if it may be formatted, give it the tag {NEW_TAG}=yes; else restore its snapshot",
            )
        say(f"{volume_id} is new: making a file system on {device}")
        disks.make(device)
        made = True
        there = disks.look(device)
    if there != FileSystem("ext4", LABEL):
        raise BootstrapError(
            f"holds {there.kind} with the label {there.label!r}, not ext4 with {LABEL!r}: it is left as it is",
            where=where,
            hint=f"name another volume in controller.volume, or, if it is the right one, label it: e2label DEV {LABEL}",
        )
    if NEW_TAG in tags:
        aws.call("ec2", "delete_tags", Resources=[volume_id], Tags=[{"Key": NEW_TAG}])
    return made


def _mounted(device: Path, home: Path, disks: Disks, where: str) -> None:
    there = disks.mounted(home)
    if there == device:
        return
    if there is not None:
        raise BootstrapError(
            f"{there} is mounted at {home} already", where=where, hint=f"umount {home}, or start a fresh instance"
        )
    home.mkdir(parents=True, exist_ok=True)
    disks.mount(device, home)


def _describe(aws: Aws, volume_id: str) -> dict[str, Any]:
    found = aws.call("ec2", "describe_volumes", VolumeIds=[volume_id])["Volumes"]
    if not found:
        raise NothingFound("is not there", where=f"volume {volume_id}", hint="look at controller.volume")
    return dict(found[0])

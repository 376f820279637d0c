"""The data volume: attached, formatted only when it says it is new, mounted; with moto, and with real loop devices."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.aws.metadata import Instance
from jenkins_bootstrap.boot.disks import LABEL, FileSystem, RealDisks
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.retry import Patience
from jenkins_bootstrap.boot.volume import NEW_TAG, prepare_volume
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Volume

NOTHING = FileSystem("", "")
OURS = FileSystem("ext4", LABEL)


@dataclass
class FakeDisks:
    """A device that appears at the given look and holds what it is told; keeps the order of what is done to it."""

    holds: FileSystem = NOTHING
    appears_at: int = 1
    at: Path | None = None
    done: list[str] = field(default_factory=list)
    looks: int = 0
    node: Path = Path("/dev/nvme1n1")

    def device(self, volume_id: str) -> Path | None:
        self.looks += 1
        return self.node if self.looks >= self.appears_at else None

    def look(self, device: Path) -> FileSystem:
        return self.holds

    def make(self, device: Path) -> None:
        self.done.append("make")
        self.holds = OURS

    def mounted(self, place: Path) -> Path | None:
        return self.at

    def mount(self, device: Path, place: Path) -> None:
        self.done.append("mount")
        self.at = device

    def own(self, place: Path, uid: int, gid: int, mode: int) -> None:
        self.done.append(f"own {mode:o}")


@dataclass
class Cloud:
    aws: Any
    here: Instance
    volume: Volume
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def prepare(self, layout: Layout, disks: Any, seconds: float = 30) -> str:
        now = [0.0]

        def sleep(for_seconds: float) -> None:
            now[0] += for_seconds
            self.slept.append(for_seconds)
            self.during()

        patience = Patience(seconds, self.said.append, clock=lambda: now[0], sleep=sleep)
        return prepare_volume(self.aws, self.volume, layout, patience, self.said.append, here=self.here, disks=disks)

    def tag(self, value: str = "yes") -> None:
        tags = [{"Key": NEW_TAG, "Value": value}]
        self.aws.call("ec2", "create_tags", Resources=[self.volume.id], Tags=tags)

    @property
    def raw(self) -> dict[str, Any]:
        return dict(self.aws.call("ec2", "describe_volumes", VolumeIds=[self.volume.id])["Volumes"][0])

    @property
    def is_new(self) -> bool:
        return NEW_TAG in {tag["Key"] for tag in self.raw.get("Tags", [])}

    def instance(self) -> str:
        placed = {"AvailabilityZone": "eu-west-1a"}
        ran = self.aws.call("ec2", "run_instances", ImageId="ami-1", MinCount=1, MaxCount=1, Placement=placed)
        return str(ran["Instances"][0]["InstanceId"])


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    """One moto and one client for all tests: they share nothing but that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        from moto import mock_aws

        from jenkins_bootstrap.aws.session import Aws

        with mock_aws():
            yield Aws.embedded("eu-west-1", None)  # type: ignore[arg-type]


@pytest.fixture
def cloud(aws: Any) -> Iterator[Cloud]:
    made = aws.call("ec2", "create_volume", AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    cloud = Cloud(aws, Instance("", "eu-west-1a"), Volume(made, "eu-west-1a", 1))
    cloud.here = Instance(cloud.instance(), "eu-west-1a")
    yield cloud
    aws.endpoint = None


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_a_new_volume_is_attached_formatted_and_mounted_and_is_new_no_longer(cloud: Cloud, layout: Layout) -> None:
    cloud.tag()
    disks = FakeDisks(appears_at=3)
    assert cloud.prepare(layout, disks).endswith("as /dev/nvme1n1, made")
    assert disks.done == ["make", "mount", "own 750"]
    assert [each["InstanceId"] for each in cloud.raw["Attachments"]] == [cloud.here.id]
    assert not cloud.is_new
    assert layout.home.is_dir()


def test_a_second_boot_only_looks(cloud: Cloud, layout: Layout) -> None:
    disks = FakeDisks(OURS)
    cloud.prepare(layout, disks)
    disks.done.clear()
    cloud.prepare(layout, disks)
    assert disks.done == ["own 750"]


def test_killed_between_the_file_system_and_the_tag_the_next_boot_formats_nothing(cloud: Cloud, layout: Layout) -> None:
    cloud.tag()
    disks = FakeDisks(OURS)
    cloud.prepare(layout, disks)
    assert disks.done == ["mount", "own 750"] and not cloud.is_new


@pytest.mark.parametrize("value", [None, "no", "", "false"])
def test_nothing_is_made_on_a_volume_that_does_not_say_it_is_new(
    cloud: Cloud, layout: Layout, value: str | None
) -> None:
    if value is not None:
        cloud.tag(value)
    disks = FakeDisks()
    with pytest.raises(
        BootstrapError, match=r"holds no file system and does not say .* new.*\n.*jenkins-bootstrap:new"
    ):
        cloud.prepare(layout, disks)
    assert disks.done == []


@pytest.mark.parametrize("there", [FileSystem("ext4", "data"), FileSystem("xfs", LABEL), FileSystem("gpt", "")])
def test_what_is_not_ours_is_left_as_it_is_even_when_it_says_it_is_new(
    cloud: Cloud, layout: Layout, there: FileSystem
) -> None:
    cloud.tag()
    disks = FakeDisks(there)
    with pytest.raises(BootstrapError, match=f"holds {there.kind} with the label '{there.label}'"):
        cloud.prepare(layout, disks)
    assert disks.done == [] and cloud.is_new


def test_a_volume_in_another_zone_ends_the_boot_at_once(cloud: Cloud, layout: Layout) -> None:
    cloud.here = Instance(cloud.here.id, "eu-west-1b")
    with pytest.raises(BootstrapError, match=r"is in eu-west-1a, this instance in eu-west-1b.*\n.*snapshot"):
        cloud.prepare(layout, FakeDisks())
    assert cloud.slept == [] and cloud.raw["State"] == "available"


def test_a_volume_of_another_instance_is_waited_for(cloud: Cloud, layout: Layout) -> None:
    other = cloud.instance()
    cloud.aws.call("ec2", "attach_volume", VolumeId=cloud.volume.id, InstanceId=other, Device="/dev/sdj")

    def gone() -> None:
        if len(cloud.slept) == 3:
            cloud.aws.call("ec2", "detach_volume", VolumeId=cloud.volume.id, InstanceId=other)

    cloud.during = gone
    cloud.prepare(layout, FakeDisks(OURS))
    assert [each["InstanceId"] for each in cloud.raw["Attachments"]] == [cloud.here.id]
    assert sum("attached to" in line for line in cloud.said) == 1


def test_a_volume_that_another_instance_keeps_is_never_taken(cloud: Cloud, layout: Layout) -> None:
    other = cloud.instance()
    cloud.aws.call("ec2", "attach_volume", VolumeId=cloud.volume.id, InstanceId=other, Device="/dev/sdj")
    with pytest.raises(BootstrapError, match=f"is in-use, attached to {other} after 30 s"):
        cloud.prepare(layout, FakeDisks(OURS))
    assert [each["InstanceId"] for each in cloud.raw["Attachments"]] == [other]


def test_a_device_that_never_appears_ends_at_the_deadline(cloud: Cloud, layout: Layout) -> None:
    with pytest.raises(BootstrapError, match="its device has not appeared after 30 s"):
        cloud.prepare(layout, FakeDisks(OURS, appears_at=10**6))


def test_something_else_in_the_place_is_not_covered(cloud: Cloud, layout: Layout) -> None:
    disks = FakeDisks(OURS, at=Path("/dev/sda1"))
    with pytest.raises(BootstrapError, match="/dev/sda1 is mounted at"):
        cloud.prepare(layout, disks)


def test_the_embedded_target_says_that_it_has_no_volumes(cloud: Cloud, layout: Layout) -> None:
    cloud.aws.endpoint = "http://127.0.0.1:1"
    assert cloud.prepare(layout, None) == "a folder"
    assert cloud.said[0].startswith("SIMULATED: ")


# --- real disks


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Path]:
    tools = ("mkfs.ext4", "losetup", "blkid", "findmnt")
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in tools):
        pytest.skip("real disks are NOT tested: needs root, e2fsprogs and util-linux")
    image = tmp_path / "disk"
    with image.open("wb") as out:
        out.truncate(32 << 20)
    made = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"real disks are NOT tested: no loop devices here: {made.stderr.strip()}")
    yield Path(made.stdout.strip())
    subprocess.run(["umount", "-q", str(Layout(tmp_path).home)], check=False)
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


class LoopDisks(RealDisks):
    def __init__(self, loop: Path) -> None:
        self.loop = loop

    def device(self, volume_id: str) -> Path | None:
        return self.loop


def test_a_real_disk_is_formatted_mounted_and_kept(cloud: Cloud, layout: Layout, loop: Path) -> None:
    cloud.tag()
    cloud.prepare(layout, LoopDisks(loop))
    assert RealDisks().look(loop) == OURS
    options = subprocess.run(
        ["findmnt", "-no", "OPTIONS", str(layout.home)], capture_output=True, text=True, check=True
    )
    assert {"nodev", "nosuid"} <= set(options.stdout.strip().split(","))
    (layout.home / "config.xml").write_text("kept")
    os.chown(layout.home / "config.xml", 12345, 12345)
    subprocess.run(["umount", str(layout.home)], check=True)
    cloud.prepare(layout, LoopDisks(loop))
    assert (layout.home / "config.xml").read_text() == "kept"
    assert (layout.home / "config.xml").stat().st_uid == 12345  # nothing below the root of it is touched
    cloud.prepare(layout, LoopDisks(loop))  # mounted already


def test_a_real_disk_with_something_else_is_left_as_it_is(cloud: Cloud, layout: Layout, loop: Path) -> None:
    cloud.tag()
    subprocess.run(["mkfs.ext4", "-q", "-L", "others", str(loop)], check=True)
    before = loop.read_bytes()
    with pytest.raises(BootstrapError, match="holds ext4 with the label 'others'"):
        cloud.prepare(layout, LoopDisks(loop))
    assert loop.read_bytes() == before


def test_killed_right_after_mkfs_the_next_boot_goes_on(cloud: Cloud, layout: Layout, loop: Path) -> None:
    cloud.tag()
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom jenkins_bootstrap.boot.disks import RealDisks\n"
        "RealDisks().make(Path(sys.argv[1]))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(loop)], check=False)
    assert killed.returncode == -signal.SIGKILL
    made = loop.read_bytes()[1024:2048]
    cloud.prepare(layout, LoopDisks(loop))
    subprocess.run(["umount", str(layout.home)], check=True)
    assert loop.read_bytes()[1024 + 104 : 1024 + 120] == made[104:120]  # the same file system: its UUID
    assert not cloud.is_new

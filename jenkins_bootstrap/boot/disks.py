"""The block devices and mounts of this machine, by the tools of util-linux and e2fsprogs. Decides nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jenkins_bootstrap.errors import ToolError

LABEL = "jenkins-home"
OPTIONS = "nodev,nosuid,noatime"
_LINKS = Path("/dev/disk/by-id")


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What is on a device; both empty for nothing at all."""

    kind: str
    label: str

    @property
    def none(self) -> bool:
        return not self.kind


class Disks(Protocol):
    """Every call may raise ToolError."""

    def device(self, volume_id: str) -> Path | None:
        """The device of an EBS volume, None while it has not appeared."""
        ...

    def look(self, device: Path) -> FileSystem: ...

    def make(self, device: Path) -> None:
        """An ext4 file system with our label. Never on a device that holds anything."""
        ...

    def mounted(self, place: Path) -> Path | None:
        """The device that is mounted at `place` itself."""
        ...

    def mount(self, device: Path, place: Path) -> None: ...

    def own(self, place: Path, uid: int, gid: int, mode: int) -> None:
        """Owner and rights of that folder alone, nothing below it."""
        ...


class RealDisks:
    """`Disks` of this machine."""

    def device(self, volume_id: str) -> Path | None:
        # The serial number of an EBS volume's NVMe controller is the volume id without its hyphen
        # (docs.aws.amazon.com/ebs: "Map Amazon EBS volumes to NVMe device names"); udev makes the link of it.
        link = _LINKS / f"nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"
        return link.resolve() if link.exists() else None

    def look(self, device: Path) -> FileSystem:
        # Status 2: nothing was found. Low-level probing, as the cache of blkid may be of another disk.
        status, text = _run("blkid", "--probe", "--output", "export", str(device), allowed=(0, 2))
        said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if status == 2:
            return FileSystem("", "")
        return FileSystem(said.get("TYPE") or said.get("PTTYPE") or "something", said.get("LABEL", ""))

    def make(self, device: Path) -> None:
        # Without -F: mke2fs itself refuses a device that is mounted or in use. Nothing is asked: there is no terminal.
        _run("mkfs.ext4", "-q", "-L", LABEL, "-m", "0", "-E", "lazy_itable_init=1", str(device))

    def mounted(self, place: Path) -> Path | None:
        if not os.path.ismount(place):
            return None
        _, text = _run("findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", str(place), allowed=(0, 1))
        lines = text.split()
        return Path(lines[-1]).resolve() if lines else None

    def mount(self, device: Path, place: Path) -> None:
        _run("mount", "-t", "ext4", "-o", OPTIONS, str(device), str(place))

    def own(self, place: Path, uid: int, gid: int, mode: int) -> None:
        os.chown(place, uid, gid)
        place.chmod(mode)


def _run(*command: str, allowed: tuple[int, ...] = (0,)) -> tuple[int, str]:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError(
            "is not there", where=command[0], hint="the image lacks util-linux or e2fsprogs: bake it anew"
        ) from None
    if done.returncode not in allowed:
        words = (done.stderr or done.stdout).strip()[-500:] or f"exit status {done.returncode}"
        raise ToolError(words, where=" ".join(command), hint="look at dmesg on the instance")
    return done.returncode, done.stdout

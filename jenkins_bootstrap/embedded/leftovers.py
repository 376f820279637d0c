"""Ends and unmounts what a dead daemon left of an instance: by recorded pid and start time, never by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from jenkins_bootstrap.embedded import processes, userns
from jenkins_bootstrap.files import canonical_json, write_atomic


def record(path: Path, pids: list[int]) -> None:
    """Write down which processes an instance consists of; those that are gone already are left out."""
    known = [(pid, processes.start_time(pid)) for pid in pids if pid]
    alive = [[pid, started] for pid, started in known if started is not None]
    write_atomic(path, canonical_json({"processes": alive}))


def end_recorded(path: Path) -> None:
    """Kill what the record names, if it is still the same process, and wait for it. No record: nothing to end."""
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))["processes"]
    except (OSError, ValueError, KeyError):
        return
    for pid, started in recorded:
        processes.kill(int(pid), int(started))


def unmount_below(folder: Path) -> None:
    """Unmount what is mounted below a folder in our own name space: root may have, an ordinary user cannot."""
    if userns.is_root():
        for point in reversed(list(_mount_points_below(folder))):
            userns.run(["umount", "-l", str(point)], where=f"unmounting {point}")


def _mount_points_below(folder: Path) -> Iterator[Path]:
    """Mount points below a folder, in the order of mounting (field 5 of /proc/self/mountinfo, proc(5))."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    for line in text.splitlines():
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), line.split()[4]))
        if folder in point.parents:
            yield point

"""What the embedded instances need of this machine, each with the command that brings it. Changes nothing."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.embedded import userns

_NEEDED_IDS = 65535  # Debian's `nobody` is 65534
_RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


@dataclass(frozen=True)
class Prerequisite:
    """One thing needed: `found` says what is there (or what is wrong), `remedy` is empty when it is in order."""

    name: str
    ok: bool
    found: str
    remedy: str


def prerequisites() -> list[Prerequisite]:
    """All that is needed to make the root file system and to run instances, as this user on this machine."""
    rows = for_rootfs()
    rows.append(_program("pivot_root", "util-linux"))
    if all(row.ok for row in rows if row.name != "mmdebstrap"):
        rows.append(_overlay())
    return rows


def for_rootfs() -> list[Prerequisite]:
    """What making the root file system needs."""
    rows = [_program("mmdebstrap", "mmdebstrap"), _program("tar", "tar"), _program("setpriv", "util-linux"), _unshare()]
    if not userns.is_root():
        rows.append(_program("newuidmap", "uidmap"))
        rows += [_subordinate(Path("/etc/subuid"), "uids"), _subordinate(Path("/etc/subgid"), "gids")]
        if all(row.ok for row in rows if row.name != "mmdebstrap"):
            rows.append(_user_namespaces())
    return rows


def _install(package: str) -> str:
    sudo = "" if userns.is_root() else "sudo "
    return f"{sudo}apt-get install {package}"


def _program(name: str, package: str) -> Prerequisite:
    path = shutil.which(name, path=userns.ENVIRONMENT["PATH"])
    return Prerequisite(name, path is not None, path or "not found", "" if path else _install(package))


def _unshare() -> Prerequisite:
    """--map-auto came with util-linux 2.38 (its release notes)."""
    row = _program("unshare", "util-linux")
    if not row.ok or userns.is_root():
        return row
    said = subprocess.run([row.found, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) >= (2, 38):
        return row
    return Prerequisite("unshare", False, f"{said.strip()}, 2.38 is needed", "use Debian 12 or later, or run as root")


def _subordinate(table: Path, what: str) -> Prerequisite:
    """Whether the user has a range in /etc/subuid or /etc/subgid: NAME-or-id:FIRST:COUNT, see subuid(5)."""
    name = f"subordinate {what}"
    user = pwd.getpwuid(os.getuid()).pw_name
    first = 100000
    flag = "--add-subuids" if what == "uids" else "--add-subgids"
    remedy = f"sudo usermod {flag} {first}-{first + 65535} {user}"
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        return Prerequisite(name, False, f"{table}: {error.strerror}", remedy)
    for line in lines:
        who, _, span = line.partition(":")
        count = span.rpartition(":")[2]
        if who in (user, str(os.getuid())) and count.isdigit() and int(count) >= _NEEDED_IDS:
            return Prerequisite(name, True, f"{count} in {table}", "")
    return Prerequisite(name, False, f"no range of {_NEEDED_IDS} for {user} in {table}", remedy)


def _user_namespaces() -> Prerequisite:
    # With the environment's own PATH, in which Python looks for unshare: the caller's may not have it.
    argv = userns.inside(["true"])
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=userns.ENVIRONMENT)
    if done.returncode == 0:
        return Prerequisite("user name spaces", True, "allowed", "")
    return Prerequisite("user name spaces", False, done.stderr.strip() or "refused", _allow_user_namespaces())


def _allow_user_namespaces() -> str:
    if _RESTRICTED.exists():
        return "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
    return "sudo sysctl user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1, or run as root"


def _overlay() -> Prerequisite:
    """Mount a real overlay, in name spaces that end with the attempt. Ordinary users may from kernel 5.11 on."""
    script = (
        'cd "$1"; mkdir l u w m; mount -t overlay overlay -o userxattr,lowerdir=l,upperdir=u,workdir=w m; : >m/probe;'
        "umount m; [ -e u/probe ]; rm -rf w/work"
    )
    with tempfile.TemporaryDirectory() as folder:
        argv = userns.private_mounts(["/bin/sh", "-ec", script, "sh", folder])
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=userns.ENVIRONMENT)
    if done.returncode == 0:
        return Prerequisite("overlay file systems", True, f"kernel {os.uname().release}", "")
    remedy = "run on a kernel and in a container that allow overlay mounts (5.11 or later for ordinary users)"
    return Prerequisite("overlay file systems", False, done.stderr.strip() or "refused", remedy)

"""Files of a controller: written whole or not at all, with their owner and rights from the first moment.

A full disk is told with the file system and its figures.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jenkins_bootstrap.boot.layout import USER, Layout
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Owners:
    """The numeric user and group of Jenkins, and the user who boots. Below a folder for tests all are this process'."""

    uid: int
    gid: int
    root: int

    @classmethod
    def of(cls, layout: Layout) -> Owners:
        """Those of the controller at `layout`. Raises BootstrapError when the user jenkins is not there."""
        if layout.root != Path("/") or os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), os.geteuid())
        import pwd

        try:
            entry = pwd.getpwnam(USER)
        except KeyError:
            raise BootstrapError(
                f"there is no user {USER}", where="/etc/passwd", hint="boot runs inside a controller image"
            ) from None
        return cls(entry.pw_uid, entry.pw_gid, 0)


def write_file(path: Path, text: str, *, uid: int, gid: int, mode: int) -> None:
    """Write a file by a rename. What is written has its owner and at most its rights from the first moment on.

    Raises BootstrapError when it cannot be written; the old file is then as it was.
    """
    with explained(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
        try:
            with os.fdopen(handle, "wb") as out:
                os.fchown(out.fileno(), uid, gid)
                os.fchmod(out.fileno(), mode)
                out.write(text.encode())
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise


def write_facts(layout: Layout, facts: Mapping[str, Any]) -> None:
    """facts.json: root's, for Jenkins to read."""
    owners = Owners.of(layout)
    write_file(layout.facts, canonical_json(facts), uid=owners.root, gid=owners.gid, mode=0o640)


def write_secrets(layout: Layout, secrets: Mapping[str, Any]) -> None:
    """secrets.json: Jenkins' alone, which deletes it."""
    owners = Owners.of(layout)
    write_file(layout.secrets, canonical_json(secrets), uid=owners.uid, gid=owners.gid, mode=0o600)


def make_folder(path: Path, *, uid: int, gid: int, mode: int) -> None:
    """A folder with this owner and these rights; what is in it stays. Folders above it are made as root's."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if path.is_symlink() or not path.is_dir():
            raise BootstrapError("is no folder", where=str(path), hint="remove it; boot makes a folder there")
        found = path.stat()
        if (found.st_uid, found.st_gid) != (uid, gid):
            os.chown(path, uid, gid)
        if found.st_mode & 0o7777 != mode:
            path.chmod(mode)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into an error in words; a full disk names the file system and its figures."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise full(path, error.strerror or "no space left") from error
        raise BootstrapError(
            f"cannot be written: {error.strerror or error}",
            where=str(error.filename or path),
            hint="boot runs as root in a controller image",
        ) from error


def full(path: Path, why: str) -> BootstrapError:
    """The error of a full disk."""
    place = mount_point(path)
    return BootstrapError(
        f"{why}: {figures(place)}",
        where=f"file system {place}, writing {path}",
        hint=f"free space below {place}, or give its volume more",
    )


def mount_point(path: Path) -> Path:
    """Where the file system of `path` (or of the nearest folder above it that is there) begins."""
    while not path.exists():
        path = path.parent
    path = path.resolve()
    while not path.is_mount() and path != path.parent:
        path = path.parent
    return path


def figures(place: Path) -> str:
    """Free and whole size of a file system, and its free inodes."""
    found = os.statvfs(place)
    unit = 1 << 20
    free, whole = found.f_bavail * found.f_frsize // unit, found.f_blocks * found.f_frsize // unit
    return f"{free} of {whole} MiB free, {found.f_favail} of {found.f_files} inodes free"

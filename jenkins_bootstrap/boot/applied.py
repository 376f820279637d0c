"""What the running Jenkins was configured from (applied.json), the key its digests are made with, and the lock that
keeps a boot and the looks after it apart. All of it on the tmpfs, root's alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets as random
import time
from collections.abc import Iterator

from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.writing import Owners, explained, write_file
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.stages.digests import Inputs

SCHEMA = 1
KEY_BYTES = 32


def digest_key(layout: Layout) -> bytes:
    """The key of the digests, made when it is not there. A new one only makes every stage run once more."""
    path = layout.run / "digest-key"
    owners = Owners.of(layout)
    with contextlib.suppress(OSError, ValueError):
        found = path.lstat()
        # The folder is Jenkins' to write in: a link, or a file of somebody else's, is not taken.
        if not path.is_symlink() and found.st_uid == owners.root and not found.st_mode & 0o077:
            key = bytes.fromhex(path.read_text(encoding="ascii"))
            if len(key) == KEY_BYTES:
                return key
    key = random.token_bytes(KEY_BYTES)
    write_file(path, key.hex(), uid=owners.root, gid=owners.root, mode=0o400)
    return key


def record_applied(layout: Layout, inputs: Inputs) -> None:
    """Write down what was applied. Raises BootstrapError when it cannot be written."""
    root = Owners.of(layout).root
    document = {"schema": SCHEMA, "stages": {stage: dict(read) for stage, read in inputs.items()}}
    write_file(layout.applied, canonical_json(document), uid=root, gid=root, mode=0o600)


def read_applied(layout: Layout) -> Inputs:
    """What was applied. Nothing when there is no such record, or none to be trusted: every stage is then run again."""
    try:
        if layout.applied.is_symlink() or layout.applied.stat().st_uid != Owners.of(layout).root:
            return {}
        document = json.loads(layout.applied.read_text(encoding="utf-8"))
        stages = document["stages"] if document["schema"] == SCHEMA else {}
        return {str(stage): {str(n): str(d) for n, d in read.items()} for stage, read in stages.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


class Busy(BootstrapError):
    """A boot or a look is under way."""


@contextlib.contextmanager
def alone(layout: Layout, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock that a boot and each look take, so that neither deletes the secrets the other has just written.

    It ends with the process that holds it. Raises Busy when it is still held after `wait_seconds`.
    """
    path = layout.run / "look.lock"
    deadline = time.monotonic() + wait_seconds
    with explained(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Busy("a boot or another look is under way", where=str(path), hint="try again") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)

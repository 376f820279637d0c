"""Runs a program as the root of a name space, so that an ordinary user can own a Debian root file system.

As root nothing is added. An ordinary user gets a user name space in which 0 is the user and 1 to 65535 are the user's
subordinate ids (/etc/subuid, /etc/subgid). Files made there belong to those ids, so only a program in such a name space
can delete them: `remove_tree`. It mounts nothing itself and knows nothing of instances.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from jenkins_bootstrap.errors import ToolError

# What a child sees of our environment: a guest must not find a token of the user's in /proc/1/environ.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    # The mount API of kernel 5.2 limits one option to 256 bytes, which a list of layers exceeds; mount(2) takes a page.
    "LIBMOUNT_FORCE_MOUNT2": "always",
}


def is_root() -> bool:
    """Whether this process may mount without a user name space."""
    return os.geteuid() == 0


def inside(argv: Sequence[str], *flags: str) -> list[str]:
    """The argument list that runs `argv` as (name-space) root; `flags` are further ones of unshare(1)."""
    user = () if is_root() else ("--user", "--map-root-user", "--map-auto")
    if not user and not flags:
        return list(argv)
    return ["unshare", *user, *flags, "--", *argv]


def private_mounts(argv: Sequence[str]) -> list[str]:
    """The argument list that runs `argv` with mounts of its own, which end with it."""
    return inside(argv, "--mount", "--propagation", "private")


def bound_to_us(argv: Sequence[str]) -> list[str]:
    """The argument list that runs `argv` so that the kernel kills it when the thread that starts it ends.

    The shell in between closes the gap in which the starter dies before the signal is asked for.
    """
    check = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "--", "/bin/sh", "-c", check, "sh", str(os.getpid()), *argv]


def run(argv: Sequence[str], *, cwd: Path | None = None, where: str, hint: str = "") -> str:
    """Run `argv` to its end and return its standard output; ToolError with the end of its errors when it fails."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ToolError(
            f"{argv[0]}: {error.strerror}", where=where, hint=hint or "apt-get install util-linux"
        ) from error
    if done.returncode:
        said = done.stderr.strip()[-600:] or f"exit status {done.returncode}"
        raise ToolError(said, where=where, hint=hint)
    return done.stdout


def remove_tree(path: Path) -> None:
    """Delete a folder, whoever of our subordinate ids owns what is in it; nothing happens when it is not there.

    Other file systems mounted below it are left alone (and then ToolError tells so).
    """
    if not path.exists() and not path.is_symlink():
        return
    if not is_root() and not path.is_symlink():
        # The outer user suffices for most trees, and needs no name space.
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
    argv = inside(["rm", "-rf", "--one-file-system", "--", str(path.absolute())])
    for last in (False, False, True):
        try:
            run(argv, where=f"deleting {path}", hint="end what still uses it, then try again")
            return
        except ToolError:
            # A process that was killed a moment ago may still have made a file while we deleted.
            if last:
                raise
            time.sleep(0.1)

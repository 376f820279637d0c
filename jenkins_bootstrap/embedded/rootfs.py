"""The Debian root file system that stands for the vendor's image on the embedded target: made once, then cached.

mmdebstrap makes it (or a tar of the caller's does) and rootfs.sh adds what such an image has: the user `admin` with
sudo, no host keys, no machine id. The folder is the lowest layer of every instance, so nobody writes to it afterwards.
It starts no instance.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from jenkins_bootstrap.embedded import prerequisites, userns
from jenkins_bootstrap.errors import BootstrapError, ToolError

SUITE = "trixie"
PACKAGES = (
    "openssh-server",
    "python3",
    "sudo",
    "curl",
    "ca-certificates",
    "iproute2",
    "systemd",
    "systemd-sysv",
    "dbus",
)
RECIPE = 1  # count up when rootfs.sh changes what it makes
NEEDED_BYTES = 320 * 2**20  # the unpacked folder, and room to work
NEEDED_TEMPORARY_BYTES = 640 * 2**20  # mmdebstrap's own copy with the packages it downloaded, in TMPDIR
WHERE = "the root file system of the embedded instances"

_SCRIPT = Path(__file__).with_name("rootfs.sh")


def ensure_rootfs(cache: Path, *, tar: Path | None = None, progress: Callable[[str], None] | None = None) -> Path:
    """The folder with the unpacked root file system, made first if the cache does not hold it.

    `cache` is the user's cache folder; `tar` a root file system to use instead of what mmdebstrap would make (for
    machines that reach no Debian archive); `progress` is called with a line of words at each step. Two processes at
    once make it once, and one that was killed half-way leaves nothing that the next would take for whole.

    Raises ToolError when a tool is missing or fails, BootstrapError when there is no space or `tar` cannot be read.
    """
    say = progress or (lambda _words: None)
    room = cache / "rootfs"
    folder = room / _name(tar)
    if folder.is_dir():
        return folder
    _make_room(room)
    with _locked(room / "lock", say):
        if not folder.is_dir():
            _clear_unfinished(room)
            _check(room, tar)
            _make(room, folder, tar, say)
    return folder


def _name(tar: Path | None) -> str:
    """The cache key: suite, packages, recipe, the tar's identity, and who owns the files."""
    source = ""
    if tar is not None:
        try:
            status = tar.stat()
        except OSError as error:
            raise BootstrapError(f"cannot be read: {error.strerror}", where=str(tar), hint="give a tar file") from error
        source = f"{tar.resolve()} {status.st_size} {status.st_mtime_ns}"
    what = json.dumps([SUITE, PACKAGES, RECIPE, _SCRIPT.read_text(encoding="utf-8"), source])
    return f"{SUITE}-{hashlib.sha256(what.encode()).hexdigest()[:12]}-u{os.geteuid()}"


def _make_room(room: Path) -> None:
    try:
        room.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BootstrapError(
            f"cannot be made: {error.strerror}", where=str(room), hint="set JENKINS_BOOTSTRAP_CACHE to another folder"
        ) from error


@contextlib.contextmanager
def _locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file; the kernel gives it back when this process dies."""
    try:
        stream = path.open("w")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_space(path.parent, NEEDED_BYTES) from error
        raise BootstrapError(f"cannot be written: {error.strerror}", where=str(path), hint="check its owner") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is making the root file system; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _clear_unfinished(room: Path) -> None:
    for leftover in room.glob("building-*"):
        userns.remove_tree(leftover)


def _check(room: Path, tar: Path | None) -> None:
    lacking = [p for p in prerequisites.for_rootfs() if not p.ok and not (tar and p.name == "mmdebstrap")]
    if lacking:
        first = lacking[0]
        raise ToolError(f"{first.name}: {first.found}", where=WHERE, hint=first.remedy)
    if shutil.disk_usage(room).free < NEEDED_BYTES:
        raise _no_space(room, NEEDED_BYTES)
    if tar is None and shutil.disk_usage(tempfile.gettempdir()).free < NEEDED_TEMPORARY_BYTES:
        raise _no_space(Path(tempfile.gettempdir()), NEEDED_TEMPORARY_BYTES)


def _no_space(folder: Path, needed: int) -> BootstrapError:
    free = shutil.disk_usage(folder).free // 2**20
    return BootstrapError(
        f"no disk space for the root file system: {free} MiB free, {needed // 2**20} MiB needed",
        where=str(folder),
        hint="free space there, or set JENKINS_BOOTSTRAP_CACHE (or TMPDIR) to a folder with more",
    )


def _make(room: Path, folder: Path, tar: Path | None, say: Callable[[str], None]) -> None:
    """Unpack into a folder beside `folder`, then rename: whoever sees `folder` sees all of it."""
    building = room / f"building-{secrets.token_hex(4)}"
    building.mkdir()
    try:
        _fill(building, tar, say)
        building.rename(folder)
    except BaseException:
        with contextlib.suppress(BootstrapError):
            userns.remove_tree(building)
        raise


def _fill(building: Path, tar: Path | None, say: Callable[[str], None]) -> None:
    with tempfile.TemporaryFile() as errors, contextlib.ExitStack() as stack:
        maker: subprocess.Popen[bytes] | None = None
        if tar is None:
            maker = subprocess.Popen(
                _mmdebstrap(),
                # The caller's proxies, but the PATH in which it was looked for.
                env={**os.environ, "PATH": userns.ENVIRONMENT["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            stack.callback(_end, maker)
            source = maker.stdout
        else:
            say(f"unpacking {tar}")
            source = stack.enter_context(tar.open("rb"))
        # Bound to us: if we are killed it ends with all its children (hence the pid name space), and mmdebstrap, whose
        # pipe breaks, cleans up after itself.
        script = ["/bin/sh", str(_SCRIPT), str(building.absolute())]
        unpacker = subprocess.Popen(
            userns.bound_to_us(userns.inside(script, "--pid", "--fork", "--kill-child=KILL")),
            env=userns.ENVIRONMENT,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        stack.callback(_end, unpacker)
        said: list[str] = []
        if maker is not None:
            if maker.stdout:
                maker.stdout.close()
            said = _follow(maker, say)
        status = unpacker.wait()
        errors.seek(0)
        trouble = errors.read().decode(errors="replace")
        failed = maker is not None and maker.wait() != 0
        if status and _is_full(building, trouble):
            raise _no_space(building, NEEDED_BYTES)
        if failed and _is_full(Path(tempfile.gettempdir()), "\n".join(said)):
            raise _no_space(Path(tempfile.gettempdir()), NEEDED_TEMPORARY_BYTES)
        if failed and not (status and maker and maker.returncode < 0):
            raise ToolError(
                "mmdebstrap failed: " + "\n".join(said[-8:]),
                where=WHERE,
                hint="check that `apt-get update` works on this machine, or give a root file system as a tar",
            )
        if status:
            raise ToolError("unpacking failed: " + trouble.strip()[-600:], where=WHERE, hint="is it a whole tar?")


def _is_full(folder: Path, said: str) -> bool:
    """GNU tar says "Wrote only N of M bytes" instead of the system's words when the last block fits in part."""
    return "No space left on device" in said or shutil.disk_usage(folder).free < 2**20


def _mmdebstrap() -> list[str]:
    """No mirror is named: mmdebstrap's default holds, and so does the host's apt configuration."""
    mode = "root" if userns.is_root() else "unshare"
    return ["mmdebstrap", "--variant=minbase", f"--mode={mode}", f"--include={','.join(PACKAGES)}", SUITE, "-"]


def _follow(maker: subprocess.Popen[bytes], say: Callable[[str], None]) -> list[str]:
    """Pass mmdebstrap's steps on and return its last lines."""
    said: list[str] = []
    assert maker.stderr is not None
    with maker.stderr:
        for raw in maker.stderr:
            line = raw.decode(errors="replace").strip()
            if line.startswith("I: ") and line.endswith("..."):
                say(line.removeprefix("I: ").removesuffix("..."))
            said = [*said[-40:], line]
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a child that still runs: politely first, so that mmdebstrap unmounts and deletes its working folder."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

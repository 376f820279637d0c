"""The plugins of the image: verified against the lock before their code runs, then put over JENKINS_HOME/plugins.

Read-only by a bind mount, so that one installed by hand does not survive; with an upper layer on tmpfs where the
settings allow that missing ones are installed. Downloads nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.boot.documents import read_json
from jenkins_bootstrap.boot.layout import BAKE_ANEW, Layout
from jenkins_bootstrap.boot.writing import Owners, explained, make_folder
from jenkins_bootstrap.errors import BootstrapError, ToolError, raise_all
from jenkins_bootstrap.files import sha256_file
from jenkins_bootstrap.plugins.lock import Lock
from jenkins_bootstrap.plugins.versions import older

TREE = "tree.json"


@dataclass(frozen=True, slots=True)
class Verified:
    """How many plugins are as the lock says, and which of the lock are not there."""

    plugins: int
    missing: tuple[str, ...] = ()


def check_made_for(lock: Lock, where: Path, core: str, java: int, machine: str) -> tuple[str, ...]:
    """What there is to say of a lock that was not made for the image's `core`, `java` (feature release) and `machine`
    (amd64, arm64).

    Raises BootstrapError for a newer core or Java than the image's, with which plugins may fail when they are used
    only. With an older one they work, as both Jenkins and Java keep what there was.
    """
    newer = []
    if older(core, lock.core):
        newer.append(f"for Jenkins {lock.core}, the image has {core}")
    if lock.java is not None and lock.java > java:
        newer.append(f"for Java {lock.java}, the image has {java}")
    if newer:
        hint = f"jenkins-bootstrap plugins lock, with the core and the Java of the image, then {BAKE_ANEW}"
        raise_all([BootstrapError(f"the plugin lock was made {each}", where=str(where), hint=hint) for each in newer])
    said = []
    if older(lock.core, core):
        said.append(f"the plugin lock was made for Jenkins {lock.core}, older than the image's {core}")
    if lock.java is not None and lock.java < java:
        said.append(f"the plugin lock was made for Java {lock.java}, older than the image's {java}")
    if lock.architecture not in (None, machine):
        said.append(f"the plugin lock was made for {lock.architecture}, this machine is {machine}")
    return tuple(said)


def verify(folder: Path, lock: Lock, *, missing_allowed: bool) -> Verified:
    """Compare every archive and exploded plugin in `folder` with the lock and the digests of the bake.

    Raises BootstrapError, several together, for an archive or an exploded file that is not as locked or baked, anything
    that does not belong there, and for what is missing unless `missing_allowed`.
    """
    locked = {plugin.name: plugin.sha256 for plugin in lock.plugins}
    there = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    present = sorted(name for name in locked if f"{name}.jpi" in there)
    missing = tuple(sorted(set(locked) - set(present)))
    errors = list(_strangers(folder, there, present))
    digests = read_json(folder / TREE, "the digests of the exploded plugins") if present else {}
    # Hashing lets other threads run: on two cores twice as fast. The largest first, so that none is left for the end.
    jobs = sorted(present, key=lambda name: -(folder / f"{name}.jpi").stat().st_size)
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        for found in pool.map(lambda name: _wrong(folder, name, locked[name], digests.get(name)), jobs):
            errors += found
    if missing and not missing_allowed:
        errors.append(
            BootstrapError(
                f"{len(missing)} plugins of the lock are not in the image: {_some(missing)}",
                where=str(folder),
                hint=f"{BAKE_ANEW}; or allow controller.boot.install_missing_plugins",
            )
        )
    raise_all(sorted(errors, key=lambda error: error.where))
    return Verified(len(present), missing)


def _strangers(folder: Path, there: Iterable[str], present: Iterable[str]) -> Iterable[BootstrapError]:
    ours = {TREE}
    for name in present:
        ours |= {name, f"{name}.jpi"}
    for name in sorted(set(there) - ours):
        yield BootstrapError(
            "does not belong here: it is no plugin of the lock", where=str(folder / name), hint=BAKE_ANEW
        )


def _wrong(folder: Path, name: str, sha256: str, digest: object) -> list[BootstrapError]:
    """What is wrong with one plugin."""
    from jenkins_bootstrap.plugins.explode import tree_digest

    archive, exploded = folder / f"{name}.jpi", folder / name
    try:
        if not archive.is_file() or archive.is_symlink():
            return [BootstrapError("is no file", where=str(archive), hint=BAKE_ANEW)]
        if (found := sha256_file(archive)) != sha256:
            what = f"its SHA-256 is {found}, the plugin lock says {sha256}"
            return [BootstrapError(what, where=str(archive), hint=BAKE_ANEW)]
        if not exploded.is_dir() or exploded.is_symlink():
            return [BootstrapError("the exploded plugin is not there", where=str(exploded), hint=BAKE_ANEW)]
        if digest is None or tree_digest(exploded) != digest:
            what = f"the exploded plugin is not as it was baked: its digest differs from {TREE}"
            return [BootstrapError(what, where=str(exploded), hint=BAKE_ANEW)]
    except OSError as error:
        return [BootstrapError(f"cannot be read: {error}", where=str(error.filename or archive), hint=BAKE_ANEW)]
    return []


def discard(layout: Layout, lock: Lock, missing: Iterable[str]) -> tuple[str, ...]:
    """Take out of the upper layer what is not a plugin of the lock that the image lacks; returns what was there.

    Such a one was installed, changed or removed by hand. What stays are archives as locked, and what Jenkins exploded
    of them. The layer is changed only while it is not mounted, as the kernel asks.
    """
    upper = upper_layer(layout)
    locked = {plugin.name: plugin.sha256 for plugin in lock.plugins}
    there = sorted(upper.iterdir()) if upper.is_dir() else []
    keep = {name for name in missing if _is_archive(upper / f"{name}.jpi", locked[name])}
    gone = [path for path in there if path.name not in keep and path.name.removesuffix(".jpi") not in keep]
    if gone:
        _unmount(layout.home / "plugins")
    with explained(upper):
        for path in gone:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return tuple(path.name for path in gone)


def _is_archive(path: Path, sha256: str) -> bool:
    return path.is_file() and not path.is_symlink() and sha256_file(path) == sha256


def put(layout: Layout, owners: Owners, *, writable: bool) -> str:
    """Put the image's plugins over JENKINS_HOME/plugins; says what was done. Once there, nothing is changed.

    On a controller it is a mount. Below a folder for tests, as a mount would outlive the test, it is a symbolic link,
    or a copy where Jenkins may add some.
    """
    source, target = layout.plugins, layout.home / "plugins"
    if layout.root != Path("/") or os.geteuid() != 0:
        return _copy(source, target) if writable else _link(source, target)
    return mount(layout, owners, writable=writable)


def mount(layout: Layout, owners: Owners, *, writable: bool) -> str:
    """The mount of a controller; needs root."""
    source, target = layout.plugins, layout.home / "plugins"
    if _is_put(source, target, writable=writable):
        return "is mounted already"
    _unmount(target)
    make_folder(target, uid=owners.uid, gid=owners.gid, mode=0o750)
    if not writable:
        _run("mount", "--bind", "-o", "ro,nosuid,nodev", str(source), str(target))
        return "mounted read-only"
    upper, work = upper_layer(layout), layout.run / "plugins-work"
    make_folder(upper, uid=owners.uid, gid=owners.gid, mode=0o750)
    make_folder(work, uid=0, gid=0, mode=0o700)
    lower = source
    if not source.is_dir():  # an image without any plugin
        lower = layout.run / "plugins-none"
        make_folder(lower, uid=0, gid=0, mode=0o755)
    _run("mount", "-t", "overlay", "-o", _options(lower, upper, work), "plugins", str(target))
    return "mounted with a layer for what is missing"


def _unmount(target: Path) -> None:
    while mounted(target):
        _run("umount", str(target))


def upper_layer(layout: Layout) -> Path:
    """Where plugins go that Jenkins installs: on tmpfs, so that the next boot of the instance starts from the image."""
    return layout.run / "plugins-installed"


def _link(source: Path, target: Path) -> str:
    with explained(target):
        if target.is_symlink() and target.readlink() == source:
            return "is linked already"
        if target.is_symlink():
            target.unlink()
        target.symlink_to(source)
    return "linked"


def _copy(source: Path, target: Path) -> str:
    with explained(target):
        if target.is_dir():
            return "is copied already"
        shutil.copytree(source, target)  # with their times, by which Jenkins sees that they are exploded
    return "copied"


def _is_put(source: Path, target: Path, *, writable: bool) -> bool:
    if not mounted(target):
        return False
    if writable:
        return mounted(target)[-1] == "overlay"
    return target.samefile(source) and bool(os.statvfs(target).f_flag & os.ST_RDONLY)


def mounted(target: Path) -> list[str]:
    """The types of the file systems mounted at `target`, the uppermost last. A bind mount of the same file system is
    seen only here (os.path.ismount compares devices)."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        place = before.split()[4].encode().decode("unicode_escape")
        if place == str(target.resolve()):
            found.append(after.split()[0])
    return found


def _options(source: Path, upper: Path, work: Path) -> str:
    return f"lowerdir={source},upperdir={upper},workdir={work},nosuid,nodev"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(
            f"{' '.join(command)} failed: {done.stderr.strip() or done.returncode}",
            where="JENKINS_HOME/plugins",
            hint="boot runs as root in a controller image",
        )


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return ", ".join(listed[:8]) + more

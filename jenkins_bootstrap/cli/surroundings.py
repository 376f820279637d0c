"""The embedded AWS around a trial: left as it was found, and shared with whoever else uses it.

Each trial has a folder of its process id in the state folder, made before anything is started: by it others know that
the daemon is in use. A daemon that a trial has started says so of itself, and a mark says so of the state folder; the
last trial ends the one and removes the other, whichever began. Knows nothing of Jenkins.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.interrupts import undisturbed

if TYPE_CHECKING:
    from jenkins_bootstrap.embedded.client import Endpoints

MEMORY = Path("/dev/shm")  # noqa: S108 - tmpfs, where what a controller has on tmpfs goes
PREFIX = "jenkins-bootstrap-try-"


def trials(ctx: Context) -> Path:
    """The folder with one folder for each trial, by its process id."""
    return ctx.state / "try"


@contextmanager
def surroundings(ctx: Context) -> Iterator[None]:
    """Leave the embedded AWS as it was found: what trials started of it ends with the last of them, as does what they
    made.

    Unless somebody else has come to use it: then it stays, which is told, and ends when it is idle.
    """
    if ctx.target != "embedded":
        yield
        return
    from jenkins_bootstrap.embedded.layout import StateFolder
    from jenkins_bootstrap.embedded.starter import locked

    ctx.throwaway = True
    made = not ctx.state.exists()
    mine = trials(ctx) / str(os.getpid())
    try:
        # Under the lock: a trial that looks whether it is alone, and ends the daemon, sees this one or is seen.
        with locked(StateFolder(ctx.state), ctx.progress):
            others = _others(mine.parent)
            mine.mkdir(mode=0o700, parents=True, exist_ok=True)
            if made:
                _mark(mine.parent).touch()
            elif not others and not _trials_own(_running(ctx)):
                _mark(mine.parent).unlink(missing_ok=True)  # of a trial that was killed: others may have come since
        yield
    finally:
        with undisturbed():
            if made and ctx.state.is_dir() and not _mark(mine.parent).exists():
                # Interrupted while it took the lock, whose file is there already.
                mine.parent.mkdir(mode=0o700, exist_ok=True)
                _mark(mine.parent).touch()
            _leave(ctx, mine)


def _mark(parent: Path) -> Path:
    """Is there when a trial has made the state folder."""
    return parent / "made"


def _leave(ctx: Context, mine: Path) -> None:
    from jenkins_bootstrap.embedded import client

    shutil.rmtree(mine, ignore_errors=True)
    mark = _mark(mine.parent)
    made = mark.exists()
    if made or _trials_own(_running(ctx)):
        used = partial(_used, ctx, mine.parent, made)
        left = client.down(ctx.settings.embedded, ctx.folder, wipe=made, progress=ctx.progress, unless=used)
        if left.kept:
            ctx.note(f"the embedded AWS and GitHub stay, as {left.kept}; they end when nobody uses them")
    if not _others(mine.parent):
        mark.unlink(missing_ok=True)
        with suppress(OSError):
            mine.parent.rmdir()  # when no other trial has come


def _running(ctx: Context) -> Endpoints | None:
    from jenkins_bootstrap.embedded import client

    try:
        return client.status(ctx.settings.embedded, ctx.folder).endpoints
    except (BootstrapError, ConnectionError):  # it ends just now
        return None


def _trials_own(running: Endpoints | None) -> bool:
    return running is not None and running.throwaway


def _used(ctx: Context, parent: Path, made: bool) -> str:
    """Who else uses the embedded AWS, in words; empty when nobody does. Images matter where its folder would go."""
    from jenkins_bootstrap.aws.session import Aws
    from jenkins_bootstrap.embedded import client

    if others := _others(parent):
        return f"another try uses them (process {', '.join(map(str, others))})"
    try:
        running = client.status(ctx.settings.embedded, ctx.folder).endpoints
        if running is None:
            return "somebody has ended them and may want what is in them" if made and "endpoints" in vars(ctx) else ""
        if not running.throwaway:
            return "another command has started them"
        count = client.leftovers(running)
        aws = Aws.embedded(ctx.settings.region, running.aws_url)
        images = aws.call("ec2", "describe_images", Owners=["self"])["Images"] if made else []
    except (BootstrapError, ConnectionError):
        return "they do not answer"
    if count["instances"] or count["running"]:
        return "an instance runs in them"
    baked = any(tag["Key"] == "ContentKey" for image in images for tag in image.get("Tags", ()))
    return "images have been baked meanwhile" if baked else ""


def _others(parent: Path) -> list[int]:
    """The processes of the trials that are here."""
    return sorted(pid for folder in _folders(parent) if (pid := _process(folder)))


def sweep(parent: Path) -> None:
    """Remove what trials that were killed left."""
    for folder in [*_folders(parent), *MEMORY.glob(f"{PREFIX}*")]:
        if _process(folder) == 0:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(parent: Path) -> list[Path]:
    return list(parent.iterdir()) if parent.is_dir() else []


def _process(folder: Path) -> int | None:
    """The process that a trial's folder belongs to; 0 when it has ended, None when the folder is no trial's."""
    pid = folder.name.removeprefix(PREFIX).partition("-")[0]
    if not pid.isdigit():
        return None
    return int(pid) if Path("/proc", pid).exists() else 0

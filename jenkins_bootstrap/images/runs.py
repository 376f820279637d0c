"""A run of the bake, and what it could leave behind when it is killed.

Before anything is made in AWS a run writes down its name and the names of the images it is going to make; all it makes
carries the run's name. A record whose process no longer exists is a run that was killed: the next one removes what it
left. The record says what may be there, AWS says what is.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from jenkins_bootstrap.files import write_atomic
from jenkins_bootstrap.images.ports import Cloud

TAG = "BakeRun"
KEY_PAIRS = "jenkins-bootstrap-bake-"
KEPT_LOGS = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One run: machine, process, the process's start in clock ticks; and the AWS it bakes in."""

    host: str
    pid: int
    started: int
    place: str
    """Endpoint or "aws", and region: what another place holds is not this one's to sweep."""

    @property
    def id(self) -> str:
        return f"{self.host}-{self.pid}-{self.started}"

    @property
    def mark(self) -> str:
        """Six hex digits for names: no two runs have the same, as far as chance goes."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:6]

    @property
    def key_pair(self) -> str:
        return f"{KEY_PAIRS}{self.id}-"

    def is_alive(self) -> bool:
        """False only when it ran on this machine and its process is gone."""
        return self.host != _host() or _started(self.pid) == self.started


@contextmanager
def one_at_a_time(state: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let one bake of a state folder go on at a time: the second waits, and then finds what the first one made.

    `waiting` is called once when there is somebody to wait for. The lock ends with its process, however that ends.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "bake.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def place(endpoint: str, region: str) -> str:
    """Which AWS a run bakes in. The embedded one has another port at each start; its state folder tells it apart."""
    return f"{'embedded' if endpoint else 'aws'} {region}"


def this_run(place: str) -> Run:
    return Run(_host(), os.getpid(), _started(os.getpid()) or 0, place)


def folder(state: Path, run: Run) -> Path:
    """Where this run's uploads and Packer's files lie; removed at its end."""
    return state / "bakes" / run.id


def write_record(state: Path, run: Run, amis: list[str]) -> None:
    """Write down that `run` is about to make images with these AMI names."""
    write_atomic(folder(state, run) / "run.json", json.dumps({**asdict(run), "amis": amis}) + "\n")


def end_run(state: Path, run: Run) -> None:
    """Remove the run's folder; of Packer's logs the newest stay."""
    shutil.rmtree(folder(state, run), ignore_errors=True)
    logs = sorted((state / "logs").glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in logs[:-KEPT_LOGS]:
        path.unlink(missing_ok=True)


def sweep(cloud: Cloud, run: Run, amis: list[str]) -> list[str]:
    """Remove what `run` left in AWS; returns what was removed, in words.

    An image of the run without a ContentKey was cut off before Packer could tag it, so nothing can find it: it goes
    too. A whole one stays, for the next bake to take.
    """
    removed = cloud.remove_run(TAG, run.id, run.key_pair)
    for name in amis:
        image = cloud.named_image(name)
        if image is not None and not image.tag("ContentKey"):
            cloud.deregister(image.id)
            removed.append(f"image {image.id} ({name})")
    return removed


def sweep_dead(cloud: Cloud, state: Path, place: str) -> list[str]:
    """Remove what killed runs of this machine left in this place; costs no call when there were none."""
    removed: list[str] = []
    for record in sorted(state.glob("bakes/*/run.json")):
        try:
            raw = json.loads(record.read_text())
            amis = [str(name) for name in raw.pop("amis")]
            run = Run(**raw)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # being written, or not ours
        if not run.is_alive() and run.place == place:
            removed += sweep(cloud, run, amis)
            end_run(state, run)
    return removed


def _host() -> str:
    return re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:40] or "host"


def _started(pid: int) -> int | None:
    """The process's start in clock ticks since boot (proc(5), field 22), None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])

"""Names of the files in a state folder of the embedded target, and how to tell whether its daemon is alive.

Imports nothing heavy: every command looks here first.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from jenkins_bootstrap.files import write_atomic

DEFAULT_NAME = ".jenkins-bootstrap"
"""The state folder's name beside the settings file."""

PROTOCOL = 2
"""Version of what client and daemon say to each other; a daemon of another one is replaced."""

FAKE_CREDENTIAL = "embedded-no-account"
"""What stands for the access key and its secret: the embedded AWS checks none."""

JENKINS_USER = "_jenkins-bootstrap"
"""The only account of the embedded Jenkins, named as the service account of a real one."""

ACCOUNT = "123456789012"
"""The account id that moto answers with."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where one embedded target keeps everything it has."""

    root: Path

    @property
    def mark(self) -> Path:
        """Is there when the whole folder may be removed."""
        return self.root / "made-by-jenkins-bootstrap"

    @property
    def start_lock(self) -> Path:
        """Held by a command while it looks for, starts or ends the daemon."""
        return self.root / "start.lock"

    @property
    def owner_lock(self) -> Path:
        """Held by the daemon for its whole life."""
        return self.root / "daemon.lock"

    @property
    def record(self) -> Path:
        """Which process serves this folder, and where."""
        return self.root / "daemon.json"

    @property
    def log(self) -> Path:
        return self.root / "daemon.log"

    @property
    def aws(self) -> Path:
        """What the embedded AWS holds; the one before it lies beside it as `aws.state.previous`."""
        return self.root / "aws.state"

    @property
    def github(self) -> Path:
        return self.root / "github"

    @property
    def jenkins(self) -> Path:
        return self.root / "jenkins"

    @property
    def jenkins_token(self) -> Path:
        """The API token of the embedded Jenkins' account."""
        return self.root / "jenkins-token"


@dataclass(frozen=True, slots=True)
class Record:
    """A running daemon: its process, and the ports the operating system chose."""

    pid: int
    started: int
    """The process's start in clock ticks since boot (field 22 of /proc/PID/stat): a process id can be used again."""
    token: str
    aws_port: int
    github_port: int
    ssh_port: int
    jenkins_port: int = 0
    protocol: int = PROTOCOL
    throwaway: bool = False
    """Started by a command that ends it again when nobody else uses it."""

    def write(self, path: Path) -> None:
        write_atomic(path, json.dumps(asdict(self)) + "\n", mode=0o600)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record, or None when there is none or it cannot be understood (both mean: start a daemon)."""
        try:
            value = json.loads(path.read_bytes())
            return cls(**value)
        except (OSError, ValueError, TypeError):
            return None

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return runs(self.pid, self.started)


def process_started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is no such process, or only its zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def runs(pid: int, started: int) -> bool:
    """Whether a process of this start still runs and is a daemon of ours: nothing else may ever be ended."""
    if process_started(pid) != started:
        return False
    try:
        return b"jenkins_bootstrap.embedded.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def this_process() -> int:
    """The start of the calling process."""
    started = process_started(os.getpid())
    assert started is not None
    return started

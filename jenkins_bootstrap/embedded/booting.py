"""One boot of an instance: starting its first process, waiting for its sshd, ending all that it started.

It keeps no list of instances and no disk; that is metal.py.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.embedded import processes, userns
from jenkins_bootstrap.errors import ToolError

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class BootRequest:
    """What a boot strategy gets; paths are relative to the state folder, the working directory of what it starts."""

    folder: str
    address: str
    port: int
    lower: str
    apt_cache: str


def sshd_boot(request: BootRequest) -> list[str]:
    """Boot without an init: the instance's first process is its sshd. The argument list to start."""
    script = ["/bin/sh", str(_HERE / "guest.sh"), request.folder, request.address, str(request.port), request.lower]
    spaces = ("--mount", "--pid", "--fork", "--kill-child=KILL", "--uts", "--ipc", "--propagation", "private")
    return userns.inside([*script, request.apt_cache], *spaces)


class Booted:
    """The processes of one boot. The kernel ends them when the thread that made this object ends."""

    def __init__(self, argv: list[str], *, state: Path, log: Path) -> None:
        """Start `argv` in the folder `state`, with its output at the end of the file `log`."""
        self._log = log
        self._init = 0
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                userns.bound_to_us(argv),
                cwd=state,
                env=userns.ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process on the host that everything of this boot descends from."""
        return self._process.pid

    def pids(self) -> list[int]:
        """That process and the first one of the instance's pid name space, once it is known."""
        return [self.pid, self._init] if self._init else [self.pid]

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def await_port(self, address: str, port: int, *, seconds: float, where: str) -> None:
        """Return when the port accepts; ToolError with the log's end when it does not in time, or all has ended."""
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.alive()
            if not ended:
                with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
                    self._init = next(iter(processes.children(self.pid)), 0)
                    return
            if ended or time.monotonic() > deadline:
                how = "ended" if ended else f"was not reachable within {seconds:g} s"
                raise ToolError(
                    f"{how}; its log ends with:\n{tail(self._log, 1500).strip() or '(nothing)'}",
                    where=where,
                    hint="jenkins-bootstrap check names what this machine lacks",
                )
            time.sleep(0.005)

    def halt(self, *, grace: float) -> None:
        """End everything and wait: SIGTERM, and after `grace` seconds at most (0: no SIGTERM) SIGKILL."""
        init = self._init or next(iter(processes.children(self.pid)), 0)
        if grace and init:
            deadline = time.monotonic() + grace
            processes.signal_all(processes.descendants(init), signal.SIGTERM)
            while processes.descendants(init) and time.monotonic() < deadline:
                time.sleep(0.005)
        # The end of a pid name space's first process ends all the others before it can be waited for.
        started = processes.start_time(init) if init else None
        if started is not None:
            processes.kill(init, started)
        self._process.kill()
        self._process.wait()


def tail(path: Path, size: int) -> str:
    """The last `size` bytes of a log as text; nothing when there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - size))
            return stream.read().decode(errors="replace")
    except OSError:
        return ""

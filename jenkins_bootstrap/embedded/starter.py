"""Starts and ends the daemon's process, under the state folder's lock. Knows nothing of what the daemon holds."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from jenkins_bootstrap.embedded.layout import DEFAULT_NAME, Record, StateFolder, runs
from jenkins_bootstrap.embedded.wire import call
from jenkins_bootstrap.errors import BootstrapError, ToolError
from jenkins_bootstrap.interrupts import held_back, undisturbed

START_PATIENCE = 60.0
END_PATIENCE = 30.0
Progress = Callable[[str], AbstractContextManager[Any]]


@contextlib.contextmanager
def locked(state: StateFolder, show: Progress) -> Iterator[None]:
    """Make the folder and hold its lock. The kernel gives the lock back when this process dies, however it does."""
    while True:
        _make_folder(state)
        try:
            handle = state.start_lock.open("wb")
        except FileNotFoundError:
            continue  # wiped between the two lines
        except OSError as error:
            raise BootstrapError(
                f"cannot be written: {error.strerror}",
                where=str(state.start_lock),
                hint="check its owner and the space on its disk",
            ) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with show("wait for another command that starts or ends the embedded AWS"):
                    fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                same = state.start_lock.stat().st_ino == os.fstat(handle.fileno()).st_ino
            except FileNotFoundError:
                same = False
            if same:  # else the folder was wiped while we waited for a lock in it
                yield
                return


def _make_folder(state: StateFolder) -> None:
    """Make the folder, and mark it as ours to remove when there was nothing of anybody else's in it."""
    try:
        state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if state.root.name == DEFAULT_NAME or not any(state.root.iterdir()):
            state.mark.touch()
    except OSError as error:
        raise BootstrapError(
            f"cannot be made: {error.strerror}", where=str(state.root), hint="set embedded.state to another folder"
        ) from error


def start(state: StateFolder, options: dict[str, Any], idle: float, line: Any, throwaway: bool = False) -> None:
    """Start a daemon and return when one serves. Whatever goes wrong in it comes back as an error; interrupted, it ends
    what it has started."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "jenkins_bootstrap.embedded.daemon", "--state", str(state.root)]
    command += ["--idle-seconds", str(idle)]
    command += ["--options", json.dumps(options["options"]), "--ready", str(writing)]
    command += ["--throwaway"] if throwaway else []
    starter: subprocess.Popen[bytes] | None = None
    with os.fdopen(reading, "rb") as ready:
        try:
            try:
                with held_back(), state.log.open("ab") as log:
                    starter = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd="/",
                        env=_environment(),
                        start_new_session=True,
                        pass_fds=(writing,),
                    )
            finally:
                os.close(writing)
            starter.wait()  # it forks at once, so this takes as long as starting Python
            _await(ready, state, line)
        except KeyboardInterrupt:
            if starter is not None:
                with undisturbed():
                    _abandon(starter, ready, state)
            raise


def _abandon(starter: subprocess.Popen[bytes], ready: IO[bytes], state: StateFolder) -> None:
    """End the daemon that is just being started, however far it is."""
    if starter.poll() is None:  # not waited for, so that its id, and its group's, is nobody else's
        os.killpg(starter.pid, signal.SIGTERM)
        starter.wait()
    # It has the other end of the pipe until it serves or is gone, and can be found a moment after it was forked.
    deadline = time.monotonic() + END_PATIENCE
    while time.monotonic() < deadline and not end(state):
        if select.select([ready], [], [], 0.02)[0] and not os.read(ready.fileno(), 65536):
            break
    end(state)


def _environment() -> dict[str, str]:
    """The daemon's: ours, plus the path to this package, as its working folder is not ours."""
    path = [entry for entry in sys.path if entry and Path(entry).is_dir()]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}


def _await(ready: IO[bytes], state: StateFolder, line: Any) -> None:
    """Read what the daemon says until it is ready."""
    deadline = time.monotonic() + START_PATIENCE
    pending = b""
    while True:
        if not select.select([ready], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise ToolError(
                f"the embedded daemon is not ready after {START_PATIENCE:g} s",
                where=str(state.log),
                hint="jenkins-bootstrap embedded down, then try again",
            )
        chunk = os.read(ready.fileno(), 65536)
        pending += chunk
        *lines, pending = pending.split(b"\n")
        for text in lines:
            value = json.loads(text)
            if "error" in value:
                error = value["error"]
                raise ToolError(error["what"], where=error["where"], hint=error["hint"])
            if value.get("ready"):
                return
            if callable(line):
                line(value["say"])
        if not chunk:
            raise ToolError(
                f"the embedded daemon ended before it was ready: {_tail(state.log)}",
                where=str(state.log),
                hint="jenkins-bootstrap check names what is missing; the log has more",
            )


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def holder(state: StateFolder) -> tuple[int, int] | None:
    """Process id and start of whoever holds the folder as its daemon, ready or not; None when nobody does."""
    try:
        with state.owner_lock.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                pid, started = handle.read().split()
                return int(pid), int(started)
    except (OSError, ValueError):
        return None


def end(state: StateFolder) -> bool:
    """End the daemon of a folder, if there is one: ask it, wait, and in the end kill it. Whether there was one."""
    record = Record.read(state.record)
    if record is not None and record.alive():
        with contextlib.suppress(BootstrapError, ConnectionError, ValueError):
            call(record, "shutdown", None, seconds=5)
        pid, started = record.pid, record.started
    else:
        found = holder(state)
        if found is None:
            return False
        pid, started = found
    for number in (signal.SIGTERM, signal.SIGKILL):
        if runs(pid, started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + END_PATIENCE
        while runs(pid, started) and time.monotonic() < deadline:
            time.sleep(0.01)
        if not runs(pid, started):
            return True
    raise ToolError(f"process {pid} does not end", where="embedded daemon", hint=f"end it yourself: kill -9 {pid}")

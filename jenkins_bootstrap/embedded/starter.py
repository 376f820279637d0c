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

from jenkins_bootstrap.embedded.layout import Record, StateFolder
from jenkins_bootstrap.embedded.wire import call
from jenkins_bootstrap.errors import BootstrapError, ToolError

START_PATIENCE = 60.0
END_PATIENCE = 30.0
Progress = Callable[[str], AbstractContextManager[Any]]


@contextlib.contextmanager
def locked(path: Path, show: Progress) -> Iterator[None]:
    """Hold a lock file. The kernel gives it back when this process dies, however it does."""
    try:
        handle = path.open("wb")
    except OSError as error:
        raise BootstrapError(
            f"cannot be written: {error.strerror}", where=str(path), hint="check its owner and the space on its disk"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with show("wait for another command that starts or ends the embedded AWS"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def start(state: StateFolder, options: dict[str, Any], idle: float, line: Any) -> Record:
    """Start a daemon and return when it serves. Whatever goes wrong in it comes back as an error."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "jenkins_bootstrap.embedded.daemon", "--state", str(state.root)]
    command += ["--idle-seconds", str(idle)]
    command += ["--options", json.dumps(options["options"]), "--ready", str(writing)]
    with os.fdopen(reading, "rb") as ready:
        try:
            with state.log.open("ab") as log:
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
    record = Record.read(state.record)
    if record is None:
        raise ToolError("the embedded daemon ended at once", where=str(state.log), hint="its log says why")
    return record


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


def end(record: Record) -> None:
    """End a daemon: ask it, wait, and in the end kill it."""
    with contextlib.suppress(BootstrapError, ConnectionError, ValueError):
        call(record, "shutdown", None, seconds=5)
    for number in (None, signal.SIGKILL):
        if number is not None and record.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, number)
        deadline = time.monotonic() + END_PATIENCE
        while record.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not record.alive():
            return
    raise ToolError(
        f"process {record.pid} does not end", where="embedded daemon", hint=f"end it yourself: kill -9 {record.pid}"
    )

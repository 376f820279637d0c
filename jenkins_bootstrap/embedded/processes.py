"""Processes as /proc shows them: identity that survives the reuse of a pid, children, orderly ends. Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


def start_time(pid: int) -> int | None:
    """When the process was started, in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)); None: no process.

    A zombie counts as no process. Pid and start time together name a process for good.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def children(pid: int) -> list[int]:
    """The direct children of a process's main thread."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, without itself."""
    found: list[int] = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def wait_gone(pid: int, started: int, seconds: float) -> bool:
    """Wait until that process is no more; False when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while start_time(pid) == started:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def kill(pid: int, started: int, seconds: float = 10.0) -> bool:
    """SIGKILL that process if it is still the same one, and wait; True when it is gone."""
    if start_time(pid) == started:
        signal_all([pid], signal.SIGKILL)
    return wait_gone(pid, started, seconds)

"""What a machine remembers of its reconciliations: who is at it, which scans are owed, which jobs it marked as gone in
the last day, when all was last in step.

Nothing of it says what is in Jenkins: that is asked each time. Losing it costs at most a scan that comes a day later,
and a day's removals are counted anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json, write_atomic

LOCK_SECONDS = 10.0
A_DAY = timedelta(days=1)


class Busy(BootstrapError):
    """Another reconciliation is at it."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last reconciliation after which everything was in step."""

    at: datetime
    jenkins: str
    folder: str


@dataclass(frozen=True, slots=True)
class State:
    """A folder of this machine, for one Jenkins."""

    folder: Path
    jenkins: str

    @contextlib.contextmanager
    def locked(
        self,
        note: Callable[[str], None] = lambda _words: None,
        seconds: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[None]:
        """One writer at a time. Waits `seconds` (10) for another one, with a note. Raises Busy, which names it."""
        seconds = LOCK_SECONDS if seconds is None else seconds
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "jobs.lock"
        # Not truncated when opened: it says who holds it.
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            deadline = time.monotonic() + seconds
            told = False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    file.seek(0)
                    pid = file.read(20).strip() or "unknown"
                if time.monotonic() >= deadline:
                    raise Busy(
                        f"process {pid} is bringing the jobs in step",
                        where=str(path),
                        hint="wait until it has ended, then run the command again",
                    )
                if not told:
                    note(f"process {pid} is bringing the jobs in step: waiting up to {seconds:.0f} s")
                    told = True
                sleep(min(0.2, seconds))
            file.seek(0)
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def owed(self) -> frozenset[str]:
        """The jobs whose scan was not asked for yet, by what a plan knows them by."""
        value = self._read("pending-scans.json")
        return frozenset(str(key) for key in value.get("jobs", ()))

    def owe(self, jobs: Collection[str]) -> None:
        """Remember these, and only these."""
        path = self.folder / "pending-scans.json"
        if jobs:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, canonical_json({"jenkins": self.jenkins, "jobs": sorted(jobs)}))
        else:
            path.unlink(missing_ok=True)

    def removed(self, now: datetime) -> frozenset[str]:
        """The jobs that were marked as gone, or were about to be, within the last day, by what a plan knows them by."""
        return frozenset(self._removed(now))

    def removing(self, jobs: Collection[str], now: datetime) -> None:
        """Remember that these are about to be marked as gone, whatever becomes of it."""
        value = self._removed(now) | dict.fromkeys(jobs, now.astimezone(UTC).isoformat(timespec="seconds"))
        write_atomic(self.folder / "removed.json", canonical_json({"jenkins": self.jenkins, "jobs": value}))

    def forget_removed(self) -> None:
        """Somebody has looked and said that it is right."""
        (self.folder / "removed.json").unlink(missing_ok=True)

    def _removed(self, now: datetime) -> dict[str, str]:
        value = self._read("removed.json").get("jobs")
        try:
            known = {str(key): str(at) for key, at in value.items()} if isinstance(value, dict) else {}
            return {key: at for key, at in known.items() if now - datetime.fromisoformat(at) < A_DAY}
        except (TypeError, ValueError):
            return {}

    def last(self) -> Last | None:
        value = self._read("reconciled.json")
        try:
            return Last(datetime.fromisoformat(value["at"]), str(value["jenkins"]), str(value["folder"]))
        except (KeyError, TypeError, ValueError):
            return None

    def in_step(self, folder: str, at: datetime) -> None:
        """Remember that everything was in step at this time, below this top folder."""
        value = {"at": at.astimezone(UTC).isoformat(timespec="seconds"), "jenkins": self.jenkins, "folder": folder}
        _write_over(self.folder / "reconciled.json", canonical_json(value).encode())

    def _read(self, name: str) -> dict[str, Any]:
        """A file of this Jenkins; empty when there is none, or none that can be understood."""
        try:
            value = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) and value.get("jenkins") == self.jenkins else {}


def _write_over(path: Path, raw: bytes) -> None:
    """Write a short file; over one of the same length in place, as a rename waits for a disk that is busy."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b", buffering=0) as file:
        if os.fstat(file.fileno()).st_size == len(raw):
            file.write(raw)
            return
    write_atomic(path, raw)

"""The reconciliation in a process of its own, which stays for the next one.

Ten thousand repositories keep an interpreter busy for seconds, in which no delivery would be answered, as only one
thread of it runs at a time. The two speak in lines of JSON over pipes: secrets are in no argument and no environment.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.ports import Busy, Reconcile, Result
from jenkins_bootstrap.receiver.worker import attempt

Values = Callable[[], Mapping[str, str]]
NICENESS = 5
"""Deliveries come first."""
_PACKAGES = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from jenkins_bootstrap.receiver.apart import main; main()"


@dataclass
class Apart:
    """Reconciles the jobs of the image below `root` in a process that is started at the first work.

    Args:
        root: the controller's /.
        url: where Jenkins listens.
        environ: what the image is told by its environment, besides that of this process.
    """

    root: Path
    url: str
    environ: Mapping[str, str] = field(default_factory=dict)
    _child: subprocess.Popen[str] | None = field(default=None, init=False, repr=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _closed: bool = field(default=False, init=False)

    def reconcile(self, values: Values) -> Reconcile:
        """A reconciliation with the secret's values as they are when it begins."""
        return partial(self._ask, values)

    def close(self) -> None:
        """End the process, and with it the work under way: the next run goes on from what Jenkins has then."""
        self._closed = True
        if self._child is not None:
            self._child.terminate()
        with self._asking:
            self._ended()

    def _ask(self, values: Values, target: Target | None) -> Result:
        question = {"values": dict(values()), "target": None if target is None else asdict(target)}
        with self._asking:
            if self._closed:
                raise Busy("the receiver ends")
            if self._child is None:
                self._child = self._start()
            answer = _exchange(self._child, question)
            if answer is None:
                status = self._ended()
                if self._closed:
                    raise Busy("the receiver ends")
                raise BootstrapError(
                    f"ended with status {status}",
                    where="process of the reconciliation",
                    hint="the journal may say why; -9 is most often a lack of memory",
                )
        if busy := answer.pop("busy"):
            raise Busy(busy)
        return Result(**answer | {"lines": tuple(answer["lines"])})

    def _ended(self) -> int | None:
        """Clear up after the process; its status."""
        child, self._child = self._child, None
        if child is None:
            return None
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):  # what it did not read any more
                if pipe is not None:
                    pipe.close()
        return child.wait()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(_PACKAGES), str(self.root), self.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **self.environ},
            text=True,
            encoding="utf-8",
            # ^C in a terminal is for the receiver alone, which lets the work under way end.
            start_new_session=True,
        )


def main() -> None:
    """The process: answers questions until there are no more, that is until the receiver has ended."""
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.receiver.image import Image

    # What anything prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.nice(NICENESS)
    gc.set_threshold(20_000, 50, 20)  # as every command does
    values: dict[str, str] = {}
    reconcile = Image(Layout(Path(sys.argv[1])), os.environ, url=sys.argv[2]).reconcile(lambda: dict(values))
    for line in sys.stdin:
        asked = json.loads(line)
        values.clear()
        values.update(asked["values"])
        _write(answers, answer(reconcile, None if asked["target"] is None else Target(**asked["target"])))


def answer(reconcile: Reconcile, target: Target | None) -> dict[str, Any]:
    """What became of it, as the other process reads it."""
    try:
        return {"busy": "", **asdict(attempt(reconcile, target))}
    except Busy as busy:
        return {"busy": str(busy) or "another process"}


def _exchange(child: subprocess.Popen[str], question: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer; None when the process ended before it gave one."""
    assert child.stdin is not None and child.stdout is not None
    try:
        _write(child.stdin, question)
        text = child.stdout.readline()
    except OSError:
        return None
    told: dict[str, Any] | None = json.loads(text) if text.endswith("\n") else None
    return told


def _write(stream: IO[str], value: Mapping[str, Any]) -> None:
    stream.write(json.dumps(value) + "\n")
    stream.flush()

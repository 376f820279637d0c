"""The queue of scans as groovy/scans.groovy keeps it in a real Jenkins, without Groovy: in memory, one a pause."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable

from jenkins_bootstrap.embedded.jenkins.store import Store
from jenkins_bootstrap.resources import share

_PIECES = re.compile(r"new String\(\[([^\]]*)\]\.join\(''\)\.decodeBase64\(\), 'UTF-8'\)")
_CALL = re.compile(
    r"println '([^']+)' \+ groovy\.json\.JsonOutput\.toJson\(askForScans\(scanPaths, false, '(\w+)', (\d+)L,"
)


class NotOurs(ValueError):
    """A script that is not the one of groovy/scans.groovy: no Groovy is run here."""


class Scans:
    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._pause = 0.0
        self._next = 0.0
        self._batches: set[str] = set()
        self.waiting: dict[str, None] = {}
        self.asked: list[str] = []
        """Full names in the order in which their scans began."""

    def run(self, script: str) -> str:
        """What Jenkins prints for the script. Raises NotOurs. The caller holds the store's lock."""
        text = (share("groovy") / "scans.groovy").read_text(encoding="utf-8")
        head, found, call = script.partition(text)
        pieces, said = _PIECES.search(call), _CALL.search(call)
        if not found or head != "import jenkins.model.Jenkins\n" or pieces is None or said is None:
            raise NotOurs("a script that is not that of the scans")
        packed = "".join(re.findall(r"'([^']*)'", pieces[1]))
        paths: list[str] = json.loads(base64.b64decode(packed))
        answer = {"added": 0, "waiting": 0, "passed": 0}
        self.settle()
        if not self.waiting:
            self._next = max(self._next, self._clock())
        if said[2] not in self._batches:
            self._batches.add(said[2])
            for path in paths:
                item = self._store.find(path.split("/"))
                if item is None or not item.scannable or item.disabled:
                    answer["passed"] += 1
                elif path not in self.waiting:
                    self.waiting[path] = None
                    answer["added"] += 1
        self._pause = int(said[3]) / 1000
        answer["waiting"] = len(self.waiting)
        return f"{said[1]}{json.dumps(answer)}\n"

    def settle(self) -> None:
        """Ask for the scans whose time has come."""
        now = self._clock()
        while self.waiting and self._next <= now:
            path = next(iter(self.waiting))
            del self.waiting[path]
            item = self._store.find(path.split("/"))
            if item is not None and item.scannable and not item.disabled:
                self._store.scanned(item)
                self.asked.append(path)
                self._next += self._pause

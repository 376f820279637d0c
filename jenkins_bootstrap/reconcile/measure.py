"""What a reconciliation costs: requests to Jenkins, and seconds by what they were spent on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Calls:
    """Counts the requests to Jenkins: given to JobsApi as `log`, and on to `log` if there is one."""

    log: Callable[[str], None] | None = None
    count: int = 0

    def __call__(self, line: str) -> None:
        self.count += 1
        if self.log is not None:
            self.log(line)


class Timed:
    """Adds the seconds of a block to those that are there under its name."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + time.monotonic() - self._started

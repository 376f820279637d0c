"""The lock around what the embedded AWS holds: moto is not made for threads, and a save must not see half a change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class StateLock:
    """A lock that its holder can put down for a while, for something slow that touches no state (booting a guest)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> StateLock:
        self._lock.acquire()
        self._holder = threading.get_ident()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder = None
        self._lock.release()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Without the lock inside; does nothing when the calling thread does not hold it."""
        if self._holder != threading.get_ident():
            yield
            return
        self._holder = None
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
            self._holder = threading.get_ident()

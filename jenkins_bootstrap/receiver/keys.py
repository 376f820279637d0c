"""The values of the key-value secret, read again as they change: the signatures of deliveries, the sign-ins to GitHub.

They live in memory only, and never enter a message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from jenkins_bootstrap.errors import BootstrapError

KEY = "github_receiver_secret"
FIRST_SECONDS = 10.0
AT_MOST_EVERY_SECONDS = 60.0
"""A wrong signature may have the secret read again, but nobody may have it read all the time."""


class Keys:
    """Values that `read` gets from AWS, `every` seconds old at most, and read anew when a signature does not fit.

    May be used by several threads. `failed` is told why they could not be read; the ones before stay in force.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, str]],
        every: float,
        *,
        failed: Callable[[BootstrapError], None] = lambda _error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._every, self._failed, self._clock = read, every, failed, clock
        self._reading = threading.Lock()
        self._values: Mapping[str, str] = {}
        self._tried = float("-inf")

    def __repr__(self) -> str:
        return "Keys(...)"

    @property
    def values(self) -> Mapping[str, str]:
        """The newest values that could be read; empty when none could."""
        return self._values

    def secrets(self) -> tuple[str, ...]:
        """The secrets with which a delivery may be signed: the one in force, and the one before it in the overlap."""
        found = (self._values.get(name, "") for name in (KEY, f"{KEY}_previous"))
        return tuple(secret for secret in found if secret)

    def is_due(self) -> bool:
        """Whether they are old, or could not be read yet."""
        return self._clock() - self._tried >= (self._every if self._values else FIRST_SECONDS)

    def may_ask(self) -> bool:
        """Whether a wrong signature may have them read again now."""
        return self._clock() - self._tried >= min(AT_MOST_EVERY_SECONDS, self._every)

    def refresh(self) -> None:
        """Read them again. Waits for a read under way."""
        with self._reading:
            self._tried = self._clock()
            try:
                self._values = dict(self._read())
            except BootstrapError as error:
                self._failed(error)

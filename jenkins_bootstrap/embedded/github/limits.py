"""What a sign-in may ask for: points an hour, and GitHub's secondary limits, counted and told in the headers.

Source: docs.github.com, "Rate limits for the REST API" and "Rate limits and query limits for the GraphQL API". Not
counted: the 90 seconds of processor time a minute, and what several tokens of one user share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock

WINDOW_SECONDS = 3600
DOCUMENTATION = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(slots=True)
class Secondary:
    """GitHub's secondary limits for one sign-in; None turns one off."""

    at_once: int | None = 100
    rest_points_a_minute: int | None = 900
    graphql_points_a_minute: int | None = 2000
    writes_a_minute: int | None = 80
    writes_an_hour: int | None = 500

    @classmethod
    def off(cls) -> Secondary:
        return cls(None, None, None, None, None)


@dataclass(slots=True)
class Meter:
    """Counts, for several threads. Windows begin at full minutes and hours, by the clock that is passed in."""

    lock: RLock = field(default_factory=RLock)
    _counts: dict[tuple[str, str, int, int], int] = field(default_factory=dict)
    _running: dict[str, int] = field(default_factory=dict)

    def spend(self, token: str, resource: str, cost: int, now: float, seconds: int = WINDOW_SECONDS) -> tuple[int, int]:
        """Count `cost` in the window of `now`; returns what it has come to, and the window's end."""
        with self.lock:
            window = int(now) // seconds
            key = (token, resource, seconds, window)
            if key not in self._counts:
                self._counts = {k: v for k, v in self._counts.items() if k[3] >= int(now) // k[2]}
            self._counts[key] = self._counts.get(key, 0) + cost
            return self._counts[key], (window + 1) * seconds

    def used(self, token: str, resource: str, now: float, seconds: int = WINDOW_SECONDS) -> int:
        with self.lock:
            return self._counts.get((token, resource, seconds, int(now) // seconds), 0)

    @contextmanager
    def request(self, token: str, method: str, graphql: bool, limits: Secondary, now: float) -> Iterator[int | None]:
        """Count a request while it runs; gives the seconds to wait when a secondary limit refuses it, else None.

        A write is what GitHub calls creating content. A refused request counts for nothing more.
        """
        with self.lock:
            running = self._running.get(token, 0)
            wait = self._refused(token, method, graphql, limits, now, running)
            if wait is None:
                self._running[token] = running + 1
                self._count(token, method, graphql, now)
        try:
            yield wait
        finally:
            if wait is None:
                with self.lock:
                    self._running[token] -= 1
                    if not self._running[token]:
                        del self._running[token]

    def _refused(
        self, token: str, method: str, graphql: bool, limits: Secondary, now: float, running: int
    ) -> int | None:
        minute, hour = _left(now, 60), _left(now, WINDOW_SECONDS)
        writes = _is_write(method, graphql)
        points = limits.graphql_points_a_minute if graphql else limits.rest_points_a_minute
        checks = (
            (limits.at_once, running, 1, 1),
            (points, self.used(token, _resource(graphql), now, 60), 5 if writes else 1, minute),
            (limits.writes_a_minute, self.used(token, "writes", now, 60), writes, minute),
            (limits.writes_an_hour, self.used(token, "writes", now), writes, hour),
        )
        waits = [wait for most, had, more, wait in checks if most is not None and more and had + more > most]
        return max(waits, default=None)

    def _count(self, token: str, method: str, graphql: bool, now: float) -> None:
        writes = _is_write(method, graphql)
        self.spend(token, _resource(graphql), 5 if writes else 1, now, 60)
        if writes:
            self.spend(token, "writes", 1, now, 60)
            self.spend(token, "writes", 1, now)


def headers(limit: int, resource: str, used: int, reset: int) -> Mapping[str, str]:
    """GitHub's headers about the points of an hour."""
    used = min(used, limit)
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(limit - used),
        "X-RateLimit-Used": str(used),
        "X-RateLimit-Reset": str(reset),
        "X-RateLimit-Resource": resource,
    }


def _resource(graphql: bool) -> str:
    return "minute-graphql" if graphql else "minute-rest"


def _is_write(method: str, graphql: bool) -> bool:
    return not graphql and method not in ("GET", "HEAD", "OPTIONS")


def _left(now: float, seconds: int) -> int:
    return max(1, math.ceil(seconds - now % seconds))

"""Who may ask the embedded GitHub, and what to do wrong on purpose: tokens, the App, faults, delays. Holds no data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jenkins_bootstrap.embedded.github.organisation import Record

DEMO_TOKEN = "not-a-real-token"  # noqa: S105 - it is what it says


@dataclass(frozen=True, slots=True)
class Token:
    """What a token may do. `scopes` is None for an installation's token, which sees only `owner`; `ends` is a time."""

    login: str = "demo-user"
    scopes: tuple[str, ...] | None = ("repo", "read:org", "admin:org_hook")
    owner: str | None = None
    ends: float | None = None

    def sees(self, record: Record) -> bool:
        if not record.private:
            return True
        if self.scopes is None:
            return self.owner is not None and self.owner.lower() == record.owner.lower()
        return "repo" in self.scopes


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App. Without `public_key` (PEM) a JWT's claims are checked, its signature is not; `id` "" takes any.

    `events` are those that its own webhook gets besides installation_repositories, which every App gets.
    """

    id: str = ""
    slug: str = "demo-app"
    public_key: str | None = None
    installations: Mapping[int, str] = field(default_factory=dict)
    permissions: Mapping[str, str] = field(
        default_factory=lambda: {
            "metadata": "read",
            "contents": "read",
            "organization_hooks": "write",
            "repository_hooks": "write",
        }
    )
    events: tuple[str, ...] = ("repository", "push")

    @property
    def number(self) -> int:
        return int(self.id) if self.id.isdecimal() else 1

    def installation_of(self, owner: str) -> int | None:
        return next((n for n, login in self.installations.items() if login.lower() == owner.lower()), None)


@dataclass(slots=True)
class Fault:
    """A wrong answer to give instead of the right one, or the right one altered.

    Args:
        status, headers, body: the answer; a body that is not text or bytes is sent as JSON.
        times: how many requests it meets.
        path: only requests whose path contains this.
        skip: matching requests that pass unharmed before it starts.
        alter: gets the right answer's JSON and returns what is sent instead; status and body are then unused.
        cut: the right answer ends after so many bytes of its body, with the connection; the others are then unused.
        method: only requests of this method.
    """

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = ""
    times: int = 1
    path: str = ""
    skip: int = 0
    alter: Callable[[Any], Any] | None = None
    cut: int | None = None
    method: str = ""

    def meets(self, method: str, path: str) -> bool:
        return self.path in path and self.method in ("", method)


@dataclass(slots=True)
class Delay:
    """Seconds that each answer to a path containing `path` takes longer; the first that fits is taken."""

    seconds: float
    path: str = ""


class Faults(list[Fault]):
    """Faults in the order in which they meet requests. For one thread at a time."""

    def next(self, method: str, path: str) -> Fault | None:
        """The first fault that meets this request, counted down."""
        for fault in self:
            if not fault.meets(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.remove(fault)
            return fault
        return None

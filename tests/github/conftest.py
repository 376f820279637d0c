"""An embedded GitHub on a real socket, with a clock that only sleeping moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler

from jenkins_bootstrap.config.models import Owner
from jenkins_bootstrap.embedded.github import App, Store, create_app
from jenkins_bootstrap.facts import ListedOwners, Repository
from jenkins_bootstrap.github.auth import Auth, TokenAuth
from jenkins_bootstrap.github.client import Client
from jenkins_bootstrap.github.listing import list_repositories
from jenkins_bootstrap.github.owners import list_all

NOON = 1_800_000_000.0 - 1_800_000_000 % 3600 + 600  # ten minutes into an hour


class Quiet(WSGIRequestHandler):
    """Writes no log, and tells the time of the store's clock in the Date header."""

    protocol_version = "HTTP/1.1"
    clock: Callable[[], float] = staticmethod(lambda: NOON)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(type(self).clock())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@dataclass
class Served:
    """The server, and a client's view of it."""

    store: Store
    api_url: str
    now: float = NOON
    slept: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def list(self, owner: str = "acme", auth: Auth | None = None, **options: Any) -> list[Repository]:
        return list_repositories(
            owner,
            api_url=self.api_url,
            auth=auth or TokenAuth("not-a-real-token"),
            sleep=self.sleep,
            clock=self.clock,
            progress=self.said.append,
            **options,
        )

    def list_all(
        self, owners: Sequence[Owner], values: Mapping[str, str] | None = None, **options: Any
    ) -> ListedOwners:
        return list_all(
            owners,
            {"github_token": "not-a-real-token"} if values is None else values,
            api_url=self.api_url,
            sleep=self.sleep,
            clock=self.clock,
            progress=self.said.append,
            **options,
        )

    def client(self, auth: Auth | None = None, **options: Any) -> Client:
        auth = auth or TokenAuth("not-a-real-token")
        return Client(self.api_url, auth, sleep=self.sleep, clock=self.clock, notify=self.said.append, **options)

    @property
    def calls(self) -> int:
        return len(self.store.requests)


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path, described: Any, serve_wsgi: Callable[..., str]) -> Serve:
    """Starts an embedded GitHub for a list of repositories (names, or whole entries); its REST is as described."""

    def start(entries: list[Any], *, app: App | None = None) -> Served:
        whole = [e if isinstance(e, dict) else {"name": e, "full_name": f"acme/{e}"} for e in entries]
        file = tmp_path / "organisation.json"
        file.write_text(json.dumps(whole))
        store = Store.load(file, tmp_path / "state", app=app)
        handler = type("Handler", (Quiet,), {"clock": staticmethod(lambda: store.clock())})
        served = Served(store, serve_wsgi(described.checked(create_app(store)), handler) + "/api/v3")
        store.clock = served.clock
        return served

    return start


@pytest.fixture
def acme(serve: Serve) -> Served:
    """250 repositories: three pages."""
    return serve([f"app-{number:03}" for number in range(250)])

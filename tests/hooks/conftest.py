"""An embedded GitHub on a real socket, somebody who listens to its webhooks, and what a command knows of both."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.embedded.github import App, Store, create_app

SECRETS = {
    "github_token": "not-a-real-token",
    "github_username": "demo-user",
    "github_webhook_secret": "not-a-real-webhook-secret",
    "github_receiver_secret": "not-a-real-receiver-secret",
}
KEYS = {"/github-webhook/": "github_webhook_secret", "/jenkins-bootstrap/webhook": "github_receiver_secret"}


@dataclass
class Listener:
    """Jenkins and the receiver as GitHub sees them: a signature that does not fit is refused."""

    accepted: dict[str, set[str]]
    got: list[tuple[str, str, int]] = field(default_factory=list)
    broken: int = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path, given = environ["PATH_INFO"], environ.get("HTTP_X_HUB_SIGNATURE_256", "")
        signatures = {
            "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest() for secret in self.accepted.get(path, ())
        }
        code = self.broken or (404 if path not in self.accepted else 200 if given in signatures else 400)
        self.got.append((path, environ.get("HTTP_X_GITHUB_EVENT", ""), code))
        start_response(f"{code} X", [("Content-Length", "0")])
        return [b""]


class Secrets:
    """Secrets Manager with the versions of one secret: values and when they came into force."""

    def __init__(self, **values: str) -> None:
        self.versions = [(datetime(2020, 1, 1, tzinfo=UTC), SECRETS | values)]

    @property
    def current(self) -> dict[str, str]:
        return self.versions[-1][1]

    def put(self, at: datetime | None = None, **values: str | None) -> None:
        new = {key: value for key, value in (self.current | values).items() if value is not None}
        self.versions.append((at or datetime.now(UTC), new))

    def call(self, _service: str, operation: str, **arguments: Any) -> Any:
        if operation == "list_secret_version_ids":
            last = len(self.versions) - 1
            return {
                "Versions": [
                    {"VersionId": str(n), "CreatedDate": at, "VersionStages": ["AWSCURRENT"] if n == last else []}
                    for n, (at, _) in enumerate(self.versions)
                ]
            }
        at, values = self.versions[int(arguments["VersionId"])]
        return {"SecretString": json.dumps(values), "CreatedDate": at}


@dataclass
class World:
    """What a command's context offers, and what is behind it."""

    store: Store
    listener: Listener
    aws: Secrets
    settings: Settings
    endpoints: Any
    state: Path
    target: str = "embedded"
    json: bool = False
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    data_: Any = None

    @property
    def secret_values(self) -> dict[str, str]:
        return self.aws.current

    @property
    def repositories(self) -> Any:
        from jenkins_bootstrap.cli.sources import list_owners

        return list_owners(self)  # type: ignore[arg-type]

    @property
    def selected(self) -> Any:
        from jenkins_bootstrap.cli.sources import selected

        return selected(self)  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        self.said.append(text)

    out = note

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def data(self, value: Any) -> None:
        self.data_ = value

    @contextmanager
    def progress(self, _words: str) -> Iterator[Callable[[str], None]]:
        yield self.said.append

    def configure(self, **github: Any) -> None:
        url = self.settings.controller.url
        self.settings = settings(url, **github)

    def writes(self) -> list[str]:
        """The changes that GitHub was asked for since the last time."""
        self.store.deliveries.settle()
        found = [call for call in self.store.requests if not call.startswith("GET") and "graphql" not in call]
        self.store.requests.clear()
        return found


def settings(url: str, **github: Any) -> Settings:
    return Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {"url": url},
            "github": {"owners": [{"name": "acme"}], **github},
        }
    )


@pytest.fixture
def serve(serve_wsgi: Callable[..., str]) -> Callable[[Any], str]:
    """Starts a WSGI application and gives its URL."""
    return lambda application: serve_wsgi(application) + "/"


@pytest.fixture
def world(serve: Callable[[Any], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, described: Any) -> World:
    """An organisation of two repositories and a user with one; nobody has a webhook. REST is as GitHub describes it."""
    monkeypatch.setattr("jenkins_bootstrap.cli.webhooks.Pace.wait", lambda _self: None)
    file = tmp_path / "organisation.json"
    entries = [{"full_name": name} for name in ("acme/app", "acme/lib")]
    entries.append({"full_name": "someone/tool", "owner_type": "User"})
    file.write_text(json.dumps([{"name": e["full_name"].partition("/")[2], **e} for e in entries]))
    app = App(
        id="4242",
        installations={7: "acme"},
        permissions={
            "metadata": "read",
            "contents": "read",
            "organization_hooks": "write",
            "repository_hooks": "write",
        },
    )
    store = Store.load(file, tmp_path / "github", app=app)
    listener = Listener({path: {SECRETS[key]} for path, key in KEYS.items()})
    github = serve(described.checked(create_app(store))) + "api/v3"
    return World(
        store, listener, Secrets(), settings(serve(listener)), SimpleNamespace(github_url=github), tmp_path / "st"
    )

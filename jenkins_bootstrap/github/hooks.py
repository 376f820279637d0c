"""GitHub's REST of webhooks: of an organisation, of a repository, and the GitHub App's own, with their deliveries.

Decides nothing. A secret goes out and never comes back: GitHub shows stars in its place.

Source: docs.github.com, REST API, "Organization webhooks", "Repository webhooks" and "GitHub App webhooks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Literal, TypeVar

from jenkins_bootstrap.facts import Delivery, Webhook
from jenkins_bootstrap.github.client import API_URL_HINT, Client
from jenkins_bootstrap.github.errors import Forbidden, NotFound, NotGitHub

T = TypeVar("T")
APP = "the GitHub App"
"""The scope of the App's own webhook."""

OWNER_KIND = "query ($login: String!) { repositoryOwner(login: $login) { __typename login } }"

CHANGED = """
query ($login: String!, $first: Int!) {
  repositoryOwner(login: $login) {
    pushed: repositories(
      first: $first, ownerAffiliations: [OWNER], isArchived: false, orderBy: {field: PUSHED_AT, direction: DESC}
    ) { nodes { nameWithOwner at: pushedAt } }
    updated: repositories(
      first: $first, ownerAffiliations: [OWNER], isArchived: false, orderBy: {field: UPDATED_AT, direction: DESC}
    ) { nodes { nameWithOwner at: updatedAt } }
  }
}"""
"""Two connections of at most 100 nodes: one point."""


class HooksApi:
    """The webhooks that one sign-in may administer.

    A scope is an organisation's login, `owner/name` of a repository, or APP, for which the client must be signed in as
    an App. Every method raises GitHubError; one about a missing permission says which it is.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def owner(self, login: str) -> tuple[str, Literal["Organization", "User"]]:
        """The login as GitHub spells it, and what it is: only organisations have webhooks of their own."""
        data, _answer = self._client.graphql(OWNER_KIND, {"login": login}, subject=f"owner {login}")
        found = data.get("repositoryOwner")
        if found is None:
            raise NotFound(
                f"GitHub has no organisation or user {login!r} that this sign-in may see", where=f"owner {login}"
            )
        return str(found["login"]), "User" if found["__typename"] == "User" else "Organization"

    def changed_repositories(self, login: str, since: datetime, most: int = 100) -> tuple[str, ...]:
        """The full names of what an owner has that was pushed to or changed since then (with a time zone), the newest
        first, so many at most (100). Without archived ones, of which GitHub lets nothing be asked for again."""
        data, _answer = self._client.graphql(CHANGED, {"login": login, "first": most}, subject=f"owner {login}")
        newest: dict[str, datetime] = {}
        try:
            found = data["repositoryOwner"]
            for node in (*found["pushed"]["nodes"], *found["updated"]["nodes"]):
                if node is not None and node["at"] is not None:  # nothing was ever pushed
                    at, name = datetime.fromisoformat(node["at"]), str(node["nameWithOwner"])
                    newest[name] = max(at, newest.get(name, at))
        except (KeyError, TypeError, ValueError) as error:
            raise NotGitHub(
                f"the repositories lack what was asked for ({type(error).__name__}: {error})",
                where=f"owner {login}",
                hint=API_URL_HINT,
            ) from error
        names = sorted(
            (name for name, at in newest.items() if at >= since), key=lambda name: newest[name], reverse=True
        )
        return tuple(names[:most])

    def hooks(self, scope: str) -> tuple[Webhook, ...]:
        """Every webhook there, other people's too."""
        if scope == APP:
            return (self.app_hook(),)
        return self._explained(scope, lambda: tuple(_webhook(scope, one) for one in self._list(scope, "")))

    def create(self, scope: str, url: str, events: Iterable[str], secret: str) -> Webhook:
        """A new one: active, JSON, the certificate verified."""
        body = {"name": "web", "active": True, "events": sorted(events), "config": _config(url, secret)}
        return self._explained(scope, lambda: _webhook(scope, self._change("POST", scope, "", body)))

    def update(self, scope: str, hook: int, url: str, events: Iterable[str], secret: str) -> Webhook:
        """Make one what `create` makes. The secret goes with every change, as GitHub takes it away otherwise."""
        body = {"active": True, "events": sorted(events), "config": _config(url, secret)}
        return self._explained(scope, lambda: _webhook(scope, self._change("PATCH", scope, f"/{hook}", body)))

    def delete(self, scope: str, hook: int) -> None:
        self._explained(scope, lambda: self._change("DELETE", scope, f"/{hook}", None))

    def ping(self, scope: str, hook: int) -> None:
        """Have GitHub deliver the event `ping`. What came of it is among the deliveries a moment later."""
        self._explained(scope, lambda: self._change("POST", scope, f"/{hook}/pings", None))

    def deliveries(
        self, scope: str, hook: int, *, most: int = 100, since: datetime | None = None
    ) -> tuple[Delivery, ...]:
        """The latest deliveries, the newest first: so many at most, and none before `since` (with a time zone).

        GitHub keeps them for three days.
        """
        return self._explained(scope, lambda: _until(since, islice(self._list(scope, f"/{hook}/deliveries"), most)))

    def redeliver(self, scope: str, hook: int, delivery: int) -> None:
        """Have GitHub try a delivery again; it keeps its guid."""
        self._explained(scope, lambda: self._change("POST", scope, f"/{hook}/deliveries/{delivery}/attempts", None))

    def app_hook(self) -> Webhook:
        """The App's own webhook; its `url` is empty when it has none. GitHub does not tell its events here."""
        found = self._client.as_app("GET", "/app/hook/config")
        return _webhook(APP, {"id": 0, "active": True, "events": [], "config": found})

    def set_app_hook(self, url: str, secret: str) -> Webhook:
        answer = self._client.ask_as_app("PATCH", "/app/hook/config", subject=APP, body=_config(url, secret))
        return _webhook(APP, {"id": 0, "active": True, "events": [], "config": answer.data})

    def _list(self, scope: str, below: str) -> Iterable[Any]:
        path = f"{_path(scope)}{below if scope != APP else '/deliveries'}?per_page=100"
        return self._client.pages(path, subject=f"webhooks of {scope}", as_app=scope == APP)

    def _change(self, method: str, scope: str, below: str, body: Mapping[str, Any] | None) -> Any:
        subject = f"webhooks of {scope}"
        if scope == APP:  # it has one webhook, without a number
            below = below.removeprefix("/0")
            return self._client.ask_as_app(method, _path(scope) + below, subject=subject, body=body).data
        return self._client.change(method, _path(scope) + below, subject=subject, body=body).data

    def _explained(self, scope: str, ask: Callable[[], T]) -> T:
        """What `ask` gives; an error that a missing permission may be behind gets its remedy."""
        try:
            return ask()
        except (Forbidden, NotFound) as error:
            if scope != APP:
                error.hint = _remedy(scope, archived="archived" in error.what.lower())
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NotGitHub(
                f"a webhook or delivery lacks what it must have ({type(error).__name__}: {error})",
                where=f"webhooks of {scope}",
                hint=API_URL_HINT,
            ) from error


def _remedy(scope: str, *, archived: bool) -> str:
    if archived:
        return "an archived repository cannot be changed; it needs no webhook either"
    if "/" in scope:
        return (
            "is the repository still there? A classic token needs the scope admin:repo_hook of somebody who administers"
            " the repository; a fine-grained token or App the repository permission Webhooks: read and write"
        )
    return (
        "a classic token needs the scope admin:org_hook of an owner of the organisation; a fine-grained token or App"
        " the organisation permission Webhooks: read and write; else set github.hooks.per_repository: true"
    )


def _path(scope: str) -> str:
    if scope == APP:
        return "/app/hook"
    return f"/repos/{scope}/hooks" if "/" in scope else f"/orgs/{scope}/hooks"


def _config(url: str, secret: str) -> dict[str, str]:
    return {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret}


def _webhook(scope: str, found: Mapping[str, Any]) -> Webhook:
    config = found["config"]
    answered = (found.get("last_response") or {}).get("code")
    return Webhook(
        scope=scope,
        id=int(found["id"]),
        url=str(config.get("url") or ""),
        events=tuple(sorted(str(event) for event in found["events"])),
        active=bool(found["active"]),
        content_type=str(config.get("content_type") or "form"),
        insecure_ssl=str(config.get("insecure_ssl", "0")),
        has_secret=bool(config.get("secret")),
        updated_at=str(found.get("updated_at") or ""),
        last_code=None if answered is None else int(answered),
    )


def _until(since: datetime | None, found: Iterable[Mapping[str, Any]]) -> tuple[Delivery, ...]:
    deliveries = []
    for one in found:
        delivery = _delivery(one)
        if since is not None and datetime.fromisoformat(delivery.delivered_at) < since:
            break
        deliveries.append(delivery)
    return tuple(deliveries)


def _delivery(found: Mapping[str, Any]) -> Delivery:
    action = found.get("action")
    return Delivery(
        id=int(found["id"]),
        guid=str(found["guid"]),
        delivered_at=str(found["delivered_at"]),
        event=str(found["event"]),
        code=int(found["status_code"] or 0),
        status=str(found.get("status") or ""),
        action=None if action is None else str(action),
        redelivery=bool(found.get("redelivery")),
        seconds=float(found.get("duration") or 0.0),
    )

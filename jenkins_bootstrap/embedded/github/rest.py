"""The REST side of the embedded GitHub: what sign-in checks and listings ask for, and changes to a repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from jenkins_bootstrap.embedded.github.ids import global_id, owner_id
from jenkins_bootstrap.embedded.github.model import Token
from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.embedded.github.store import Store
from jenkins_bootstrap.errors import BootstrapError

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request. `base_url` is scheme and host; `query` the query string's arguments."""

    store: Store
    token: Token
    base_url: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def api(self) -> str:
        return f"{self.base_url}/api/v3"


def problem(status: int, message: str) -> Reply:
    return Reply(status, {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)})


def root(call: Call) -> Reply:
    return Reply(
        200,
        {
            "current_user_url": f"{call.api}/user",
            "organization_url": f"{call.api}/orgs/{{org}}",
            "organization_repositories_url": f"{call.api}/orgs/{{org}}/repos{{?type,page,per_page,sort}}",
            "rate_limit_url": f"{call.api}/rate_limit",
            "repository_url": f"{call.api}/repos/{{owner}}/{{repo}}",
            "user_repositories_url": f"{call.api}/users/{{user}}/repos{{?type,page,per_page,sort}}",
        },
    )


def meta(_call: Call) -> Reply:
    return Reply(200, {"verifiable_password_authentication": False, "installed_version": "3.16.0"})


def user(call: Call) -> Reply:
    if call.token.scopes is None:
        return problem(403, "Resource not accessible by integration")
    return Reply(200, account(call, call.token.login, "User"))


def organisation(call: Call, org: str) -> Reply:
    found = call.store.owner(org)
    if found is None or found[1] != "Organization":
        return problem(404, "Not Found")
    return Reply(200, {**account(call, *found), "name": found[0], "repos_url": f"{call.api}/orgs/{found[0]}/repos"})


def owner_repositories(call: Call, kind: str, owner: str) -> Reply:
    found = call.store.owner(owner)
    if found is None or (kind == "orgs" and found[1] != "Organization"):
        return problem(404, "Not Found")
    seen = [r for r in call.store.of_owner(owner) if call.token.sees(r)]
    # By name for people and creation for organisations, as GitHub's defaults are.
    seen.sort(key=lambda r: (r.created_at if kind == "orgs" else r.name.lower(), r.id))
    return _page(call, seen, lambda record: repository_json(call, record))


def repository(call: Call, owner: str, name: str) -> Reply:
    record = call.store.find(owner, name)
    if record is None or not call.token.sees(record):
        return problem(404, "Not Found")
    if call.method == "GET":
        return Reply(200, repository_json(call, record))
    if call.token.scopes is not None and "repo" not in call.token.scopes:
        return problem(403, "Must have admin rights to Repository.")
    if call.method == "DELETE":
        call.store.delete(record)
        return Reply(204)
    return _changed(call, lambda values: call.store.change(record, **values), 200)


def repository_by_id(call: Call, number: int) -> Reply:
    record = call.store.repositories.get(number)
    if record is None or not call.token.sees(record):
        return problem(404, "Not Found")
    return Reply(200, repository_json(call, record))


def new_repository(call: Call, org: str) -> Reply:
    if call.store.owner(org) is None:
        return problem(404, "Not Found")
    return _changed(call, lambda values: call.store.create(org, values.pop("name", ""), **values), 201)


_CHANGEABLE = {"name": str, "description": str, "private": bool, "archived": bool, "default_branch": str}


def _changed(call: Call, change: Callable[[dict[str, Any]], Record], status: int) -> Reply:
    values = {name: call.body[name] for name in _CHANGEABLE if name in call.body}
    wrong = [name for name, value in values.items() if not isinstance(value, _CHANGEABLE[name])]
    if wrong:
        return problem(422, f"Invalid request: {wrong[0]} is not a {_CHANGEABLE[wrong[0]].__name__}.")
    try:
        return Reply(status, repository_json(call, change(values)))
    except BootstrapError as error:
        return problem(422, f"Repository creation failed: {error.what}" if status == 201 else error.what)


def app(call: Call) -> Reply:
    it = call.store.app
    return Reply(
        200,
        {
            "id": int(it.id) if it.id.isdecimal() else 1,
            "slug": it.slug,
            "name": it.slug,
            "node_id": global_id("App", it.id),
            "permissions": dict(it.permissions),
            "events": [],
            "installations_count": len(it.installations),
        },
    )


def installations(call: Call) -> Reply:
    return _page(call, sorted(call.store.app.installations), lambda number: _installation(call, number))


def installation(call: Call, number: int) -> Reply:
    if number not in call.store.app.installations:
        return problem(404, "Not Found")
    return Reply(200, _installation(call, number))


def access_token(call: Call, number: int) -> Reply:
    if number not in call.store.app.installations:
        return problem(404, "Not Found")
    value, ends = call.store.installation_token(number)
    return Reply(
        201,
        {
            "token": value,
            "expires_at": datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": dict(call.store.app.permissions),
            "repository_selection": "all",
        },
    )


def _installation(call: Call, number: int) -> dict[str, Any]:
    login, kind = call.store.owner(call.store.app.installations[number]) or ("unknown", "Organization")
    return {
        "id": number,
        "account": account(call, login, kind),
        "target_type": kind,
        "app_slug": call.store.app.slug,
        "repository_selection": "all",
        "permissions": dict(call.store.app.permissions),
        "events": [],
        "suspended_at": None,
        "access_tokens_url": f"{call.api}/app/installations/{number}/access_tokens",
    }


def account(call: Call, login: str, kind: str) -> dict[str, Any]:
    return {
        "login": login,
        "id": owner_id(login),
        "node_id": global_id(kind, login),
        "type": kind,
        "site_admin": False,
        "avatar_url": f"{call.base_url}/avatars/{login}",
        "html_url": f"{call.base_url}/{login}",
        "url": f"{call.api}/users/{login}",
    }


def repository_json(call: Call, record: Record) -> dict[str, Any]:
    url = f"{call.api}/repos/{record.full_name}"
    return {
        "id": record.id,
        "node_id": global_id("Repository", record.id),
        "name": record.name,
        "full_name": record.full_name,
        "owner": account(call, record.owner, record.owner_type),
        "private": record.private,
        "visibility": "private" if record.private else "public",
        "description": record.description,
        "fork": record.fork,
        "archived": record.archived,
        "disabled": False,
        "default_branch": record.default_branch,
        "topics": list(record.topics),
        "language": record.language,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "pushed_at": record.pushed_at,
        "url": url,
        "hooks_url": f"{url}/hooks",
        "html_url": f"{call.base_url}/{record.full_name}",
        "clone_url": f"{call.base_url}/{record.full_name}.git",
        "permissions": {"admin": True, "maintain": True, "push": True, "triage": True, "pull": True},
    }


def _page(call: Call, items: list[Any], show: Callable[[Any], Any]) -> Reply:
    """One page of a list, with GitHub's Link header."""
    size = min(100, max(1, _number(call.query.get("per_page"), 30)))
    number = max(1, _number(call.query.get("page"), 1))
    last = max(1, -(-len(items) // size))
    links = []
    for relation, page in (("prev", number - 1), ("next", number + 1), ("last", last), ("first", 1)):
        useful = number < last if relation in ("next", "last") else number > 1
        if useful:
            arguments = urlencode({**call.query, "per_page": size, "page": page})
            links.append(f'<{call.base_url}{call.path}?{arguments}>; rel="{relation}"')
    shown = [show(item) for item in items[(number - 1) * size : number * size]]
    return Reply(200, shown, {"Link": ", ".join(links)} if links else {})


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 9 else default

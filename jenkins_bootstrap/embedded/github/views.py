"""What GraphQL shows of accounts and repositories: plain dicts, with functions for what is seldom asked for.

A hundred repositories with a dozen fields each are some thousand fields a page, so what is cheap is a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jenkins_bootstrap.embedded.github.connections import Place, connection, graphql_error
from jenkins_bootstrap.embedded.github.git_objects import git_object
from jenkins_bootstrap.embedded.github.ids import global_id, numbered, object_id, owner_id
from jenkins_bootstrap.embedded.github.model import Token
from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.embedded.github.store import Store


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks whom; handed to the resolvers as the query's context. `limits` is the answer to `rateLimit`."""

    store: Store
    token: Token
    base_url: str
    limits: Mapping[str, Any]


def find_owner(asker: Asker, login: str, kind: str | None) -> dict[str, Any] | None:
    """An account of this kind, or of any; GitHub makes an error only of the first."""
    found = asker.store.owner(login)
    if found is None or (kind is not None and found[1] != kind):
        if kind is None:
            return None
        article = "an" if kind[0] == "O" else "a"
        raise graphql_error(f"Could not resolve to {article} {kind} with the login of '{login}'.", "NOT_FOUND")
    return account(asker, *found)


def find_repository(asker: Asker, owner: str, name: str, follow: bool = True) -> dict[str, Any]:
    """A repository by its name, or by one that it had once."""
    store = asker.store
    record = store.find(owner, name) or (store.moved(owner, name) if follow else None)
    if record is None or not asker.token.sees(record):
        raise graphql_error(f"Could not resolve to a Repository with the name '{owner}/{name}'.", "NOT_FOUND")
    return repository(asker, record)


def find_node(asker: Asker, node: str) -> dict[str, Any]:
    """A repository or an account by its node id, of either form."""
    found = numbered(node)
    if found is not None and found[0] == "Repository":
        record = asker.store.repositories.get(found[1])
        if record is not None and asker.token.sees(record):
            return repository(asker, record)
    elif found is not None:
        for login, kind in asker.store.owner_types.values():
            if (kind, owner_id(login)) == found:
                return account(asker, login, kind)
    raise graphql_error(f"Could not resolve to a node with the global id of '{node}'", "NOT_FOUND")


def account(asker: Asker, login: str, kind: str) -> dict[str, Any]:
    def avatar(_info: Any, size: int | None = None) -> str:
        return f"{asker.base_url}/avatars/{login}" + (f"?s={size}" if size else "")

    return {
        "__typename": kind,
        "id": lambda _info: global_id(kind, owner_id(login)),
        "databaseId": owner_id(login),
        "login": login,
        "name": login,
        "description": None,
        "avatarUrl": avatar,
        "resourcePath": f"/{login}",
        "url": f"{asker.base_url}/{login}",
        "repositories": lambda _info, **arguments: _repositories(asker, login, arguments),
        "repository": lambda _info, name, **more: find_repository(asker, login, name, more.get("followRenames", True)),
    }


_ORDERS: dict[str, Callable[[Record], str]] = {
    "CREATED_AT": lambda r: r.created_at,
    "UPDATED_AT": lambda r: r.updated_at,
    "PUSHED_AT": lambda r: r.pushed_at or "",
    "NAME": lambda r: r.name.lower(),
    "STARGAZERS": lambda r: "",
}


def _repositories(asker: Asker, login: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    filters = {name: value for name, value in arguments.items() if name not in ("first", "last", "after", "before")}
    key = (login.lower(), asker.token, repr(sorted(filters.items())))
    # A listing asks for the same order page after page; the store drops this with each change.
    places: list[Place] | None = asker.store.remembered.get(key)
    if places is None:
        sort_key = _ORDERS[order["field"]]
        seen = (r for r in asker.store.of_owner(login) if asker.token.sees(r) and _wanted(r, arguments))
        places = sorted((sort_key(r), r.id) for r in seen)
        asker.store.remembered[key] = places
    repositories = asker.store.repositories
    return connection(
        places,
        arguments,
        "repositories",
        lambda place: repository(asker, repositories[place[1]]),
        descending=order["direction"] == "DESC",
    )


def _wanted(record: Record, arguments: Mapping[str, Any]) -> bool:
    visibility, privacy = arguments.get("visibility"), arguments.get("privacy")
    return (
        arguments.get("isArchived") in (None, record.archived)
        and arguments.get("isFork") in (None, record.fork)
        and arguments.get("isLocked") in (None, False)
        and arguments.get("hasIssuesEnabled") in (None, True)
        and visibility in (None, record.visibility.upper())
        # Internal ones are private here.
        and privacy in (None, "PRIVATE" if record.private else "PUBLIC")
        and "OWNER" in (arguments.get("ownerAffiliations") or ["OWNER"])
        and "OWNER" in (arguments.get("affiliations") or ["OWNER"])
    )


def repository(asker: Asker, record: Record) -> dict[str, Any]:
    path = f"/{record.full_name}"
    url = asker.base_url + path
    language = record.language

    def itself(_info: Any) -> dict[str, Any]:
        return repository(asker, record)

    def ref(_info: Any, qualifiedName: str) -> dict[str, Any] | None:  # noqa: N803 - GitHub's name of the argument
        return default if qualifiedName.removeprefix("refs/heads/") == record.default_branch else None

    default = None
    if not record.empty:
        default = {
            "id": lambda _info: global_id("Ref", record.id, record.default_branch),
            "name": record.default_branch,
            "prefix": "refs/heads/",
            "repository": itself,
            "target": lambda _info: git_object(url, itself, record, "HEAD"),
        }
    return {
        "__typename": "Repository",
        "id": lambda _info: global_id("Repository", record.id),
        "databaseId": record.id,
        "name": record.name,
        "nameWithOwner": record.full_name,
        "description": record.description,
        "homepageUrl": record.homepage or None,
        "isArchived": record.archived,
        "isDisabled": False,
        "isEmpty": record.empty,
        "isFork": record.fork,
        "isInOrganization": record.owner_type == "Organization",
        "isLocked": False,
        "isMirror": False,
        "isPrivate": record.private,
        "isTemplate": False,
        "visibility": record.visibility.upper(),
        "diskUsage": 0,
        "forkCount": 0,
        "stargazerCount": 0,
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
        "pushedAt": record.pushed_at,
        "resourcePath": path,
        "url": url,
        "sshUrl": f"git@github.invalid:{record.full_name}.git",
        "owner": lambda _info: account(asker, record.owner, record.owner_type),
        "primaryLanguage": None
        if language is None
        else {"id": lambda _info: global_id("Language", language), "name": language, "color": None},
        "defaultBranchRef": default,
        "ref": ref,
        "repositoryTopics": lambda _info, **arguments: _topics(asker, record, arguments),
        "object": lambda _info, expression=None, oid=None: git_object(url, itself, record, expression, oid),
    }


def _topics(asker: Asker, record: Record, arguments: Mapping[str, Any]) -> dict[str, Any]:
    def view(place: Place) -> dict[str, Any]:
        topic = record.topics[place[1]]
        path = f"/topics/{topic}"
        return {
            "id": lambda _info: global_id("RepositoryTopic", record.id, object_id(topic)),
            "topic": {"id": lambda _info: global_id("Topic", topic), "name": topic},
            "resourcePath": path,
            "url": asker.base_url + path,
        }

    return connection([("", index) for index in range(len(record.topics))], arguments, "repositoryTopics", view)

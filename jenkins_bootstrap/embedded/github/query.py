"""Answers GraphQL: graphql-core parses, validates and executes against the schema beside this module.

The objects handed to it are plain dicts, made once for each state of a repository, because a hundred repositories with
a dozen fields each are some thousand resolver calls a page.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from jenkins_bootstrap.embedded.github.cost import Cost, cost_of
from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.embedded.github.store import Store, Token

PAGE_LIMIT = 100

Place = tuple[str, int]
"""Where something stands in an order: its sort key, and its id (or index) where keys are equal."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, and what it costs; handed to the resolvers as the query's context."""

    store: Store
    token: Token
    base_url: str
    cost: Cost
    used: int
    reset: int


@cache
def schema() -> Any:
    """The schema, built once (some 10 ms)."""
    import graphql

    text = resources.files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    built = graphql.build_schema(text)
    query = built.query_type.fields
    query["viewer"].resolve = lambda _root, info: _viewer(info.context)
    query["rateLimit"].resolve = lambda _root, info, **_: _rate_limit(info.context)
    query["repositoryOwner"].resolve = lambda _root, info, login: _owner(info.context, login, None)
    query["organization"].resolve = lambda _root, info, login: _owner(info.context, login, "Organization")
    query["user"].resolve = lambda _root, info, login: _owner(info.context, login, "User")
    query["repository"].resolve = _repository
    query["node"].resolve = lambda _root, info, id: _node(info.context, id)
    return built


@lru_cache(maxsize=64)
def prepared(text: str) -> tuple[Any, tuple[Any, ...]]:
    """The parsed document and what is wrong with it."""
    import graphql

    try:
        document = graphql.parse(text)
    except graphql.GraphQLSyntaxError as error:
        return None, (error,)
    return document, tuple(graphql.validate(schema(), document))


def answer(
    store: Store, token: Token, base_url: str, body: Any, spend: Callable[[int], tuple[int, int]]
) -> dict[str, Any]:
    """Run the query of a request's JSON body.

    Args:
        store: the data.
        token: who asks.
        base_url: scheme and host, for URLs.
        body: the decoded request.
        spend: takes points and returns the used ones with the end of the hour; called once, before execution.

    Returns:
        GitHub's answer: data, errors or both, to be sent with status 200.
    """
    import graphql

    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return {"errors": [{"message": "A query attribute must be specified and must be a string."}]}
    document, errors = prepared(body["query"])
    if errors:
        return {"errors": [error.formatted for error in errors]}
    variables = body.get("variables") or {}
    if not isinstance(variables, dict):
        return {"errors": [{"message": "Variables must be an object."}]}
    cost = cost_of(document, variables)
    used, reset = spend(cost.points)
    if used > store.points:
        return {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for this token."}]}
    with store.lock:
        result = graphql.execute(
            schema(),
            document,
            variable_values=variables,
            operation_name=body.get("operationName"),
            context_value=Request(store, token, base_url, cost, used, reset),
            field_resolver=_resolve,
            is_awaitable=lambda _value: False,
        )
    found: dict[str, Any] = {}
    if result.data is not None:
        found["data"] = result.data
    if result.errors:
        found["errors"] = [_formatted(error) for error in result.errors]
    return found


def _resolve(source: Mapping[str, Any], info: Any, **arguments: Any) -> Any:
    """A field of one of our dicts: a value, or a function of its arguments. Leaner than graphql-core's own default."""
    value = source[info.field_name]
    return value(info, **arguments) if callable(value) else value


def _formatted(error: Any) -> dict[str, Any]:
    """GitHub has the error's type beside its message, not among the extensions."""
    shown = dict(error.formatted)
    kind = (shown.pop("extensions", None) or {}).get("type")
    return {"type": kind, **shown} if kind else shown


def _error(message: str, kind: str) -> Exception:
    import graphql

    error: Exception = graphql.GraphQLError(message, extensions={"type": kind})
    return error


def global_id(kind: str, *parts: object) -> str:
    """An opaque node id, as GitHub's are."""
    return base64.urlsafe_b64encode(":".join(map(str, (kind, *parts))).encode()).decode().rstrip("=")


def owner_id(login: str) -> int:
    """The numeric id of an account; made of its login, since the data has none."""
    return int.from_bytes(hashlib.sha256(login.lower().encode()).digest()[:3], "big") + 1


def _viewer(request: Request) -> dict[str, Any]:
    return _account(request, request.token.login, "User")


def _rate_limit(request: Request) -> dict[str, Any]:
    limit = request.store.points
    return {
        "cost": request.cost.points,
        "nodeCount": request.cost.nodes,
        "limit": limit,
        "remaining": max(0, limit - request.used),
        "used": request.used,
        "resetAt": datetime.fromtimestamp(request.reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _owner(request: Request, login: str, kind: str | None) -> dict[str, Any] | None:
    found = request.store.owner(login)
    if found is None or (kind is not None and found[1] != kind):
        if kind is None:
            return None
        raise _error(
            f"Could not resolve to a{'n' if kind[0] == 'O' else ''} {kind} with the login of '{login}'.", "NOT_FOUND"
        )
    return _account(request, *found)


def _repository(_root: Any, info: Any, owner: str, name: str, **_: Any) -> dict[str, Any]:
    record = info.context.store.find(owner, name)
    if record is None or not info.context.token.sees(record):
        raise _error(f"Could not resolve to a Repository with the name '{owner}/{name}'.", "NOT_FOUND")
    return _view(info.context, record)


def _node(request: Request, number: str) -> dict[str, Any]:
    """The object of a node id; repositories are the only ones that are looked up so."""
    try:
        kind, _, rest = base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)).decode().partition(":")
        record = request.store.repositories.get(int(rest)) if kind == "Repository" else None
    except ValueError:
        record = None
    if record is None or not request.token.sees(record):
        raise _error(f"Could not resolve to a node with the global id of '{number}'.", "NOT_FOUND")
    return _view(request, record)


def _account(request: Request, login: str, kind: str) -> dict[str, Any]:
    return {
        "__typename": kind,
        "id": lambda _info: global_id(kind, login),
        "databaseId": owner_id(login),
        "login": login,
        "name": login,
        "avatarUrl": f"{request.base_url}/avatars/{login}",
        "resourcePath": f"/{login}",
        "url": f"{request.base_url}/{login}",
        "repositories": lambda info, **arguments: _repositories(info.context, login, arguments),
        "repository": lambda info, name, **_: _repository(None, info, login, name),
    }


_ORDERS: dict[str, Callable[[Record], str]] = {
    "CREATED_AT": lambda r: r.created_at,
    "UPDATED_AT": lambda r: r.updated_at,
    "PUSHED_AT": lambda r: r.pushed_at or "",
    "NAME": lambda r: r.name.lower(),
    "STARGAZERS": lambda r: "",
}


def _repositories(request: Request, login: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    filters = {name: value for name, value in arguments.items() if name not in ("first", "last", "after", "before")}
    key = (login.lower(), request.token, repr(sorted(filters.items())))
    # A listing asks for the same order page after page; the store drops this with each change.
    places: list[Place] | None = request.store.remembered.get(key)
    if places is None:
        sort_key = _ORDERS[order["field"]]
        seen = (r for r in request.store.of_owner(login) if request.token.sees(r) and _wanted(r, arguments))
        places = sorted((sort_key(r), r.id) for r in seen)
        request.store.remembered[key] = places
    repositories = request.store.repositories
    return _connection(
        places,
        arguments,
        "repositories",
        lambda place: _view(request, repositories[place[1]]),
        descending=order["direction"] == "DESC",
    )


def _wanted(record: Record, arguments: Mapping[str, Any]) -> bool:
    visibility = arguments.get("visibility") or arguments.get("privacy")
    return (
        arguments.get("isArchived") in (None, record.archived)
        and arguments.get("isFork") in (None, record.fork)
        and visibility in (None, "PRIVATE" if record.private else "PUBLIC")
        and "OWNER" in (arguments.get("ownerAffiliations") or ["OWNER"])
        and "OWNER" in (arguments.get("affiliations") or ["OWNER"])
    )


def _connection(
    places: list[Place],
    arguments: Mapping[str, Any],
    name: str,
    view: Callable[[Place], Any],
    *,
    descending: bool = False,
) -> dict[str, Any]:
    """A page of `places`, which are ascending. Its nodes are only made when they are asked for."""
    first, last, after, before = (arguments.get(key) for key in ("first", "last", "after", "before"))
    total = len(places)
    start, stop = 0, total
    if after:
        place = _place(after)
        start = total - bisect.bisect_left(places, place) if descending else bisect.bisect_right(places, place)
    if before:
        place = _place(before)
        stop = total - bisect.bisect_right(places, place) if descending else bisect.bisect_left(places, place)
    if first is not None:
        stop = min(stop, start + max(0, first))
    elif last is not None:
        start = max(start, stop - max(0, last))
    shown = places[::-1][start:stop] if descending else places[start:stop]

    def paged(make: Callable[[Place], Any]) -> Callable[..., list[Any]]:
        def resolve(_info: Any) -> list[Any]:
            _check_size(first, last, name)
            return [make(place) for place in shown]

        return resolve

    return {
        "totalCount": total,
        "pageInfo": lambda _info: {
            "hasNextPage": stop < total,
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(shown[0]) if shown else None,
            "endCursor": _cursor(shown[-1]) if shown else None,
        },
        "nodes": paged(view),
        "edges": paged(lambda place: {"cursor": _cursor(place), "node": view(place)}),
    }


def _check_size(first: int | None, last: int | None, name: str) -> None:
    for argument, size in (("first", first), ("last", last)):
        if size is not None and size > PAGE_LIMIT:
            message = (
                f"Requesting {size} records on the `{name}` connection exceeds the `{argument}` limit of 100 records."
            )
            raise _error(message, "EXCESSIVE_PAGINATION")
        if size is not None and size < 0:
            raise _error(f"`{argument}` on the `{name}` connection cannot be less than zero.", "INVALID_PAGINATION")
    if first is None and last is None:
        message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise _error(message, "MISSING_PAGINATION_BOUNDARIES")


def _cursor(place: Place) -> str:
    return base64.b64encode(json.dumps(["cursor:v2", *place]).encode()).decode()


def _place(cursor: str) -> Place:
    try:
        _version, key, number = json.loads(base64.b64decode(cursor, validate=True))
        return str(key), int(number)
    except (ValueError, TypeError) as error:
        raise _error(f"`{cursor}` does not appear to be a valid cursor.", "INVALID_CURSOR_ARGUMENTS") from error


def _view(request: Request, record: Record) -> dict[str, Any]:
    url = f"{request.base_url}/{record.full_name}"
    language = record.language
    return {
        "__typename": "Repository",
        "id": lambda _info: global_id("Repository", record.id),
        "databaseId": record.id,
        "name": record.name,
        "nameWithOwner": record.full_name,
        "description": record.description,
        "isArchived": record.archived,
        "isDisabled": False,
        "isEmpty": False,
        "isFork": record.fork,
        "isPrivate": record.private,
        "visibility": "PRIVATE" if record.private else "PUBLIC",
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
        "pushedAt": record.pushed_at,
        "resourcePath": f"/{record.full_name}",
        "url": url,
        "sshUrl": f"git@github.invalid:{record.full_name}.git",
        "owner": lambda _info: _account(request, record.owner, record.owner_type),
        "primaryLanguage": None
        if language is None
        else {"id": lambda _info: global_id("Language", language), "name": language, "color": None},
        "defaultBranchRef": {
            "id": lambda _info: global_id("Ref", record.id, record.default_branch),
            "name": record.default_branch,
            "prefix": "refs/heads/",
            "repository": lambda _info: _view(request, record),
        },
        "repositoryTopics": lambda _info, **arguments: _topics(request, record, arguments),
        "object": lambda _info, expression=None, **_: _object(request, record, expression),
    }


def _topics(request: Request, record: Record, arguments: Mapping[str, Any]) -> dict[str, Any]:
    def view(place: Place) -> dict[str, Any]:
        topic = record.topics[place[1]]
        path = f"/topics/{topic}"
        return {
            "id": lambda _info: global_id("RepositoryTopic", record.id, topic),
            "topic": {"id": lambda _info: global_id("Topic", topic), "name": topic},
            "resourcePath": path,
            "url": request.base_url + path,
        }

    return _connection([("", index) for index in range(len(record.topics))], arguments, "repositoryTopics", view)


def _object(request: Request, record: Record, expression: str | None) -> dict[str, Any] | None:
    """What `git rev-parse` of REVISION:PATH names: a file, a folder, or nothing. Only the default branch has files."""
    revision, colon, path = (expression or "").partition(":")
    if not colon or revision not in ("HEAD", record.default_branch, f"refs/heads/{record.default_branch}"):
        return None
    text = record.text_of(path)
    if text is not None:
        return _blob(request, record, path, text)
    prefix = path.rstrip("/") + "/" if path else ""
    names = {p for p in (*record.files, *(["Jenkinsfile"] if record.has_jenkinsfile else [])) if p.startswith(prefix)}
    if path and not names:
        return None
    entries = []
    for name in sorted({p[len(prefix) :].partition("/")[0] for p in names}):
        whole = prefix + name
        entries.append(
            {
                "name": name,
                "path": whole,
                "type": "tree" if record.text_of(whole) is None else "blob",
                "object": lambda _info, whole=whole: _object(request, record, f"HEAD:{whole}"),
            }
        )
    return _git_object(request, record, "Tree", "\n".join(sorted(names)), {"entries": entries})


def _blob(request: Request, record: Record, path: str, text: str) -> dict[str, Any]:
    size = len(text.encode())
    return _git_object(
        request,
        record,
        "Blob",
        f"{path}\n{text}",
        {"text": text, "byteSize": size, "isBinary": False, "isTruncated": False},
    )


def _git_object(request: Request, record: Record, kind: str, content: str, more: dict[str, Any]) -> dict[str, Any]:
    def oid(_info: Any) -> str:
        return hashlib.sha256(content.encode()).hexdigest()[:40]

    return {
        "__typename": kind,
        "id": lambda info: global_id(kind, record.id, oid(info)),
        "oid": oid,
        "abbreviatedOid": lambda info: oid(info)[:7],
        "repository": lambda _info: _view(request, record),
        **more,
    }

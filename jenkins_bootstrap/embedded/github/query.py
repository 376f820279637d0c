"""Answers GraphQL: graphql-core parses, validates and executes against the schema beside this module.

The schema is a part of GitHub's own; views.py has what its fields give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from jenkins_bootstrap.embedded.github.cost import Cost, cost_of
from jenkins_bootstrap.embedded.github.ids import global_id
from jenkins_bootstrap.embedded.github.model import Token
from jenkins_bootstrap.embedded.github.store import Store
from jenkins_bootstrap.embedded.github.views import Asker, account, find_node, find_owner, find_repository


@cache
def schema() -> Any:
    """The schema, built once (some 100 ms)."""
    import graphql

    text = resources.files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    built = graphql.build_schema(text, assume_valid_sdl=True)
    query = built.query_type.fields
    query["id"].resolve = lambda _root, _info: global_id("Query")
    query["viewer"].resolve = lambda _root, info: account(info.context, info.context.token.login, "User")
    query["rateLimit"].resolve = lambda _root, info, **_: info.context.limits
    query["repositoryOwner"].resolve = lambda _root, info, login: find_owner(info.context, login, None)
    query["organization"].resolve = lambda _root, info, login: find_owner(info.context, login, "Organization")
    query["user"].resolve = lambda _root, info, login: find_owner(info.context, login, "User")
    query["repository"].resolve = lambda _root, info, owner, name, **more: find_repository(
        info.context, owner, name, more["followRenames"]
    )
    query["node"].resolve = lambda _root, info, id: find_node(info.context, id)
    query["nodes"].resolve = lambda _root, info, ids: [_or_error(info.context, node) for node in ids]
    return built


def _or_error(asker: Asker, node: str) -> Any:
    """One that is not found is null in the list, with an error of its own."""
    import graphql

    try:
        return find_node(asker, node)
    except graphql.GraphQLError as error:
        return error


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
    asker = Asker(store, token, base_url, _rate_limit(store, cost, used, reset))
    with store.lock:
        data, failed = _execute(document, variables, body.get("operationName"), asker)
    found: dict[str, Any] = {}
    if data is not None:
        found["data"] = data
    if failed:
        found["errors"] = [_formatted(error) for error in failed]
    return found


def _execute(document: Any, variables: Mapping[str, Any], operation: str | None, asker: Asker) -> tuple[Any, Any]:
    import graphql

    from jenkins_bootstrap.embedded.github.execution import PlainFields, resolve

    result = graphql.execute(
        schema(),
        document,
        variable_values=variables,
        operation_name=operation,
        context_value=asker,
        field_resolver=resolve,
        is_awaitable=lambda _value: False,
        execution_context_class=PlainFields,
    )
    return result.data, result.errors


def _rate_limit(store: Store, cost: Cost, used: int, reset: int) -> dict[str, Any]:
    return {
        "cost": cost.points,
        "nodeCount": cost.nodes,
        "limit": store.points,
        "remaining": max(0, store.points - used),
        "used": used,
        "resetAt": datetime.fromtimestamp(reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _formatted(error: Any) -> dict[str, Any]:
    """GitHub has the error's type beside its message, not among the extensions."""
    shown = dict(error.formatted)
    kind = (shown.pop("extensions", None) or {}).get("type")
    return {"type": kind, **shown} if kind else shown

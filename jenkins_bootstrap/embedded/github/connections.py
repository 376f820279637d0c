"""Pages of a list in GraphQL, as GitHub cuts them: sizes it refuses, cursors that stay good while the list changes."""

from __future__ import annotations

import base64
import bisect
import json
from collections.abc import Callable, Mapping
from typing import Any

PAGE_LIMIT = 100

Place = tuple[str, int]
"""Where something stands in an order: its sort key, and its id (or index) where keys are equal."""


def graphql_error(message: str, kind: str) -> Exception:
    """An error with GitHub's type; query.py puts it beside the message."""
    import graphql

    error: Exception = graphql.GraphQLError(message, extensions={"type": kind})
    return error


def connection(
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
        "totalDiskUsage": 0,
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
            raise graphql_error(message, "EXCESSIVE_PAGINATION")
        if size is not None and size < 0:
            message = f"`{argument}` on the `{name}` connection cannot be less than zero."
            raise graphql_error(message, "INVALID_PAGINATION")
    if first is None and last is None:
        message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise graphql_error(message, "MISSING_PAGINATION_BOUNDARIES")


def _cursor(place: Place) -> str:
    return base64.b64encode(json.dumps(["cursor:v2", *place]).encode()).decode()


def _place(cursor: str) -> Place:
    try:
        _version, key, number = json.loads(base64.b64decode(cursor, validate=True))
        return str(key), int(number)
    except (ValueError, TypeError) as error:
        raise graphql_error(f"`{cursor}` does not appear to be a valid cursor.", "INVALID_CURSOR_ARGUMENTS") from error

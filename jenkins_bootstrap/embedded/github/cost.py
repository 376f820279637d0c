"""What a query costs in points and nodes, by GitHub's published formula.

Source: docs.github.com, "Rate limits and query limits for the GraphQL API".

Each connection needs one request for every parent there may be; the sum over a hundred, rounded, at least one, is the
cost. Nothing is executed for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    points: int
    nodes: int


def cost_of(document: Any, variables: Mapping[str, Any]) -> Cost:
    """The cost of a parsed, valid document with these variables; fragments are followed."""
    fragments = {d.name.value: d for d in document.definitions if d.kind == "fragment_definition"}
    operations = [d for d in document.definitions if d.kind == "operation_definition"]
    requests = nodes = 0

    def walk(selections: Any, parents: int) -> None:
        nonlocal requests, nodes
        for node in selections.selections if selections else ():
            if node.kind == "fragment_spread":
                walk(fragments[node.name.value].selection_set, parents)
                continue
            size = _size(node, variables) if node.kind == "field" else None
            if size is not None:
                requests += parents
                nodes += parents * size
            walk(node.selection_set, parents if size is None else parents * max(1, size))

    for operation in operations:
        walk(operation.selection_set, 1)
    return Cost(max(1, round(requests / 100)), nodes)


def _size(field: Any, variables: Mapping[str, Any]) -> int | None:
    """The number of nodes that a connection's `first` or `last` asks for; None for another field."""
    for argument in field.arguments:
        if argument.name.value in ("first", "last"):
            value = (
                variables.get(argument.value.name.value) if argument.value.kind == "variable" else argument.value.value
            )
            try:
                return abs(int(str(value)))
            except ValueError:
                return None
    return None

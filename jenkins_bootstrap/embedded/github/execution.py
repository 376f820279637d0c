"""graphql-core's execution with a short cut: a plain value in one of our dicts needs no resolver and no completion.

Imported only where a query is executed, as it imports graphql-core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import ExecutionContext, GraphQLLeafType, is_leaf_type, is_non_null_type

_NOTHING = object()


def resolve(source: Mapping[str, Any], info: Any, **arguments: Any) -> Any:
    """A field of one of our dicts: a value, or a function of its arguments. Leaner than graphql-core's own default."""
    value = source[info.field_name]
    return value(info, **arguments) if callable(value) else value


class PlainFields(ExecutionContext):  # type: ignore[misc]
    """Gives scalars that lie ready at once; everything else is graphql-core's, as are all checks of the query."""

    _leaves: dict[tuple[str, str], GraphQLLeafType | None]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._leaves = {}

    def execute_field(self, parent_type: Any, source: Any, field_nodes: Any, path: Any) -> Any:
        if type(source) is dict:
            name = field_nodes[0].name.value
            value = source.get(name, _NOTHING)
            if value is not None and value is not _NOTHING and not callable(value):
                key = (parent_type.name, name)
                if key not in self._leaves:
                    self._leaves[key] = _leaf(parent_type, name)
                leaf = self._leaves[key]
                if leaf is not None:
                    return leaf.serialize(value)
        return super().execute_field(parent_type, source, field_nodes, path)


def _leaf(parent_type: Any, name: str) -> GraphQLLeafType | None:
    """The scalar or enumeration that a field gives; None when it gives something else, or a list."""
    if name == "__typename":
        from graphql import GraphQLString

        return GraphQLString
    kind = parent_type.fields[name].type
    kind = kind.of_type if is_non_null_type(kind) else kind
    return kind if is_leaf_type(kind) else None

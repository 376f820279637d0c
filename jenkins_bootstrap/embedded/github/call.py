"""One REST request and its answer, and what all of REST shares: GitHub's errors, pages with their Link header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from jenkins_bootstrap.embedded.github.model import Token
from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.embedded.github.store import Store

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

    def repository(self, owner: str, repo: str) -> Record | None:
        """The repository if this sign-in sees it."""
        record = self.store.find(owner, repo)
        return record if record is not None and self.token.sees(record) else None

    def may_write(self, record: Record) -> bool:
        if self.token.scopes is not None:
            return "repo" in self.token.scopes
        return self.token.owner is not None and self.token.owner.lower() == record.owner.lower()


def problem(status: int, message: str, errors: list[dict[str, str]] | None = None, **more: str) -> Reply:
    data: dict[str, Any] = {"message": message, **more}
    if errors:
        data["errors"] = errors
    return Reply(status, {**data, "documentation_url": DOCUMENTATION, "status": str(status)})


def not_found() -> Reply:
    return problem(404, "Not Found")


def invalid(resource: str, *messages: str, field: str | None = None, code: str = "custom") -> Reply:
    """GitHub's 422 with one error a message."""
    named = {} if field is None else {"field": field}
    errors = [{"resource": resource, "code": code, **named, "message": message} for message in messages]
    return problem(422, "Validation Failed", errors)


def page(call: Call, items: list[Any], show: Callable[[Any], Any]) -> Reply:
    """One page of a list, with GitHub's Link header."""
    size = page_size(call)
    number = max(1, _number(call.query.get("page"), 1))
    last = max(1, -(-len(items) // size))
    links = {}
    for relation, other in (("prev", number - 1), ("next", number + 1), ("last", last), ("first", 1)):
        useful = number < last if relation in ("next", "last") else number > 1
        if useful:
            links[relation] = {"per_page": size, "page": other}
    shown = [show(item) for item in items[(number - 1) * size : number * size]]
    return Reply(200, shown, link(call, links))


def page_size(call: Call) -> int:
    return min(100, max(1, _number(call.query.get("per_page"), 30)))


def link(call: Call, relations: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The Link header with these relations, each by the arguments that differ from the request's."""
    parts = [
        f'<{call.base_url}{call.path}?{urlencode({**call.query, **arguments})}>; rel="{relation}"'
        for relation, arguments in relations.items()
    ]
    return {"Link": ", ".join(parts)} if parts else {}


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 9 else default

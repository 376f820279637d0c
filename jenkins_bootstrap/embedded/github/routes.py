"""Which function answers which REST request; the paths are those of GitHub's OpenAPI description."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jenkins_bootstrap.embedded.github import rest_account, rest_contents, rest_hooks, rest_repositories
from jenkins_bootstrap.embedded.github.call import Reply


@dataclass(frozen=True, slots=True)
class Route:
    """`who` may ask: anyone, a token, or the app with its JWT. `template` is the path below /api/v3."""

    method: str
    template: str
    answer: Callable[..., Reply]
    who: str
    pattern: re.Pattern[str]


def _hooks(place: str) -> list[tuple[str, str, Callable[..., Reply], str]]:
    hook, delivery = f"{place}/hooks/{{hook_id}}", f"{place}/hooks/{{hook_id}}/deliveries/{{delivery_id}}"
    return [
        ("GET", f"{place}/hooks", rest_hooks.list_, "token"),
        ("POST", f"{place}/hooks", rest_hooks.create, "token"),
        ("GET", hook, rest_hooks.read, "token"),
        ("PATCH", hook, rest_hooks.change, "token"),
        ("DELETE", hook, rest_hooks.delete, "token"),
        ("GET", f"{hook}/config", rest_hooks.config, "token"),
        ("PATCH", f"{hook}/config", rest_hooks.config, "token"),
        ("POST", f"{hook}/pings", rest_hooks.ping, "token"),
        ("GET", f"{hook}/deliveries", rest_hooks.deliveries, "token"),
        ("GET", delivery, rest_hooks.delivery, "token"),
        ("POST", f"{delivery}/attempts", rest_hooks.attempts, "token"),
    ]


_REPOSITORY = "/repos/{owner}/{repo}"
_TABLE: list[tuple[str, str, Callable[..., Reply], str]] = [
    ("GET", "/", rest_account.root, "anyone"),
    ("GET", "/meta", rest_account.meta, "anyone"),
    ("GET", "/user", rest_account.user, "token"),
    ("GET", "/users/{username}", rest_account.account, "token"),
    ("GET", "/orgs/{org}", rest_account.organisation, "token"),
    ("GET", "/{kind}/{owner}/repos", rest_repositories.of_owner, "token"),
    ("POST", "/orgs/{org}/repos", rest_repositories.create, "token"),
    ("GET", "/installation/repositories", rest_repositories.of_installation, "token"),
    ("GET", _REPOSITORY, rest_repositories.read, "token"),
    ("PATCH", _REPOSITORY, rest_repositories.change, "token"),
    ("DELETE", _REPOSITORY, rest_repositories.delete, "token"),
    ("GET", f"{_REPOSITORY}/topics", rest_repositories.topics, "token"),
    ("PUT", f"{_REPOSITORY}/topics", rest_repositories.set_topics, "token"),
    ("POST", f"{_REPOSITORY}/transfer", rest_repositories.transfer, "token"),
    ("GET", f"{_REPOSITORY}/contents", rest_contents.read, "token"),
    ("GET", f"{_REPOSITORY}/contents/{{path}}", rest_contents.read, "token"),
    ("PUT", f"{_REPOSITORY}/contents/{{path}}", rest_contents.write, "token"),
    ("DELETE", f"{_REPOSITORY}/contents/{{path}}", rest_contents.remove, "token"),
    *_hooks("/orgs/{org}"),
    *_hooks(_REPOSITORY),
    ("POST", f"{_REPOSITORY}/hooks/{{hook_id}}/tests", rest_hooks.test, "token"),
    ("GET", "/app", rest_account.app, "app"),
    ("GET", "/app/installations", rest_account.installations, "app"),
    ("GET", "/app/installations/{installation_id}", rest_account.installation, "app"),
    ("GET", "/{kind}/{owner}/installation", rest_account.installation_of_owner, "app"),
    ("POST", "/app/installations/{installation_id}/access_tokens", rest_account.access_token, "app"),
    ("GET", "/app/hook/config", rest_hooks.app_config, "app"),
    ("PATCH", "/app/hook/config", rest_hooks.app_config, "app"),
    ("GET", "/app/hook/deliveries", rest_hooks.app_deliveries, "app"),
    ("GET", "/app/hook/deliveries/{delivery_id}", rest_hooks.app_delivery, "app"),
    ("POST", "/app/hook/deliveries/{delivery_id}/attempts", rest_hooks.app_attempts, "app"),
]

_PIECES = {"path": ".*", "kind": "orgs|users"}


def _pattern(template: str) -> re.Pattern[str]:
    def piece(match: re.Match[str]) -> str:
        name = match[1]
        return f"(?P<{name}>{'[0-9]{1,15}' if name.endswith('_id') else _PIECES.get(name, '[^/]+')})"

    return re.compile("/?" if template == "/" else re.sub(r"\{(\w+)\}", piece, template))


ROUTES = tuple(Route(method, path, answer, who, _pattern(path)) for method, path, answer, who in _TABLE)


def find_route(method: str, path: str) -> tuple[Route, dict[str, Any]] | None:
    """The route of a request with the arguments that its path gives."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path) if route.method == method else None
        if match is not None:
            found = match.groupdict()
            return route, {name: int(value) if name.endswith("_id") else value for name, value in found.items()}
    return None

"""What a sign-in may do, for the command `check`: who it is, its scopes or permissions, and how many points remain."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jenkins_bootstrap.github.answers import Answer
from jenkins_bootstrap.github.auth import AppAuth, Auth
from jenkins_bootstrap.github.client import Client

if TYPE_CHECKING:
    import requests

QUERY = """
query ($owner: String!) {
  viewer { login }
  rateLimit { limit remaining resetAt }
  repositoryOwner(login: $owner) { __typename login repositories(ownerAffiliations: [OWNER]) { totalCount } }
}
"""

NEEDED_SCOPES = ("repo",)
NEEDED_PERMISSIONS = {"metadata": "read", "contents": "read"}
_ORDER = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class Access:
    """What was found out. `repositories` is None when the owner cannot be seen.

    `scopes` is None for a sign-in that has none (fine-grained tokens, Apps); `permissions` is empty for a token.
    `missing` names the scopes or permissions that a listing with private repositories needs and this sign-in lacks, as
    far as GitHub tells. `remaining` and `limit` are GraphQL points an hour, None where the server has no limits.
    """

    kind: Literal["token", "app"]
    login: str
    owner: str
    owner_kind: Literal["Organization", "User"] | None
    repositories: int | None
    scopes: tuple[str, ...] | None
    permissions: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    limit: int | None
    remaining: int | None
    reset_at: str | None


def check_access(
    owner: str,
    *,
    api_url: str,
    auth: Auth,
    session: requests.Session | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Access:
    """Ask GitHub what this sign-in may do on `owner`: one call, for an App one or two more.

    Raises:
        GitHubError: GitHub cannot be asked, or refuses the sign-in.
    """
    permissions: Mapping[str, str] = {}
    with Client(api_url, auth, session=session, sleep=sleep, clock=clock) as client:
        data, answer = client.graphql(QUERY, {"owner": owner}, subject=f"owner {owner}")
        if isinstance(auth, AppAuth):
            installation = client.as_app("GET", f"/app/installations/{auth.installation}")
            permissions = {str(k): str(v) for k, v in dict(installation.get("permissions") or {}).items()}
    scopes = _scopes(answer)
    limits: Mapping[str, Any] = data.get("rateLimit") or {}
    account: Mapping[str, Any] = data.get("repositoryOwner") or {}
    return Access(
        kind=auth.kind,
        login=str((data.get("viewer") or {}).get("login") or "unknown"),
        owner=str(account.get("login") or owner),
        owner_kind=account.get("__typename"),
        repositories=(account.get("repositories") or {}).get("totalCount"),
        scopes=scopes,
        permissions=tuple(sorted(permissions.items())),
        missing=_missing_permissions(permissions) if auth.kind == "app" else _missing_scopes(scopes),
        limit=limits.get("limit"),
        remaining=limits.get("remaining"),
        reset_at=limits.get("resetAt"),
    )


def _scopes(answer: Answer) -> tuple[str, ...] | None:
    header = answer.headers.get("x-oauth-scopes")
    return None if header is None else tuple(s.strip() for s in header.split(",") if s.strip())


def _missing_scopes(scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    return () if scopes is None else tuple(s for s in NEEDED_SCOPES if s not in scopes)


def _missing_permissions(permissions: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {level}"
        for name, level in NEEDED_PERMISSIONS.items()
        if _ORDER.get(permissions.get(name, ""), 0) < _ORDER[level]
    )

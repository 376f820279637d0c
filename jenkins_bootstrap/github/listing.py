"""All repositories of an organisation or user, with every fact that jobs need, in one GraphQL query a hundred of them.

A listing is whole or an error: jobs are disabled and deleted by what is not in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.github.auth import Auth
from jenkins_bootstrap.github.client import API_URL_HINT, Client, Notify
from jenkins_bootstrap.github.errors import IncompleteListing, NotFound, NotGitHub, ServerTrouble

if TYPE_CHECKING:
    import requests

PAGE = 100
"""GitHub's most for `first`. One page costs one point: (1 + 100 connections) / 100, rounded."""

# Oldest first: a repository that is made meanwhile comes at the end, and none moves while pages are read.
# GitHub allows 20 topics a repository, so that the inner connection needs no second page.
QUERY = """
query ($owner: String!, $first: Int!, $after: String, $jenkinsfile: String!) {
  rateLimit { cost remaining }
  repositoryOwner(login: $owner) {
    login
    repositories(
      first: $first, after: $after, ownerAffiliations: [OWNER], orderBy: {field: CREATED_AT, direction: ASC}
    ) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId
        name
        description
        isArchived
        isFork
        visibility
        pushedAt
        defaultBranchRef { name }
        primaryLanguage { name }
        repositoryTopics(first: 20) { nodes { topic { name } } }
        jenkinsfile: object(expression: $jenkinsfile) { __typename }
      }
    }
  }
}
"""

PAGES_BEFORE_GROWING = 4


@dataclass(slots=True)
class _PageSize:
    """Halves when GitHub runs out of its ten seconds for a query, and grows again after some good pages."""

    size: int = PAGE
    good: int = 0

    def halve(self) -> bool:
        """False when there is nothing left to halve."""
        self.good = 0
        if self.size == 1:
            return False
        self.size //= 2
        return True

    def worked(self) -> None:
        self.good += 1
        if self.good >= PAGES_BEFORE_GROWING and self.size < PAGE:
            self.size, self.good = min(PAGE, self.size * 2), 0


@dataclass(slots=True)
class _Seen:
    """What the pages so far came to."""

    found: dict[int, Repository] = field(default_factory=dict)
    cursors: set[str] = field(default_factory=set)
    total: int = 0


def list_repositories(
    owner: str,
    *,
    api_url: str,
    auth: Auth,
    session: requests.Session | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    progress: Notify | None = None,
    script_path: str = "Jenkinsfile",
) -> list[Repository]:
    """Every repository that `owner` owns, sorted by name without regard to case.

    Args:
        owner: login of an organisation or user; the repositories carry it as GitHub spells it.
        api_url: REST root; the GraphQL address follows from it.
        auth: the sign-in.
        session: a requests session, for its connection.
        sleep, clock: injected for tests; seconds, seconds since the epoch.
        progress: told in words after each page and at each wait.
        script_path: the file whose presence `has_jenkinsfile` tells, on the default branch.

    Raises:
        GitHubError: one of its kinds. IncompleteListing when GitHub gave fewer than it counts.
    """
    with Client(api_url, auth, session=session, sleep=sleep, clock=clock, notify=progress) as client:
        seen = _read_pages(client, owner, f"HEAD:{script_path}", sleep, progress or (lambda _words: None))
    missing = seen.total - len(seen.found)
    if missing > 0:
        raise _incomplete(owner, f"GitHub counts {seen.total} repositories but gave {len(seen.found)}")
    return sorted(seen.found.values(), key=lambda r: (r.name.lower(), r.id))


def _read_pages(client: Client, owner: str, jenkinsfile: str, sleep: Callable[[float], None], tell: Notify) -> _Seen:
    size = _PageSize()
    seen = _Seen()
    after: str | None = None
    while True:
        variables = {"owner": owner, "first": size.size, "after": after, "jenkinsfile": jenkinsfile}
        try:
            data, _answer = client.graphql(QUERY, variables, subject=f"owner {owner}", once=(502, 504))
        except ServerTrouble as trouble:
            if trouble.status not in (502, 504) or not size.halve():
                raise
            tell(f"{owner}: GitHub answered {trouble.status}; going on with {size.size} repositories a page")
            sleep(1.0)
            continue
        size.worked()
        after = _take(data, owner, seen)
        tell(f"{owner}: {len(seen.found)} of {seen.total} repositories")
        if after is None:
            return seen


def _take(data: Mapping[str, Any], owner: str, seen: _Seen) -> str | None:
    """Add a page to what was seen; returns the cursor of the next one, or None at the end."""
    account = data.get("repositoryOwner")
    if account is None:
        raise NotFound(
            f"GitHub has no organisation or user {owner!r} that this sign-in may see",
            where=f"owner {owner}",
            hint="check the spelling in github.owners, and whether the App is installed there",
        )
    try:
        login = str(account["login"])
        page = account["repositories"]
        nodes = page["nodes"]
        seen.total = int(page["totalCount"])
        more, cursor = bool(page["pageInfo"]["hasNextPage"]), page["pageInfo"]["endCursor"]
        if any(node is None for node in nodes):
            raise _incomplete(owner, "GitHub withheld a repository from a page (null instead of its facts)")
        new = {r.id: r for r in (_repository(login, node) for node in nodes)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotGitHub(
            f"a page of the listing lacks what was asked for ({type(error).__name__}: {error})",
            where=f"owner {owner}",
            hint=API_URL_HINT,
        ) from error
    grew = not new.keys() <= seen.found.keys()
    seen.found.update(new)
    if not more:
        return None
    if not isinstance(cursor, str) or cursor in seen.cursors or not grew:
        raise _incomplete(owner, f"GitHub's pages stopped to advance after {len(seen.found)} repositories")
    seen.cursors.add(cursor)
    return cursor


def _repository(owner: str, node: Mapping[str, Any]) -> Repository:
    branch, language, jenkinsfile = node["defaultBranchRef"], node["primaryLanguage"], node["jenkinsfile"]
    return Repository(
        owner=owner,
        name=str(node["name"]),
        id=int(node["databaseId"]),
        # An empty repository has no branch yet; it has no Jenkinsfile either.
        default_branch="main" if branch is None else str(branch["name"]),
        description=node["description"] or "",
        archived=bool(node["isArchived"]),
        fork=bool(node["isFork"]),
        private=node["visibility"] != "PUBLIC",
        language=None if language is None else str(language["name"]),
        topics=tuple(str(t["topic"]["name"]) for t in node["repositoryTopics"]["nodes"]),
        # A folder of that name is a Tree; Jenkins wants a file.
        has_jenkinsfile=jenkinsfile is not None and jenkinsfile["__typename"] == "Blob",
        pushed_at=node["pushedAt"],
    )


def _incomplete(owner: str, what: str) -> IncompleteListing:
    return IncompleteListing(
        what,
        where=f"owner {owner}",
        hint="run the command again; nothing was concluded from this listing. If it stays so, the sign-in may not see "
        "every repository: authorise it for single sign-on, or give the App all repositories",
    )

"""All repositories of an organisation or user, with every fact that jobs need, in one GraphQL query a hundred of them.

A listing is whole or an error: jobs are disabled and deleted by what is not in it. One that was killed is gone on with
by the next process, and is begun anew, once, when what it has does not fit together with what GitHub says now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.github import repository
from jenkins_bootstrap.github.auth import AppAuth, Auth
from jenkins_bootstrap.github.client import API_URL_HINT, Client, Notify
from jenkins_bootstrap.github.errors import IncompleteListing, NotFound, NotGitHub, QueryTooLarge, ServerTrouble
from jenkins_bootstrap.github.resume import Pages

if TYPE_CHECKING:
    import requests

PAGE = 100
"""GitHub's most for `first`. One page costs one point: (1 + 100 connections) / 100, rounded."""

# Oldest first: a repository that is made meanwhile comes at the end, and none moves while pages are read.
QUERY = f"""
query ($owner: String!, $first: Int!, $after: String, {repository.DECLARED}) {{
  rateLimit {{ cost remaining }}
  repositoryOwner(login: $owner) {{
    login
    repositories(
      first: $first, after: $after, ownerAffiliations: [OWNER], orderBy: {{field: CREATED_AT, direction: ASC}}
    ) {{
      totalCount
      pageInfo {{ hasNextPage endCursor }}
      nodes {{ ...facts }}
    }}
  }}
}}
{repository.FRAGMENT}"""

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
    """What the pages so far came to. `first_total` is what GitHub counted at the first of them."""

    found: dict[int, Repository] = field(default_factory=dict)
    cursors: set[str] = field(default_factory=set)
    first_total: int | None = None
    total: int = 0

    def doubt(self, *, resumed: bool) -> str | None:
        """Why this is not all of what the owner has, or not of one moment; None when nothing speaks against it."""
        if len(self.found) < self.total or (resumed and len(self.found) != self.total):
            return f"GitHub counts {self.total} repositories but gave {len(self.found)}"
        names = {r.name.lower() for r in self.found.values()}
        if len(names) < len(self.found):
            return "GitHub gave two repositories of one name: one was renamed while pages were read"
        return None


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
    override_file: str | None = None,
    state: Path | None = None,
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
        override_file: the file whose text is `override`, on the default branch; None asks for none.
        state: folder in which the pages of an unfinished listing are kept; None keeps none.

    Raises:
        GitHubError: one of its kinds. IncompleteListing when GitHub gave fewer than it counts.
    """
    tell = progress or (lambda _words: None)
    asked = repository.variables(script_path, override_file)
    # Another sign-in may see other repositories. The token's value is left out: even its hash is nobody's business.
    who = f"app {auth.installation}" if isinstance(auth, AppAuth) else auth.kind
    key = "\n".join((api_url, who, owner.lower(), QUERY, script_path, override_file or ""))
    with (
        Client(api_url, auth, session=session, sleep=sleep, clock=clock, notify=progress) as client,
        Pages(state, owner, key, clock()) as pages,
    ):
        try:
            seen = _listed(client, owner, asked, pages, sleep, tell)
        except (IncompleteListing, NotFound):
            pages.remove()
            raise
        pages.remove()
    return sorted(seen.found.values(), key=lambda r: (r.name.lower(), r.id))


def _listed(
    client: Client, owner: str, asked: Mapping[str, Any], pages: Pages, sleep: Callable[[float], None], tell: Notify
) -> _Seen:
    """A listing nothing speaks against, begun anew once when there is reason to think that this helps."""
    resumed = bool(pages.kept)
    try:
        seen = _read_pages(client, owner, asked, pages, sleep, tell)
        doubt = seen.doubt(resumed=resumed)
        if doubt is None:
            return seen
        error = _incomplete(owner, doubt)
        # One that came in by a transfer stands among the old ones, on a page that was read already.
        worth_it = resumed or seen.first_total != seen.total or len(seen.found) >= seen.total
    except (IncompleteListing, NotGitHub) as caught:
        if not resumed:
            raise
        error, worth_it = _incomplete(owner, caught.what), True
    if not worth_it:
        raise error
    tell(f"{owner}: {error.what}; listing it anew")
    pages.drop()
    seen = _read_pages(client, owner, asked, pages, sleep, tell)
    doubt = seen.doubt(resumed=False)
    if doubt is not None:
        raise _incomplete(owner, doubt)
    return seen


def _read_pages(
    client: Client, owner: str, asked: Mapping[str, Any], pages: Pages, sleep: Callable[[float], None], tell: Notify
) -> _Seen:
    size = _PageSize()
    seen = _Seen()
    after: str | None = None
    for page in pages.kept:
        after = _take(page, owner, seen)
    if pages.kept:
        tell(f"{owner}: going on after {len(seen.found)} of {seen.total} repositories")
    while True:
        variables = {"owner": owner, "first": size.size, "after": after, **asked}
        try:
            data, _answer = client.graphql(QUERY, variables, subject=f"owner {owner}", once=(502, 504))
        except (ServerTrouble, QueryTooLarge) as trouble:
            status = trouble.status if isinstance(trouble, ServerTrouble) else 504
            if status not in (502, 504) or not size.halve():
                raise
            tell(f"{owner}: {trouble.what}; going on with {size.size} repositories a page")
            sleep(1.0)
            continue
        size.worked()
        after = _take(data, owner, seen)
        tell(f"{owner}: {len(seen.found)} of {seen.total} repositories")
        if after is None:
            return seen
        pages.add(data)


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
        seen.first_total = seen.total if seen.first_total is None else seen.first_total
        more, cursor = bool(page["pageInfo"]["hasNextPage"]), page["pageInfo"]["endCursor"]
        if any(node is None for node in nodes):
            raise _incomplete(owner, "GitHub withheld a repository from a page (null instead of its facts)")
        new = {r.id: r for r in (repository.read(login, node) for node in nodes)}
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


def _incomplete(owner: str, what: str) -> IncompleteListing:
    return IncompleteListing(
        what,
        where=f"owner {owner}",
        hint="run the command again; nothing was concluded from this listing. If it stays so, the sign-in may not see "
        "every repository: authorise it for single sign-on, or give the App all repositories",
    )

"""REST about the server, accounts and the App: what a sign-in check asks for, and installation tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jenkins_bootstrap.embedded.github import shapes
from jenkins_bootstrap.embedded.github.call import Call, Reply, not_found, page, problem
from jenkins_bootstrap.embedded.github.ids import global_id

LONG_AGO = "2020-01-01T00:00:00Z"

# Source: GET / of api.github.com.
_ROOT = {
    "current_user_url": "user",
    "current_user_authorizations_html_url": "settings/connections/applications{/client_id}",
    "authorizations_url": "authorizations",
    "code_search_url": "search/code?q={query}{&page,per_page,sort,order}",
    "commit_search_url": "search/commits?q={query}{&page,per_page,sort,order}",
    "emails_url": "user/emails",
    "emojis_url": "emojis",
    "events_url": "events",
    "feeds_url": "feeds",
    "followers_url": "user/followers",
    "following_url": "user/following{/target}",
    "gists_url": "gists{/gist_id}",
    "issue_search_url": "search/issues?q={query}{&page,per_page,sort,order}",
    "issues_url": "issues",
    "keys_url": "user/keys",
    "label_search_url": "search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
    "notifications_url": "notifications",
    "organization_url": "orgs/{org}",
    "organization_repositories_url": "orgs/{org}/repos{?type,page,per_page,sort}",
    "organization_teams_url": "orgs/{org}/teams",
    "public_gists_url": "gists/public",
    "rate_limit_url": "rate_limit",
    "repository_url": "repos/{owner}/{repo}",
    "repository_search_url": "search/repositories?q={query}{&page,per_page,sort,order}",
    "current_user_repositories_url": "user/repos{?type,page,per_page,sort}",
    "starred_url": "user/starred{/owner}{/repo}",
    "starred_gists_url": "gists/starred",
    "topic_search_url": "search/topics?q={query}{&page,per_page}",
    "user_url": "users/{user}",
    "user_organizations_url": "user/orgs",
    "user_repositories_url": "users/{user}/repos{?type,page,per_page,sort}",
    "user_search_url": "search/users?q={query}{&page,per_page,sort,order}",
}


def root(call: Call) -> Reply:
    return Reply(200, {name: f"{call.api}/{path}" for name, path in _ROOT.items()})


def meta(_call: Call) -> Reply:
    return Reply(200, {"verifiable_password_authentication": False, "installed_version": "3.16.0"})


def user(call: Call) -> Reply:
    if call.token.scopes is None:
        return problem(403, "Resource not accessible by integration")
    return Reply(200, {**shapes.account(call.base_url, call.token.login, "User"), **_person(call.token.login)})


def organisation(call: Call, org: str) -> Reply:
    found = call.store.owner(org)
    if found is None or found[1] != "Organization":
        return not_found()
    login = found[0]
    public = sum(not record.private for record in call.store.of_owner(login))
    return Reply(
        200,
        {
            **shapes.organisation(call.base_url, login),
            **_counts(public),
            "name": login,
            "type": "Organization",
            "html_url": f"{call.base_url}/{login}",
            "is_verified": False,
            "has_organization_projects": True,
            "has_repository_projects": True,
            "archived_at": None,
        },
    )


def account(call: Call, username: str) -> Reply:
    found = call.store.owner(username)
    if found is None:
        return not_found()
    return Reply(200, {**shapes.account(call.base_url, *found), **_person(found[0])})


def _person(login: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("bio", "company", "email", "hireable", "location", "twitter_username"))
    return {**_counts(0), **unknown, "name": login, "blog": ""}


def _counts(public: int) -> dict[str, Any]:
    return {
        "public_repos": public,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }


def app(call: Call) -> Reply:
    it = call.store.app
    owner = next(iter(it.installations.values()), "unknown")
    login, kind = call.store.owner(owner) or (owner, "Organization")
    return Reply(
        200,
        {
            "id": it.number,
            "slug": it.slug,
            "client_id": f"Iv1.{it.number:016x}",
            "node_id": global_id("App", it.number),
            "owner": shapes.account(call.base_url, login, kind),
            "name": it.slug,
            "description": None,
            "external_url": f"{call.base_url}/{it.slug}",
            "html_url": f"{call.base_url}/apps/{it.slug}",
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            "permissions": dict(it.permissions),
            "events": list(it.events),
            "installations_count": len(it.installations),
        },
    )


def installations(call: Call) -> Reply:
    return page(call, sorted(call.store.app.installations), lambda number: _installation(call, number))


def installation(call: Call, installation_id: int) -> Reply:
    if installation_id not in call.store.app.installations:
        return not_found()
    return Reply(200, _installation(call, installation_id))


def installation_of_owner(call: Call, kind: str, owner: str) -> Reply:
    """The App's installation on an organisation or user."""
    number = call.store.app.installation_of(owner)
    found = call.store.owner(owner)
    if number is None or found is None or (kind == "orgs" and found[1] != "Organization"):
        return not_found()
    return Reply(200, _installation(call, number))


def access_token(call: Call, installation_id: int) -> Reply:
    if installation_id not in call.store.app.installations:
        return not_found()
    value, ends = call.store.installation_token(installation_id)
    return Reply(
        201,
        {
            "token": value,
            "expires_at": datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": dict(call.store.app.permissions),
            "repository_selection": "all",
        },
    )


def _installation(call: Call, number: int) -> dict[str, Any]:
    owner = call.store.app.installations[number]
    login, kind = call.store.owner(owner) or (owner, "Organization")
    return shapes.installation(call.base_url, call.store.app, number, login, kind)

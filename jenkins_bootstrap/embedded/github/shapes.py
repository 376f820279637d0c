"""The JSON that GitHub shows of accounts, repositories and installations, in REST and in webhooks' payloads.

What the data does not know has the value that GitHub gives for something new and small.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jenkins_bootstrap.embedded.github.ids import global_id, owner_id
from jenkins_bootstrap.embedded.github.model import App
from jenkins_bootstrap.embedded.github.organisation import Record

# What is reached below a repository's own address. Source: every repository in GitHub's REST API.
_BELOW_REPOSITORY = {
    "archive_url": "{archive_format}{/ref}",
    "assignees_url": "assignees{/user}",
    "blobs_url": "git/blobs{/sha}",
    "branches_url": "branches{/branch}",
    "collaborators_url": "collaborators{/collaborator}",
    "comments_url": "comments{/number}",
    "commits_url": "commits{/sha}",
    "compare_url": "compare/{base}...{head}",
    "contents_url": "contents/{+path}",
    "contributors_url": "contributors",
    "deployments_url": "deployments",
    "downloads_url": "downloads",
    "events_url": "events",
    "forks_url": "forks",
    "git_commits_url": "git/commits{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "hooks_url": "hooks",
    "issue_comment_url": "issues/comments{/number}",
    "issue_events_url": "issues/events{/number}",
    "issues_url": "issues{/number}",
    "keys_url": "keys{/key_id}",
    "labels_url": "labels{/name}",
    "languages_url": "languages",
    "merges_url": "merges",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "pulls_url": "pulls{/number}",
    "releases_url": "releases{/id}",
    "stargazers_url": "stargazers",
    "statuses_url": "statuses/{sha}",
    "subscribers_url": "subscribers",
    "subscription_url": "subscription",
    "tags_url": "tags",
    "teams_url": "teams",
    "trees_url": "git/trees{/sha}",
}

_BELOW_ACCOUNT = {
    "events_url": "events{/privacy}",
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "organizations_url": "orgs",
    "received_events_url": "received_events",
    "repos_url": "repos",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
}

_BELOW_ORGANISATION = {
    "events_url": "events",
    "hooks_url": "hooks",
    "issues_url": "issues",
    "members_url": "members{/member}",
    "public_members_url": "public_members{/member}",
    "repos_url": "repos",
}

_NEW_REPOSITORY = {
    "allow_forking": True,
    "disabled": False,
    "forks": 0,
    "forks_count": 0,
    "has_discussions": False,
    "has_downloads": True,
    "has_issues": True,
    "has_pages": False,
    "has_projects": True,
    "has_wiki": True,
    "is_template": False,
    "license": None,
    "mirror_url": None,
    "open_issues": 0,
    "open_issues_count": 0,
    "size": 0,
    "stargazers_count": 0,
    "watchers": 0,
    "watchers_count": 0,
    "web_commit_signoff_required": False,
}


def person(login: str) -> dict[str, str]:
    """Who made a commit."""
    return {"name": login, "email": f"{login}@users.noreply.github.invalid"}


def account(base_url: str, login: str, kind: str) -> dict[str, Any]:
    """A user or organisation, as GitHub shows who owns or did something."""
    url = f"{base_url}/api/v3/users/{login}"
    return {
        "login": login,
        "id": owner_id(login),
        "node_id": global_id(kind, owner_id(login)),
        "avatar_url": f"{base_url}/avatars/{login}",
        "gravatar_id": "",
        "type": kind,
        "user_view_type": "public",
        "site_admin": False,
        "html_url": f"{base_url}/{login}",
        "url": url,
        **{name: f"{url}/{path}" for name, path in _BELOW_ACCOUNT.items()},
    }


def organisation(base_url: str, login: str) -> dict[str, Any]:
    """An organisation, as GitHub shows it for itself and in payloads."""
    url = f"{base_url}/api/v3/orgs/{login}"
    return {
        "login": login,
        "id": owner_id(login),
        "node_id": global_id("Organization", owner_id(login)),
        "avatar_url": f"{base_url}/avatars/{login}",
        "description": "",
        "url": url,
        **{name: f"{url}/{path}" for name, path in _BELOW_ORGANISATION.items()},
    }


def repository(base_url: str, record: Record) -> dict[str, Any]:
    """A repository whole, but without what only a request for it alone gives."""
    url = f"{base_url}/api/v3/repos/{record.full_name}"
    host = base_url.partition("://")[2]
    return {
        "id": record.id,
        "node_id": global_id("Repository", record.id),
        "name": record.name,
        "full_name": record.full_name,
        "owner": account(base_url, record.owner, record.owner_type),
        "private": record.private,
        "visibility": record.visibility,
        "description": record.description,
        "homepage": record.homepage,
        "fork": record.fork,
        "archived": record.archived,
        "default_branch": record.default_branch,
        "topics": list(record.topics),
        "language": record.language,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "pushed_at": record.pushed_at or record.created_at,
        "url": url,
        "html_url": f"{base_url}/{record.full_name}",
        "clone_url": f"{base_url}/{record.full_name}.git",
        "git_url": f"git://{host}/{record.full_name}.git",
        "ssh_url": f"git@{host.partition(':')[0]}:{record.full_name}.git",
        "svn_url": f"{base_url}/{record.full_name}",
        **_NEW_REPOSITORY,
        **{name: f"{url}/{path}" for name, path in _BELOW_REPOSITORY.items()},
    }


def permissions(writable: bool) -> dict[str, bool]:
    """What the one who asks may do with a repository."""
    return {
        "admin": writable,
        "maintain": writable,
        "push": writable,
        "triage": writable,
        "pull": True,
    }


def pushed_repository(base_url: str, record: Record) -> dict[str, Any]:
    """A repository as the payload of a push has it: times are numbers, and the owner has a name."""
    shown = repository(base_url, record)
    shown["owner"] |= {"name": record.owner, "email": None}
    shown |= {name: _seconds(shown[name]) for name in ("created_at", "pushed_at")}
    shown |= {"stargazers": 0, "master_branch": record.default_branch}
    return shown | ({"organization": record.owner} if record.owner_type == "Organization" else {})


def named_repository(record: Record) -> dict[str, Any]:
    """The little that GitHub tells of a repository that an App gained or lost."""
    return {
        "id": record.id,
        "node_id": global_id("Repository", record.id),
        "name": record.name,
        "full_name": record.full_name,
        "private": record.private,
    }


def installation(base_url: str, app: App, number: int, login: str, kind: str) -> dict[str, Any]:
    settings = f"settings/installations/{number}"
    return {
        "id": number,
        "node_id": global_id("IntegrationInstallation", number),
        "app_id": app.number,
        "app_slug": app.slug,
        "client_id": f"Iv1.{app.number:016x}",
        "account": account(base_url, login, kind),
        "target_id": owner_id(login),
        "target_type": kind,
        "repository_selection": "all",
        "permissions": dict(app.permissions),
        "events": list(app.events),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "suspended_at": None,
        "suspended_by": None,
        "access_tokens_url": f"{base_url}/api/v3/app/installations/{number}/access_tokens",
        "repositories_url": f"{base_url}/api/v3/installation/repositories",
        "html_url": f"{base_url}/organizations/{login}/{settings}"
        if kind == "Organization"
        else f"{base_url}/{settings}",
    }


def event_installation(number: int) -> Mapping[str, Any]:
    """What an App's webhook tells of the installation through which it hears of something."""
    return {"id": number, "node_id": global_id("IntegrationInstallation", number)}


def _seconds(time: str) -> int:
    """An ISO 8601 time as seconds since the epoch."""
    moment = datetime.fromisoformat(time.replace("Z", "+00:00"))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

"""What a delivery means for the jobs: which repositories are to be looked at again. Pure.

A delivery is only a hint: the reconciliation asks GitHub what is true now. So a replayed or forged one could at most
cost a look, and nothing of its payload but names and ids goes further.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Settings

ACTIONS: Mapping[str, str] = {
    "created": "gets a job, if the filter lets it in",
    "deleted": "its job is disabled, and deleted later",
    "archived": "its job is disabled, or kept, as the filter says",
    "unarchived": "its job is enabled again",
    "edited": "description, default branch or topics may change its job",
    "renamed": "its job is renamed with its history",
    "transferred": "its job moves to the other owner's folder, or is disabled",
    "privatized": "the filter may let it out",
    "publicized": "the filter may let it in",
}
"""What comes of each action of the event `repository`, in words; every one is a look at that repository alone."""
GONE: Collection[str] = ("deleted", "privatized", "transferred")
"""The actions after which GitHub may not find the repository: two witnesses. Otherwise that it does not is no proof."""
FEW = 20
"""An App installed on more repositories at once is a look at all of them: one listing costs less."""
CUT_OFF = 20
"""A push with as many commits may be cut off: 20 by the older Enterprise servers, 2,048 by github.com."""
MANY_FILES = 3000
"""GitHub tells at most so many changed files of a commit."""
_LOGIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_NODE = re.compile(r"[A-Za-z0-9_=+/-]{1,200}")
_MOST_ID = 2**63 - 1


class Malformed(ValueError):
    """The payload is not one that GitHub sends with this event; the text names the field, never its value."""


@dataclass(frozen=True, slots=True)
class Target:
    """A repository to be looked at. `id` says which it is; owner and name are those of the delivery, `node` is GitHub's
    other id of it, by which one call finds it whatever it is called now; empty when it was not told. `gone`: the
    delivery says that it is no longer there for us; only then may that it is not found be taken for it."""

    owner: str
    name: str
    id: int
    node: str = field(default="", compare=False)
    gone: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Effect:
    """What is to be looked at: these repositories, or everything; nothing when neither. `because` in words."""

    because: str
    targets: tuple[Target, ...] = ()
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.targets)


def effect_of(event: str, payload: Mapping[str, Any], settings: Settings) -> Effect:
    """What the delivery of `event` (the header X-GitHub-Event) asks for.

    Events and owners that are none of ours ask for nothing. Raises Malformed.
    """
    judge = _JUDGES.get(event)
    return Effect("no event of ours") if judge is None else judge(payload, settings)


def action_of(payload: Mapping[str, Any]) -> str:
    """The payload's action as a label: short, and of letters alone."""
    action = payload.get("action")
    return action if isinstance(action, str) and re.fullmatch(r"[a-z_]{1,40}", action) else ""


def _ping(_payload: Mapping[str, Any], _settings: Settings) -> Effect:
    return Effect("a ping")


def _repository(payload: Mapping[str, Any], settings: Settings) -> Effect:
    target = _target(payload.get("repository"), "repository")
    action = action_of(payload)
    owner = target.owner
    if action == "transferred" and not _is_ours(owner, settings):
        owner = _previous_owner(payload) or owner
        target = replace(target, owner=owner)
    if not _is_ours(owner, settings):
        return Effect("another owner's")
    # An action that GitHub adds some day is looked at too: it costs a call.
    return Effect(ACTIONS.get(action, "an action not known yet"), (replace(target, gone=action in GONE),))


def _push(payload: Mapping[str, Any], settings: Settings) -> Effect:
    repository = payload.get("repository")
    target = _target(repository, "repository")
    ref = payload.get("ref")
    if not isinstance(ref, str):
        raise Malformed("ref is no string")
    if not _is_ours(target.owner, settings):
        return Effect("another owner's")
    branch = repository.get("default_branch") if isinstance(repository, dict) else None
    if isinstance(branch, str) and ref != f"refs/heads/{branch}":
        return Effect("not the default branch")
    if not ref.startswith("refs/heads/"):
        return Effect("no branch")
    because = _touched(payload, settings)
    return Effect(because, (target,)) if because else Effect("touches no file of ours")


def _touched(payload: Mapping[str, Any], settings: Settings) -> str:
    """Why a push to the default branch may change the job; empty when it cannot."""
    commits = payload.get("commits")
    if not isinstance(commits, list) or len(commits) >= CUT_OFF:
        return "the list of commits may be cut off"
    if any(payload.get(flag) for flag in ("created", "deleted", "forced")):
        return "the branch was made, deleted or forced"  # what it no longer has is in no commit
    override, script = settings.jobs.override_file, settings.jobs.script_path
    for commit in commits:
        files: dict[str, Any] = dict.fromkeys(("added", "removed", "modified"))
        files.update({key: commit.get(key) for key in files} if isinstance(commit, dict) else {})
        if any(not isinstance(names, list) for names in files.values()):
            return "a commit does not tell its files"
        if sum(map(len, files.values())) >= MANY_FILES:
            return "a commit's list of files may be cut off"
        if override is not None and any(override in names for names in files.values()):
            return "the override file was touched"
        if script in files["added"] or script in files["removed"]:
            return "the pipeline's file was added or removed"
    return ""


def _installation_repositories(payload: Mapping[str, Any], settings: Settings) -> Effect:
    installation = payload.get("installation")
    account = installation.get("account") if isinstance(installation, dict) else None
    owner = account.get("login") if isinstance(account, dict) else None
    if not isinstance(owner, str) or not _LOGIN.fullmatch(owner):
        raise Malformed("installation.account.login is no login")
    if not _is_ours(owner, settings):
        return Effect("another owner's")
    targets: list[Target] = []
    for key in ("repositories_added", "repositories_removed"):
        rows = payload.get(key, [])
        if not isinstance(rows, list):
            raise Malformed(f"{key} is no list")
        if len(rows) > FEW:
            return Effect("the App was given or denied many repositories", everything=True)
        targets += [_target(row, key, owner) for row in rows]
    if not targets:
        return Effect("the App was given or denied repositories that are not told", everything=True)
    return Effect("the App was given or denied repositories", tuple(dict.fromkeys(targets)))


_JUDGES: Mapping[str, Callable[[Mapping[str, Any], Settings], Effect]] = {
    "ping": _ping,
    "repository": _repository,
    "push": _push,
    "installation_repositories": _installation_repositories,
}
EVENTS: Collection[str] = _JUDGES.keys()
"""The events that mean something here; everything else is answered, counted and forgotten."""


def _target(value: Any, path: str, owner: str | None = None) -> Target:
    """The repository of an object of the payload; `owner` where the object does not tell it."""
    if not isinstance(value, dict):
        raise Malformed(f"{path} is no object")
    number, name = value.get("id"), value.get("name")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= _MOST_ID:
        raise Malformed(f"{path}.id is no id")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Malformed(f"{path}.name is no name")
    if owner is None:
        holder = value.get("owner")
        # A push of older servers tells the owner's `name` alone.
        told = (holder.get("login") or holder.get("name")) if isinstance(holder, dict) else None
        if not isinstance(told, str) or not _LOGIN.fullmatch(told):
            raise Malformed(f"{path}.owner.login is no login")
        owner = told
    node = value.get("node_id")
    return Target(owner, name, number, node if isinstance(node, str) and _NODE.fullmatch(node) else "")


def _previous_owner(payload: Mapping[str, Any]) -> str | None:
    value: Any = payload
    for key in ("changes", "owner", "from"):
        value = value.get(key) if isinstance(value, dict) else None
    for kind in ("organization", "user"):
        holder = value.get(kind) if isinstance(value, dict) else None
        login = holder.get("login") if isinstance(holder, dict) else None
        if isinstance(login, str) and _LOGIN.fullmatch(login):
            return login
    return None


def _is_ours(owner: str, settings: Settings) -> bool:
    return owner.lower() in {one.name.lower() for one in settings.github.owners}

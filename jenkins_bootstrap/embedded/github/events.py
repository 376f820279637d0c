"""What the embedded GitHub tells the webhooks of a change: payloads in GitHub's shape, for each hook that wants them.

Source of who gets what: docs.github.com, "Webhook events and payloads".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from jenkins_bootstrap.embedded.github import shapes
from jenkins_bootstrap.embedded.github.call import Call
from jenkins_bootstrap.embedded.github.deliveries import Event
from jenkins_bootstrap.embedded.github.hooks import NOT_TO_APPS, Hook
from jenkins_bootstrap.embedded.github.organisation import Record

ZEN = "Keep it logically awesome."


def repository(call: Call, record: Record, action: str, changes: Mapping[str, Any] | None = None) -> None:
    """Tell of a change of a repository; `record` is as it is now, `changes` says what it was."""
    payload = {"action": action, **({"changes": dict(changes)} if changes else {})}
    payload["repository"] = shapes.repository(call.base_url, record)
    _tell(call, "repository", payload, record)


def push(call: Call, record: Record, before: str, commit: Mapping[str, Any]) -> None:
    """Tell of a push of one commit to the default branch. `before` is all zeros when it makes the branch."""
    _tell(call, "push", _pushed(call, record, before, commit), record)


def _pushed(call: Call, record: Record, before: str, commit: Mapping[str, Any] | None) -> dict[str, Any]:
    url = f"{call.base_url}/{record.full_name}"
    return {
        "ref": f"refs/heads/{record.default_branch}",
        "before": before,
        "after": record.head,
        "created": not before.strip("0"),
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"{url}/compare/{before[:12]}...{record.head[:12]}",
        "commits": [] if commit is None else [commit],
        "head_commit": commit,
        "repository": shapes.pushed_repository(call.base_url, record),
        "pusher": shapes.person(call.token.login),
    }


def installation(call: Call, owner: str, *, added: list[Record] = [], removed: list[Record] = []) -> None:  # noqa: B006 - only read
    """Tell the App which repositories it gained or lost; nobody else hears of it."""
    app = call.store.app
    number = app.installation_of(owner)
    if number is None:
        return
    login, kind = call.store.owner(owner) or (owner, "Organization")
    payload = {
        "action": "added" if added else "removed",
        "installation": shapes.installation(call.base_url, app, number, login, kind),
        "repository_selection": "all",
        "repositories_added": [shapes.named_repository(record) for record in added],
        "repositories_removed": [shapes.named_repository(record) for record in removed],
        "requester": None,
        "sender": _sender(call),
    }
    _to_app(call, "installation_repositories", payload, str(uuid.uuid4()), number, None)


def ping(call: Call, hook: Hook, shown: Mapping[str, Any], record: Record | None) -> None:
    """What a hook gets when it is made, and when it is asked for."""
    payload: dict[str, Any] = {"zen": ZEN, "hook_id": hook.id, "hook": dict(shown), "sender": _sender(call)}
    if record is not None:
        payload["repository"] = shapes.repository(call.base_url, record)
    elif hook.kind == "organization":
        login, _ = call.store.owner(hook.target) or (hook.target, "")
        payload["organization"] = shapes.organisation(call.base_url, login)
    number = None if record is None else record.id
    call.store.deliveries.send(hook, Event(str(uuid.uuid4()), "ping", payload, number))


def last_push(call: Call, hook: Hook, record: Record) -> None:
    """Send the latest push once more to one hook, as its test does."""
    payload = {
        **_pushed(call, record, record.head, None),
        "sender": _sender(call),
        **_organisation(call, record),
    }
    call.store.deliveries.send(hook, Event(str(uuid.uuid4()), "push", payload, record.id))


def _tell(call: Call, name: str, payload: dict[str, Any], record: Record) -> None:
    payload = {**payload, "sender": _sender(call), **_organisation(call, record)}
    action = payload.get("action")
    guid = str(uuid.uuid4())
    for hook in call.store.hooks.listening(name, action, record):
        call.store.deliveries.send(hook, Event(guid, name, payload, record.id))
    app = call.store.app
    number = app.installation_of(record.owner)
    if number is not None and name in app.events and (name, action) not in NOT_TO_APPS:
        payload = {**payload, "installation": shapes.event_installation(number)}
        _to_app(call, name, payload, guid, number, record.id)


def _to_app(
    call: Call, name: str, payload: Mapping[str, Any], guid: str, installation: int, repository: int | None
) -> None:
    hook = call.store.app_hook
    if hook.config.get("url"):
        call.store.deliveries.send(hook, Event(guid, name, payload, repository, installation))


def _organisation(call: Call, record: Record) -> dict[str, Any]:
    if record.owner_type != "Organization":
        return {}
    return {"organization": shapes.organisation(call.base_url, record.owner)}


def _sender(call: Call) -> dict[str, Any]:
    return shapes.account(call.base_url, call.token.login, "Bot" if call.token.scopes is None else "User")

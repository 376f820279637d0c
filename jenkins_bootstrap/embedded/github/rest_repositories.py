"""REST about repositories: reading them, and the changes of which webhooks are told."""

from __future__ import annotations

import re
from typing import Any

from jenkins_bootstrap.embedded.github import events, shapes
from jenkins_bootstrap.embedded.github.call import Call, Reply, invalid, not_found, page, problem
from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.errors import BootstrapError

MOST_TOPICS = 20
TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")

_SETTABLE: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "description": (str, type(None)),
    "homepage": (str, type(None)),
    "private": (bool,),
    "visibility": (str,),
    "archived": (bool,),
    "default_branch": (str,),
}
"""What a PATCH may change, and the types it must have. Anything else is passed over, as GitHub does."""


def of_owner(call: Call, kind: str, owner: str) -> Reply:
    found = call.store.owner(owner)
    if found is None or (kind == "orgs" and found[1] != "Organization"):
        return not_found()
    seen = [r for r in call.store.of_owner(owner) if call.token.sees(r)]
    # By name for people and creation for organisations, as GitHub's defaults are.
    seen.sort(key=lambda r: (r.created_at if kind == "orgs" else r.name.lower(), r.id))
    return page(call, seen, lambda record: _shown(call, record))


def of_installation(call: Call) -> Reply:
    """What an installation's token may see; another token has none."""
    if call.token.scopes is not None or call.token.owner is None:
        return problem(403, "You must authenticate with an installation access token in order to list repositories.")
    seen = sorted(call.store.of_owner(call.token.owner), key=lambda r: r.id)
    reply = page(call, seen, lambda record: _shown(call, record))
    data = {"total_count": len(seen), "repository_selection": "all", "repositories": reply.data}
    return Reply(200, data, reply.headers)


def read(call: Call, owner: str, repo: str) -> Reply:
    record = call.repository(owner, repo)
    return not_found() if record is None else Reply(200, _whole(call, record))


def delete(call: Call, owner: str, repo: str) -> Reply:
    found = _writable(call, owner, repo)
    if isinstance(found, Reply):
        return found
    call.store.delete(found)
    events.repository(call, found, "deleted")
    events.installation(call, found.owner, removed=[found])
    call.store.hooks.forget_repository(found.id)
    return Reply(204)


def create(call: Call, org: str) -> Reply:
    """A new repository. It is empty, unless `auto_init` asks for a first commit."""
    owner = call.store.owner(org)
    if owner is None or owner[1] != "Organization":
        return not_found()
    wrong = _wrong_type(call)
    if wrong is not None:
        return wrong
    values = _values(call)
    values.pop("archived", None)
    first = bool(call.body.get("auto_init"))
    values |= {"has_jenkinsfile": False, "empty": not first, "files": {"README.md": ""} if first else {}}
    values["pushed_at"] = call.store.now()
    try:
        record = call.store.create(org, values.pop("name", ""), **values)
    except BootstrapError as error:
        return _refused(error, "Repository creation failed.")
    events.repository(call, record, "created")
    events.installation(call, record.owner, added=[record])
    return Reply(201, _whole(call, record), {"Location": f"{call.api}/repos/{record.full_name}"})


def change(call: Call, owner: str, repo: str) -> Reply:
    found = _writable(call, owner, repo)
    if isinstance(found, Reply):
        return found
    wrong = _wrong_type(call)
    if wrong is not None:
        return wrong
    values = _values(call)
    if found.archived and values.get("archived", True):
        return problem(403, "Repository was archived so is read-only.")
    values = {name: value for name, value in values.items() if getattr(found, name) != value}
    if not values:
        return Reply(200, _whole(call, found))
    if "default_branch" in values:  # there is none but the one that it is already
        words = (
            f"The branch {values['default_branch']} was not found. "
            "Please push that ref first or create it via the Git Data API."
        )
        return invalid("Repository", words, field="default_branch", code="invalid")
    before = {name: getattr(found, name) for name in values}
    try:
        call.store.change(found, **values)
    except BootstrapError as error:
        return _refused(error, "Validation Failed")
    for action, changes in _actions(before, values):
        events.repository(call, found, action, changes)
    return Reply(200, _whole(call, found))


def _actions(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The events that a change leads to, each with what it tells of before."""
    found: list[tuple[str, dict[str, Any]]] = []
    if "name" in now:
        found.append(("renamed", {"repository": {"name": {"from": before["name"]}}}))
    edited: dict[str, Any] = {n: {"from": before[n]} for n in ("description", "homepage") if n in now}
    if edited:
        found.append(("edited", edited))
    if "private" in now:
        found.append(("privatized" if now["private"] else "publicized", {}))
    if "archived" in now:
        found.append(("archived" if now["archived"] else "unarchived", {}))
    return found


def topics(call: Call, owner: str, repo: str) -> Reply:
    record = call.repository(owner, repo)
    return not_found() if record is None else Reply(200, {"names": list(record.topics)})


def set_topics(call: Call, owner: str, repo: str) -> Reply:
    found = _writable(call, owner, repo)
    if isinstance(found, Reply):
        return found
    names = call.body.get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return problem(422, "Invalid request.\n\nFor 'properties/names', expected an array of strings.")
    if found.archived:
        return problem(403, "Repository was archived so is read-only.")
    wanted = list(dict.fromkeys(name.lower() for name in names))
    if len(wanted) > MOST_TOPICS:
        return invalid("Repository", f"A repository cannot have more than {MOST_TOPICS} topics.")
    if not all(TOPIC.fullmatch(name) for name in wanted):
        return invalid(
            "Repository",
            "Topics must start with a lowercase letter or number, consist of 50 characters or less, "
            "and can include hyphens.",
        )
    before = list(found.topics)
    if wanted != before:
        call.store.change(found, topics=wanted)
        events.repository(call, found, "edited", {"topics": {"from": before}})
    return Reply(200, {"names": wanted})


def transfer(call: Call, owner: str, repo: str) -> Reply:
    """GitHub answers with the repository as it was and goes on by itself; here it is done by then."""
    found = _writable(call, owner, repo)
    if isinstance(found, Reply):
        return found
    new = call.store.owner(str(call.body.get("new_owner", "")))
    name = call.body.get("new_name", found.name)
    if new is None or not isinstance(name, str):
        return invalid("Repository", "new_owner is not an account", field="new_owner")
    answer, old_owner, old_type = _shown(call, found), found.owner, found.owner_type
    try:
        call.store.change(found, owner=new[0], owner_type=new[1], name=name)
    except BootstrapError as error:
        return _refused(error, "Validation Failed")
    if old_type == "Organization":
        old = {"organization": shapes.organisation(call.base_url, old_owner)}
    else:
        old = {"user": shapes.account(call.base_url, old_owner, "User")}
    events.repository(call, found, "transferred", {"owner": {"from": old}})
    events.installation(call, old_owner, removed=[found])
    events.installation(call, found.owner, added=[found])
    return Reply(202, answer)


def _writable(call: Call, owner: str, repo: str) -> Record | Reply:
    record = call.repository(owner, repo)
    if record is None:
        return not_found()
    return record if call.may_write(record) else problem(403, "Must have admin rights to Repository.")


def _wrong_type(call: Call) -> Reply | None:
    for name, kinds in _SETTABLE.items():
        if name in call.body and not isinstance(call.body[name], kinds):
            return problem(
                422, f"Invalid request.\n\nFor 'properties/{name}', {call.body[name]!r} is not of that type."
            )
    if call.body.get("visibility") not in (None, "public", "private", "internal"):
        return problem(422, "Invalid request.\n\nvisibility is not one of public, private, internal.")
    return None


def _values(call: Call) -> dict[str, Any]:
    """The body's fields in our record's words."""
    values = {name: call.body[name] for name in _SETTABLE if name in call.body}
    visibility = values.pop("visibility", None)
    if visibility is not None:
        values |= {"private": visibility != "public", "internal": visibility == "internal"}
    elif "private" in values:
        values["internal"] = False
    return values


def _refused(error: BootstrapError, message: str) -> Reply:
    errors = [{"resource": "Repository", "code": "custom", "field": "name", "message": error.what}]
    return problem(422, message, errors)


def _shown(call: Call, record: Record) -> dict[str, Any]:
    return {
        **shapes.repository(call.base_url, record),
        "permissions": shapes.permissions(call.may_write(record)),
    }


def _whole(call: Call, record: Record) -> dict[str, Any]:
    more: dict[str, Any] = {"network_count": 0, "subscribers_count": 0}
    if record.owner_type == "Organization":
        more["organization"] = shapes.account(call.base_url, record.owner, "Organization")
    return {**_shown(call, record), **more}

"""REST about webhooks of organisations, of repositories, and the App's own: settings, pings, tests, deliveries."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jenkins_bootstrap.embedded.github import events
from jenkins_bootstrap.embedded.github.call import Call, Reply, invalid, link, not_found, page, page_size, problem
from jenkins_bootstrap.embedded.github.hook_settings import change_hook, config_of
from jenkins_bootstrap.embedded.github.hooks import Hook, default_config
from jenkins_bootstrap.embedded.github.ids import owner_id
from jenkins_bootstrap.embedded.github.organisation import Record

_LEVELS = {"read": 1, "write": 2}

Named = str | int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where hooks are: an organisation or a repository. `record` is None for the former."""

    url: str
    target: str
    target_id: int
    record: Record | None

    @property
    def kind(self) -> Any:
        return "organization" if self.record is None else "repository"


def list_(call: Call, **where: Named) -> Reply:
    place = _place(call, where)
    if isinstance(place, Reply):
        return place
    return page(call, call.store.hooks.of(place.kind, place.target), lambda hook: _shown(place, hook))


def create(call: Call, **where: Named) -> Reply:
    place = _place(call, where)
    if isinstance(place, Reply):
        return place
    if call.body.get("name", None if place.record is None else "web") != "web":
        return invalid("Hook", 'Name must be "web"', field="name")
    config = config_of(call.body.get("config"), default_config())
    wanted = call.body.get("events", ["push"])
    with call.store.hooks.lock:
        hook = Hook(0, place.kind, place.target.lower(), place.target_id, [], {})
        wrong = change_hook(call, hook, config, wanted, call.body.get("active", True))
        if wrong is not None:
            return wrong
        made = call.store.hooks.add(place.kind, place.target, place.target_id, hook.events, hook.config)
        made.active = hook.active
        made.created_at = made.updated_at = call.store.now()
        call.store.hooks.save()
    shown = _shown(place, made)
    if made.active:
        events.ping(call, made, shown, place.record)
    return Reply(201, shown, {"Location": shown["url"]})


def read(call: Call, hook_id: int, **where: Named) -> Reply:
    return _with_hook(call, where, hook_id, lambda place, hook: Reply(200, _shown(place, hook)))


def change(call: Call, hook_id: int, **where: Named) -> Reply:
    """A `config` takes the place of the old one, its secret too: one that is left out is gone, as on GitHub."""

    def changed(place: _Place, hook: Hook) -> Reply:
        config = config_of(call.body["config"], default_config()) if "config" in call.body else hook.config
        wanted = call.body.get("events", hook.events)
        if place.record is not None and isinstance(wanted, list):
            removed = call.body.get("remove_events") or []
            wanted = [e for e in [*wanted, *(call.body.get("add_events") or [])] if e not in removed]
        wrong = change_hook(call, hook, config, wanted, call.body.get("active", hook.active))
        return wrong if wrong is not None else Reply(200, _shown(place, hook))

    return _with_hook(call, where, hook_id, changed)


def delete(call: Call, hook_id: int, **where: Named) -> Reply:
    def deleted(_place: _Place, hook: Hook) -> Reply:
        call.store.hooks.remove(hook)
        return Reply(204)

    return _with_hook(call, where, hook_id, deleted)


def config(call: Call, hook_id: int, **where: Named) -> Reply:
    """Reads the configuration, or changes what is given of it."""
    return _with_hook(call, where, hook_id, lambda _place, hook: _config(call, hook))


def _config(call: Call, hook: Hook) -> Reply:
    if call.method == "GET":
        return Reply(200, hook.shown_config)
    wrong = change_hook(call, hook, config_of(dict(call.body), hook.config), hook.events, hook.active)
    return wrong if wrong is not None else Reply(200, hook.shown_config)


def ping(call: Call, hook_id: int, **where: Named) -> Reply:
    def pinged(place: _Place, hook: Hook) -> Reply:
        events.ping(call, hook, _shown(place, hook), place.record)
        return Reply(204)

    return _with_hook(call, where, hook_id, pinged)


def test(call: Call, hook_id: int, **where: Named) -> Reply:
    """Sends the latest push again, to a hook that wants pushes."""

    def tested(place: _Place, hook: Hook) -> Reply:
        if place.record is not None and not place.record.empty and hook.wants("push"):
            events.last_push(call, hook, place.record)
        return Reply(204)

    return _with_hook(call, where, hook_id, tested)


def deliveries(call: Call, hook_id: int, **where: Named) -> Reply:
    return _with_hook(call, where, hook_id, lambda _place, hook: _deliveries(call, hook))


def delivery(call: Call, hook_id: int, delivery_id: int, **where: Named) -> Reply:
    return _with_hook(call, where, hook_id, lambda _place, hook: _delivery(call, hook, delivery_id))


def attempts(call: Call, hook_id: int, delivery_id: int, **where: Named) -> Reply:
    return _with_hook(call, where, hook_id, lambda _place, hook: _redeliver(call, hook, delivery_id))


def app_config(call: Call) -> Reply:
    return _config(call, call.store.app_hook)


def app_deliveries(call: Call) -> Reply:
    return _deliveries(call, call.store.app_hook)


def app_delivery(call: Call, delivery_id: int) -> Reply:
    return _delivery(call, call.store.app_hook, delivery_id)


def app_attempts(call: Call, delivery_id: int) -> Reply:
    return _redeliver(call, call.store.app_hook, delivery_id)


def _with_hook(call: Call, where: Mapping[str, Named], number: int, answer: Callable[[_Place, Hook], Reply]) -> Reply:
    place = _place(call, where)
    if isinstance(place, Reply):
        return place
    with call.store.hooks.lock:
        hook = call.store.hooks.by_id.get(number)
        if hook is None or (hook.kind, hook.target) != (place.kind, place.target.lower()):
            return not_found()
        return answer(place, hook)


def _place(call: Call, where: Mapping[str, Named]) -> _Place | Reply:
    """The organisation or repository of a path, if this sign-in may do with its hooks what it asks for."""
    need = "read" if call.method == "GET" else "write"
    if "org" in where:
        found = call.store.owner(str(where["org"]))
        if found is None or found[1] != "Organization":
            return not_found()
        place = _Place(f"{call.api}/orgs/{found[0]}", found[0], owner_id(found[0]), None)
        return _refused(call, found[0], ("admin:org_hook",), "organization_hooks", need) or place
    record = call.repository(str(where["owner"]), str(where["repo"]))
    if record is None:
        return not_found()
    place = _Place(f"{call.api}/repos/{record.full_name}", str(record.id), record.id, record)
    scopes = ("repo", "admin:repo_hook", "write:repo_hook")
    return _refused(call, record.owner, scopes, "repository_hooks", need) or place


def _refused(call: Call, owner: str, scopes: tuple[str, ...], permission: str, need: str) -> Reply | None:
    if call.token.scopes is not None:
        return None if any(scope in call.token.scopes for scope in scopes) else not_found()
    level = _LEVELS.get(call.store.app.permissions.get(permission, ""), 0)
    mine = call.token.owner is not None and call.token.owner.lower() == owner.lower()
    return None if mine and level >= _LEVELS[need] else problem(403, "Resource not accessible by integration")


def _shown(place: _Place, hook: Hook) -> dict[str, Any]:
    url = f"{place.url}/hooks/{hook.id}"
    shown: dict[str, Any] = {
        "type": "Organization" if place.record is None else "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": hook.shown_config,
        "url": url,
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "created_at": hook.created_at,
        "updated_at": hook.updated_at,
    }
    if place.record is not None:
        shown["test_url"] = f"{url}/test"
        shown["last_response"] = {
            "code": hook.last_code,
            "status": hook.last_status,
            "message": hook.last_message,
        }
    return shown


def _deliveries(call: Call, hook: Hook) -> Reply:
    cursor = call.query.get("cursor")
    before = None if cursor is None else _before(cursor)
    if cursor is not None and before is None:
        return problem(400, "Invalid cursor")
    status = call.query.get("status")
    if status not in (None, "success", "failure"):
        return problem(422, "Invalid request.\n\nstatus is not one of success, failure.")
    size = page_size(call)
    found = call.store.deliveries.newest(hook.id, size + 1, before, status)
    links = {"next": {"per_page": size, "cursor": _cursor(found[size]["id"])}} if len(found) > size else {}
    return Reply(200, found[:size], link(call, links))


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"v1_{number}".encode()).decode()


def _before(cursor: str) -> int | None:
    try:
        version, _, number = base64.urlsafe_b64decode(cursor).decode().partition("_")
        return int(number) if version == "v1" else None
    except ValueError:
        return None


def _delivery(call: Call, hook: Hook, number: int) -> Reply:
    found = call.store.deliveries.get(hook.id, number)
    return not_found() if found is None else Reply(200, found)


def _redeliver(call: Call, hook: Hook, number: int) -> Reply:
    event = call.store.deliveries.event(hook.id, number)
    if event is None:
        return not_found()
    call.store.deliveries.send(hook, event)
    return Reply(202, {})

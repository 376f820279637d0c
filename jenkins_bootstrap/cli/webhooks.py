"""Reads what `hooks` plans from, and does its steps: one sign-in an owner, writes at the pace that GitHub asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Delivery, Webhook
from jenkins_bootstrap.files import write_atomic
from jenkins_bootstrap.github.client import Client, Patience
from jenkins_bootstrap.github.errors import Forbidden, NotAccepted, NotFound
from jenkins_bootstrap.github.hooks import APP, HooksApi
from jenkins_bootstrap.hooks.judge import REFUSED
from jenkins_bootstrap.hooks.plan import CreateHook, DeleteHook, Present, UpdateHook, of_kind
from jenkins_bootstrap.hooks.wanted import WantedHook, same_address, wanted_hooks

if TYPE_CHECKING:
    from jenkins_bootstrap.cli.context import Context
    from jenkins_bootstrap.config.models import Owner

SECONDS_BETWEEN_WRITES = 1.0
"""GitHub asks for at most one change a second, and takes 80 a minute. Source: docs.github.com, "Best practices"."""
READ_DELIVERIES = 100
APP_NOTE = "app-webhook-owed"
LONG_PATIENCE = Patience(waits=12 * 3600.0)
"""Webhooks of ten thousand repositories take more calls than an hour has; each hour's end is waited for."""


@dataclass(slots=True)
class Reading:
    """What GitHub has, and whom to ask for it; as a context manager it closes the connections.

    `deliveries` are the latest of each webhook of ours, by scope and id, but for those of single repositories.
    `problems` has an error for each owner or repository that could not be read; the others go on without it.
    `app_note` is a file that is there while the App's own webhook is to be set: GitHub does not tell whether it was.
    """

    wanted: tuple[WantedHook, ...]
    in_force: Mapping[str, datetime]
    app_note: Path
    present: list[Present] = field(default_factory=list)
    deliveries: dict[tuple[str, int], tuple[Delivery, ...]] = field(default_factory=dict)
    apis: dict[str, HooksApi] = field(default_factory=dict)
    problems: list[BootstrapError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    @property
    def usable(self) -> list[WantedHook]:
        """The wanted ones whose secret is there."""
        return [hook for hook in self.wanted if hook.secret_key in self.in_force]

    @property
    def app_owed(self) -> bool:
        """Whether an earlier run was to set the App's own webhook and did not."""
        return self.app_note.exists()


def read(ctx: Context) -> Reading:
    """Every webhook of every scope: an owner's, a repository's where the owner is a user or the settings say so."""
    from jenkins_bootstrap.aws.webhook import in_force

    secrets = ctx.secret_values
    with ctx.progress("looking up since when the webhook secrets are in force"):
        since = in_force(ctx.aws, ctx.settings.secrets.settings)
    found = Reading(
        wanted_hooks(ctx.settings), {key: at for key, at in since.items() if secrets.get(key)}, ctx.state / APP_NOTE
    )
    try:
        for owner in ctx.settings.github.owners:
            try:
                _read_owner(ctx, owner, found)
            except BootstrapError as error:
                found.problems.append(error)
    except BaseException:
        found._open.close()
        raise
    return found


def _read_owner(ctx: Context, owner: Owner, found: Reading) -> None:
    from jenkins_bootstrap.cli.sources import github_api_url
    from jenkins_bootstrap.github.auth import auth_for

    auth = auth_for(owner, ctx.secret_values, held_in=ctx.settings.secrets.settings)
    with ctx.progress(f"reading the webhooks of {owner.name}") as tell:
        client = Client(github_api_url(ctx), auth, notify=tell, patience=LONG_PATIENCE)
        api = HooksApi(found._open.enter_context(client))
        login, kind = api.owner(owner.name)
        if kind == "User" or ctx.settings.github.hooks.per_repository:
            why = "is a user" if kind == "User" else "has webhooks by repository, as the settings say"
            found.notes.append(f"{login} {why}: each repository with a job gets its own; `created` is never told there")
            _read_repositories(ctx, login, api, found, tell)
        else:
            _keep(found, Present(login, api.hooks(login)), api, deliveries=True)
        if auth.kind == "app" and APP not in found.apis:
            _keep(found, Present(APP, api.hooks(APP), app=True), api, deliveries=True)


def _read_repositories(ctx: Context, login: str, api: HooksApi, found: Reading, tell: Callable[[str], None]) -> None:
    names = [r.full_name for r in ctx.selected if r.owner.lower() == login.lower() and not r.archived]
    for number, name in enumerate(names, start=1):
        tell(f"{name}, {number} of {len(names)}")
        try:
            _keep(found, Present(name, api.hooks(name)), api, deliveries=False)
        except (NotFound, Forbidden) as error:
            found.problems.append(error)


def _keep(found: Reading, present: Present, api: HooksApi, *, deliveries: bool) -> None:
    """Keep what one scope has, with what the latest deliveries say of the secrets."""
    for want in found.usable if deliveries else ():
        hook = of_kind(present, want)
        if hook is not None:
            latest = api.deliveries(present.scope, hook.id, most=READ_DELIVERIES)
            found.deliveries[present.scope, hook.id] = latest
            present = judged(present, hook, latest)
    found.present.append(present)
    found.apis[present.scope] = api


def judged(present: Present, hook: Webhook, latest: tuple[Delivery, ...]) -> Present:
    """The scope with what the latest deliveries of one of its webhooks say of its secret."""
    others = present.refused - {hook.id}
    return replace(present, refused=others | {hook.id} if _is_refused(hook, latest) else others)


def _is_refused(hook: Webhook, latest: tuple[Delivery, ...]) -> bool:
    """Whether the newest delivery since the webhook's last change was refused; an older one says nothing any more."""
    if not latest or latest[0].code not in REFUSED:
        return False
    changed = hook.updated_at
    return not changed or datetime.fromisoformat(latest[0].delivered_at) >= datetime.fromisoformat(changed)


@dataclass(slots=True)
class Pace:
    """Lets a write pass when it is time for it."""

    seconds: float = SECONDS_BETWEEN_WRITES
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = float("-inf")

    def wait(self) -> None:
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + self.seconds


@dataclass(slots=True)
class Hand:
    """Does the steps of webhooks. What GitHub forbids for one scope is kept in `problems`, and the others go on."""

    apis: Mapping[str, HooksApi]
    secrets: Mapping[str, str] = field(repr=False)
    app_note: Path
    pace: Pace = field(default_factory=Pace)
    problems: list[BootstrapError] = field(default_factory=list)

    def handlers(self) -> dict[type[Any], Hand]:
        return dict.fromkeys((CreateHook, UpdateHook, DeleteHook), self)

    def is_done(self, _step: Any, _results: Mapping[str, Any]) -> None:
        """The plan is made of what GitHub has now, so that nothing in it is done."""
        return None

    def run(self, step: CreateHook | UpdateHook | DeleteHook, _results: Mapping[str, Any]) -> str:
        try:
            return self._do(step)
        except (NotFound, Forbidden, NotAccepted) as error:
            self.problems.append(error)
            return "failed"

    def _do(self, step: CreateHook | UpdateHook | DeleteHook) -> str:
        api = self.apis[step.scope]
        self.pace.wait()
        if isinstance(step, DeleteHook):
            try:
                api.delete(step.scope, step.id)
            except NotFound:  # somebody else was quicker
                return "was gone"
            return "deleted"
        assert step.hook is not None
        url, events, secret = step.hook.url, step.hook.events, self.secrets[step.hook.secret_key]
        if isinstance(step, CreateHook):
            return self._create(api, step.scope, step.hook, secret)
        if step.scope == APP:
            write_atomic(self.app_note, f"{url}\n")
            api.set_app_hook(url, secret)
            self.app_note.unlink(missing_ok=True)
            return "set"
        api.update(step.scope, step.id, url, events, secret)
        if step.ping:
            self.pace.wait()
            api.ping(step.scope, step.id)
        return "changed"

    def _create(self, api: HooksApi, scope: str, hook: WantedHook, secret: str) -> str:
        try:
            api.create(scope, hook.url, hook.events, secret)
            return "made"
        except NotAccepted:
            # An answer that was lost, or somebody at the same time: it is there, but whose secret it has is not known.
            there = next((one for one in api.hooks(scope) if same_address(one.url, hook.url)), None)
            if there is None:
                raise
            self.pace.wait()
            api.update(scope, there.id, hook.url, hook.events, secret)
            return "changed"


def newest_ping(deliveries: Iterable[Delivery], known: set[int]) -> Delivery | None:
    """The newest delivery of a ping that is not one of `known`."""
    return next((one for one in deliveries if one.event == "ping" and one.id not in known), None)

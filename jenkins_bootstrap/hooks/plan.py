"""What has to be done so that GitHub has the wanted webhooks and ours alone are changed. Pure.

A webhook is ours when it has our address, or one that the user says was ours. Whether its secret is the present one
GitHub never tells; it is taken to be another one when the webhook was last changed before the present value came into
force, when deliveries are refused, and when the user says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jenkins_bootstrap.facts import Webhook
from jenkins_bootstrap.hooks.judge import REFUSED
from jenkins_bootstrap.hooks.wanted import WantedHook, lacks_slash, like_ours, same_address
from jenkins_bootstrap.plan import Plan, Step

SHOWN = 5
"""Webhooks that one warning names."""


@dataclass(frozen=True, slots=True)
class Present:
    """The webhooks of one scope. `refused` are the ids of those whose newest delivery, made after their last change,
    was refused as by a wrong signature; of a repository's the webhook tells it itself. `app`: the App's own webhook."""

    scope: str
    hooks: tuple[Webhook, ...]
    refused: frozenset[int] = frozenset()
    app: bool = False


@dataclass(frozen=True, slots=True)
class CreateHook(Step):
    scope: str = ""
    hook: WantedHook | None = None


@dataclass(frozen=True, slots=True)
class UpdateHook(Step):
    """`ping` when only a delivery can tell whether it helped."""

    scope: str = ""
    hook: WantedHook | None = None
    id: int = 0
    ping: bool = False


@dataclass(frozen=True, slots=True)
class DeleteHook(Step):
    scope: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class HooksPlan:
    plan: Plan
    warnings: tuple[str, ...] = ()


def plan_hooks(
    wanted: Sequence[WantedHook],
    in_force: Mapping[str, datetime],
    present: Sequence[Present],
    *,
    rotate: bool = False,
    replace_app: bool = False,
    app_owed: bool = False,
    former: Sequence[str] = (),
) -> HooksPlan:
    """The steps: the App's own webhook first, then in the order of the scopes, deletions of former ones last.

    Args:
        wanted: from `wanted_hooks`.
        in_force: since when the present value of each key is in force, with a time zone; a key without a value is
            missing, and a webhook that needs it is left as it is.
        present: what GitHub has.
        rotate: set every secret anew.
        replace_app: also where the App's own webhook goes to another address.
        app_owed: an earlier run was to set the App's own webhook and did not.
        former: addresses that were ours: webhooks that go there are deleted.
    """
    steps: list[Step] = []
    warnings = [
        f"the secret has no {hook.secret_key}: the {hook.words} is not made or looked after; add the key to the secret"
        for hook in wanted
        if hook.secret_key not in in_force
    ]
    usable = [hook for hook in wanted if hook.secret_key in in_force]
    warnings += [
        f"{hook.url} is not https: what GitHub sends can be read on its way" for hook in usable if _plain(hook)
    ]
    for scope in present:
        if scope.app:
            continue
        for hook in usable:
            steps += _steps(hook, in_force[hook.secret_key], scope, rotate=rotate)
            warnings += _near(hook, scope)
    warnings += left_behind(wanted, present, former)
    told = rotate or any(_tells_receiver_anew(step) for step in steps)
    for scope in present:
        if scope.app:
            # First: a run that is ended after it is followed by one that still sees the reason. Of the App's own GitHub
            # does not tell when it was changed.
            more, said = _app(usable, scope, rotate=told, replace=replace_app, owed=app_owed)
            steps = more + steps
            warnings += said
    steps += _tidy(wanted, present, former)
    return HooksPlan(Plan("webhooks", tuple(steps)), tuple(warnings))


def _tells_receiver_anew(step: Step) -> bool:
    """Whether it sets the receiver's secret where others have it too; a new repository's webhook is nobody else's."""
    if isinstance(step, CreateHook):
        return step.hook is not None and step.hook.kind == "receiver" and "/" not in step.scope
    return isinstance(step, UpdateHook) and step.hook is not None and step.hook.kind == "receiver"


def _steps(hook: WantedHook, since: datetime, present: Present, *, rotate: bool) -> list[Step]:
    ours = [one for one in present.hooks if same_address(one.url, hook.url)]
    if not ours:
        return [_create(hook, present.scope)]
    # The one that needs the least is kept; of equals the oldest, whose deliveries are remembered.
    kept = min(ours, key=lambda one: (len(_wrong(one, hook)), one.id))
    steps: list[Step] = [
        _delete(
            f"{present.scope}:{hook.kind}",
            f"delete the second {hook.words} of {present.scope}",
            f"{kept.id} goes to the same address",
            present.scope,
            one,
        )
        for one in sorted(ours, key=lambda one: one.id)
        if one.id != kept.id
    ]
    wrong = _wrong(kept, hook)
    doubts = _doubts(kept, since, present, rotate=rotate)
    if wrong or doubts:
        steps.append(
            UpdateHook(
                f"{present.scope}:{hook.kind}:update:{kept.id}",
                f"change the {hook.words} of {present.scope}",
                f"PATCH {_path(present.scope)}/{kept.id}",
                "; ".join(wrong + doubts),
                scope=present.scope,
                hook=hook,
                id=kept.id,
                ping=bool(doubts),
            )
        )
    return steps


def _create(hook: WantedHook, scope: str) -> CreateHook:
    return CreateHook(
        f"{scope}:{hook.kind}:create",
        f"make the {hook.words} of {scope}: {', '.join(hook.events)}",
        f"POST {_path(scope)} {hook.url}",
        "there is none with this address",
        scope=scope,
        hook=hook,
    )


def _delete(key: str, words: str, reason: str, scope: str, one: Webhook) -> DeleteHook:
    return DeleteHook(
        f"{key}:delete:{one.id}", words, f"DELETE {_path(scope)}/{one.id}", reason, scope=scope, id=one.id
    )


def _wrong(found: Webhook, hook: WantedHook) -> list[str]:
    """In what a webhook of ours is not as it should be."""
    said = []
    if set(found.events) != set(hook.events):
        said.append(f"its events are {', '.join(found.events) or 'none'}, not {', '.join(hook.events)}")
    if not found.active:
        said.append("it is switched off")
    return said + _wrong_delivery(found)


def _wrong_delivery(found: Webhook) -> list[str]:
    said = []
    if found.content_type != "json":
        said.append(f"its content type is {found.content_type}, not json")
    if found.insecure_ssl != "0":
        said.append("it does not verify the certificate")
    if not found.has_secret:
        said.append("it has no secret")
    return said


def _doubts(found: Webhook, since: datetime, present: Present, *, rotate: bool) -> list[str]:
    """Why its secret may not be the present one."""
    if rotate:
        return ["its secret is set anew, as asked for"]
    if found.updated_at and datetime.fromisoformat(found.updated_at) < since:
        return ["its secret is older than the present value"]
    if found.id in present.refused or found.last_code in REFUSED:
        return ["deliveries are refused, as by a wrong signature"]
    return []


def _near(hook: WantedHook, present: Present) -> list[str]:
    return [
        f"webhook {one.id} of {present.scope} goes to {one.url}, where a slash is missing or too many: "
        "it is not ours and is left alone, but nothing that it delivers arrives"
        for one in present.hooks
        if lacks_slash(one.url, hook.url)
    ]


def left_behind(wanted: Sequence[WantedHook], present: Sequence[Present], former: Sequence[str] = ()) -> list[str]:
    """In words which webhooks may be ours of a former address: they look so, but another Jenkins has such too."""
    found: dict[str, list[str]] = {}
    for scope in present:
        for one in () if scope.app else scope.hooks:
            known = any(same_address(one.url, url) for url in (*former, *(hook.url for hook in wanted)))
            # Those whose slash alone is wrong are told apart.
            if not known and any(like_ours(one.url, h) and not lacks_slash(one.url, h.url) for h in wanted):
                found.setdefault(one.url, []).append(f"{one.id} of {scope.scope}")
    return [
        f"{'webhooks' if len(which) > 1 else 'webhook'} {_some(which)} {'go' if len(which) > 1 else 'goes'} to {url}, "
        "which is not the address of the settings: left alone, as it may be another Jenkins' own. If it is a former "
        f"one of this Jenkins: hooks sync --remove-former {url}"
        for url, which in found.items()
    ]


def _some(which: Sequence[str]) -> str:
    more = len(which) - SHOWN
    return ", ".join(which[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _tidy(wanted: Sequence[WantedHook], present: Sequence[Present], former: Sequence[str]) -> list[Step]:
    """The deletions that were asked for; never of a webhook whose address is wanted."""
    return [
        _delete(
            f"{scope.scope}:former",
            f"delete the webhook of {scope.scope} to a former address",
            f"it goes to {one.url}",
            scope.scope,
            one,
        )
        for scope in present
        if not scope.app
        for one in scope.hooks
        if any(same_address(one.url, url) for url in former)
        and not any(same_address(one.url, hook.url) for hook in wanted)
    ]


def _app(
    usable: Sequence[WantedHook], present: Present, *, rotate: bool, replace: bool, owed: bool
) -> tuple[list[Step], list[str]]:
    """The App's own webhook: there is one, which may be without an address. Only it tells which repositories the App
    was given or lost."""
    hook = next((one for one in usable if one.kind == "receiver"), None)
    if hook is None:
        return [], []
    (found,) = present.hooks
    ours = same_address(found.url, hook.url)
    if found.url and not ours and not replace:
        said = (
            f"the webhook of {present.scope} goes to {found.url} and is left alone: it cannot tell the receiver which "
            "repositories the App gets and loses; --replace-app-webhook takes it"
        )
        return [], [said]
    reasons = _wrong_delivery(found) if ours else [f"it goes to {found.url or 'nowhere'}"]
    if ours and rotate:
        reasons.append("its secret is set anew")
    elif ours and found.id in present.refused:
        reasons.append("deliveries are refused, as by a wrong signature")
    elif ours and owed:
        reasons.append("an earlier run could not set its secret")
    if not reasons:
        return [], []
    step = UpdateHook(
        f"{present.scope}:receiver:update",
        f"set the webhook of {present.scope}",
        f"PATCH {_path(present.scope)}/config {hook.url}",
        "; ".join(reasons),
        scope=present.scope,
        hook=hook,
    )
    return [step], []


def of_kind(present: Present, hook: WantedHook) -> Webhook | None:
    """The webhook that is kept, when there is one."""
    ours = [one for one in present.hooks if same_address(one.url, hook.url)]
    return min(ours, key=lambda one: (len(_wrong(one, hook)), one.id)) if ours else None


def _plain(hook: WantedHook) -> bool:
    return hook.url.lower().startswith("http://")


def _path(scope: str) -> str:
    if " " in scope:
        return "/app/hook"
    return f"/repos/{scope}/hooks" if "/" in scope else f"/orgs/{scope}/hooks"

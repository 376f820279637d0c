"""The rows of `hooks check`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jenkins_bootstrap.cli.check import Row, failures
from jenkins_bootstrap.cli.webhooks import Reading, newest_ping
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Webhook
from jenkins_bootstrap.github.errors import GitHubError
from jenkins_bootstrap.hooks.judge import REFUSED, judge_deliveries, remedy_of
from jenkins_bootstrap.hooks.plan import Present, of_kind, plan_hooks
from jenkins_bootstrap.hooks.wanted import WantedHook

if TYPE_CHECKING:
    from jenkins_bootstrap.cli.context import Context

PING_SECONDS = 20.0
"""GitHub delivers within a second or two, and gives the other side ten seconds to answer."""
SYNC = "jenkins-bootstrap hooks sync"


def webhook_rows(
    ctx: Context, found: Reading, *, ping: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Row]:
    """Each webhook: is it there and right, do its deliveries arrive, does a ping."""
    for hook in found.wanted:
        if hook.secret_key not in found.in_force:
            yield Row(
                hook.words, "note", f"the secret has no {hook.secret_key}", f"add {hook.secret_key} to it; {SYNC}"
            )
    single = [one for one in found.present if "/" in one.scope]
    if single:
        yield from repository_rows(found, single)
    for present in found.present:
        if present in single:
            continue
        for hook in found.usable:
            if present.app and hook.kind == "jenkins":
                continue
            thing = f"{present.scope}: {hook.words}"
            kept = present.hooks[0] if present.app else of_kind(present, hook)
            yield from state_rows(found, present, hook, thing)
            if kept is None or (present.scope, kept.id) not in found.deliveries:
                continue
            yield delivery_row(found, present, hook, kept, thing)
            if ping and not present.app:
                yield ping_row(ctx, found, present, hook, kept, sleep)


def state_rows(found: Reading, present: Present, hook: WantedHook, thing: str) -> Iterator[Row]:
    """Whether it is as the settings want it: what `hooks sync` would do about it."""
    planned = plan_hooks([hook], found.in_force, [present])
    if not planned.plan:
        said = "certificate verified, JSON" + ("" if present.app else ", " + ", ".join(hook.events))
        yield Row(thing, "ok", f"{hook.url}: {said}")
    for step in planned.plan.steps:
        yield Row(thing, "fail", step.reason, SYNC)
    for words in planned.warnings:
        yield Row(thing, "note", words)


def delivery_row(found: Reading, present: Present, hook: WantedHook, kept: Webhook, thing: str) -> Row:
    said = judge_deliveries(found.deliveries[present.scope, kept.id], datetime.now(UTC), hook.kind)
    return Row(f"{thing}, deliveries", said.status, said.words, said.remedy)


def ping_row(
    ctx: Context,
    found: Reading,
    present: Present,
    hook: WantedHook,
    kept: Webhook,
    sleep: Callable[[float], None],
) -> Row:
    """Have GitHub ping, and wait for what is delivered."""
    thing = f"{present.scope}: {hook.words}, ping"
    api = found.apis[present.scope]
    known = {one.id for one in found.deliveries[present.scope, kept.id]}
    try:
        with ctx.progress(f"pinging the {hook.words} of {present.scope}"):
            api.ping(present.scope, kept.id)
            waited, pause = 0.0, 0.25
            while waited < PING_SECONDS:
                sleep(pause)
                waited, pause = waited + pause, min(pause * 2, 4.0)
                answer = newest_ping(api.deliveries(present.scope, kept.id, most=20), known)
                if answer is not None:
                    if answer.arrived:
                        return Row(thing, "ok", f"arrived: {answer.code} after {answer.seconds:.1f} s")
                    said = str(answer.code) if answer.code else answer.status or "no answer"
                    return Row(thing, "fail", f"got {said}", remedy_of(answer, hook.kind))
    except GitHubError as error:
        return next(failures(thing, error))
    return Row(
        thing,
        "fail",
        f"GitHub has not delivered it within {PING_SECONDS:.0f} s",
        "look at the webhook's page on GitHub",
    )


def repository_rows(found: Reading, single: list[Present]) -> Iterator[Row]:
    """Webhooks of repositories: one row in all when they are right, and one for each that is not."""
    good = 0
    for present in single:
        planned = plan_hooks(found.wanted, found.in_force, [present])
        for step in planned.plan.steps:
            yield Row(present.scope, "fail", f"{step.words}: {step.reason}", SYNC)
        down = [
            hook
            for hook in (of_kind(present, want) for want in found.usable)
            if hook is not None and hook.last_code is not None and not 200 <= hook.last_code < 300
        ]
        for hook in down:
            if hook.last_code not in REFUSED:  # those are among the steps
                yield Row(
                    present.scope,
                    "fail",
                    f"the last delivery to {hook.url} got {hook.last_code or 'no answer'}",
                    "look at the webhook's page of the repository on GitHub",
                )
        good += not planned.plan and not down
    yield Row("webhooks of repositories", "ok", f"{good} of {len(single)} repositories have all that they need")


def canary_rows(
    ctx: Context, found: Reading, *, url: str | None, user: str | None, token_file: str | None
) -> Iterator[Row]:
    """A push that we sign ourselves, for the repository that is there for it, and what Jenkins makes of it."""
    canary = ctx.settings.github.hooks.canary
    if canary is None:
        yield Row("canary", "note", "not looked for: no repository is named", "name one in github.hooks.canary")
        return
    try:
        yield from _pushed(ctx, found, canary, url=url, user=user, token_file=token_file)
    except BootstrapError as error:
        yield from failures(f"canary {canary}", error)


def _pushed(
    ctx: Context, found: Reading, canary: str, *, url: str | None, user: str | None, token_file: str | None
) -> Iterator[Row]:
    yield Row("canary", "note", "not looked for")

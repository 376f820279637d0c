"""The rows of `hooks check`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jenkins_bootstrap.cli.check import Row, failures
from jenkins_bootstrap.cli.webhooks import READ_DELIVERIES, Reading, judged, newest_ping
from jenkins_bootstrap.errors import BootstrapError, UsageError
from jenkins_bootstrap.facts import Delivery, Webhook
from jenkins_bootstrap.github.errors import GitHubError
from jenkins_bootstrap.hooks.judge import REFUSED, answer_words, judge_deliveries, remedy_of
from jenkins_bootstrap.hooks.plan import Present, left_behind, of_kind, plan_hooks
from jenkins_bootstrap.hooks.wanted import WantedHook

if TYPE_CHECKING:
    from jenkins_bootstrap.cli.context import Context
    from jenkins_bootstrap.controller.client import Controller
    from jenkins_bootstrap.github.hooks import HooksApi

PING_SECONDS = 20.0
"""GitHub delivers within a second or two, and gives the other side ten seconds to answer."""
EFFECT_SECONDS = 30.0
"""Jenkins waits five seconds before it looks at an event, then asks GitHub."""
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
            if not (present.app and hook.kind == "jenkins"):
                yield from scope_rows(ctx, found, present, hook, ping=ping, sleep=sleep)


def scope_rows(
    ctx: Context, found: Reading, present: Present, hook: WantedHook, *, ping: bool, sleep: Callable[[float], None]
) -> Iterator[Row]:
    """One webhook of an organisation, or the App's own. The ping comes first: what is judged is as new as it."""
    thing = f"{present.scope}: {hook.words}"
    kept = present.hooks[0] if present.app else of_kind(present, hook)
    known = None if kept is None else found.deliveries.get((present.scope, kept.id))
    pinged = None
    if kept is not None and known is not None and ping and not present.app:
        pinged, latest = ping_row(ctx, found.apis[present.scope], present.scope, hook, kept, known, sleep)
        found.deliveries[present.scope, kept.id] = latest
        present = judged(present, kept, latest)
    yield from state_rows(found, present, hook, thing)
    if kept is not None and known is not None:
        yield delivery_row(found, present, hook, kept, thing)
    if pinged is not None:
        yield pinged


def state_rows(found: Reading, present: Present, hook: WantedHook, thing: str) -> Iterator[Row]:
    """Whether it is as the settings want it: what `hooks sync` would do about it."""
    planned = plan_hooks([hook], found.in_force, [present], app_owed=found.app_owed)
    if not planned.plan and of_kind(present, hook) is not None:  # the App's may go elsewhere, which is told below
        verified = "certificate verified, " if hook.url.lower().startswith("https:") else ""
        said = f"{verified}JSON" + ("" if present.app else ", " + ", ".join(hook.events))
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
    api: HooksApi,
    scope: str,
    hook: WantedHook,
    kept: Webhook,
    known: tuple[Delivery, ...],
    sleep: Callable[[float], None],
) -> tuple[Row, tuple[Delivery, ...]]:
    """Have GitHub ping, and wait for what is delivered; also the latest deliveries then, `known` if there is none."""
    thing = f"{scope}: {hook.words}, ping"
    before = {one.id for one in known}
    try:
        with ctx.progress(f"pinging the {hook.words} of {scope}"):
            api.ping(scope, kept.id)
            waited, pause = 0.0, 0.25
            while waited < PING_SECONDS:
                sleep(pause)
                waited, pause = waited + pause, min(pause * 2, 4.0)
                latest = api.deliveries(scope, kept.id, most=READ_DELIVERIES)
                answer = newest_ping(latest, before)
                if answer is None:
                    continue
                if answer.arrived:
                    return Row(thing, "ok", f"arrived: {answer.code} after {answer.seconds:.1f} s"), latest
                return Row(thing, "fail", f"got {answer_words(answer)}", remedy_of(answer, hook.kind)), latest
    except GitHubError as error:
        return next(failures(thing, error)), known
    said = f"GitHub has not delivered it within {PING_SECONDS:.0f} s"
    return Row(thing, "fail", said, "look at the webhook's page on GitHub"), known


def repository_rows(found: Reading, single: list[Present]) -> Iterator[Row]:
    """Webhooks of repositories: one row in all when they are right, and one for each that is not."""
    good = 0
    for words in left_behind(found.wanted, single):
        yield Row("webhooks of repositories", "note", words)
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
    ctx: Context,
    found: Reading,
    jenkins: Callable[[], Controller],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Row]:
    """A push that we sign ourselves, for the repository that is there for it, and what Jenkins makes of it.

    `jenkins` gives the Jenkins that is asked; BootstrapError when it is not known which.
    """
    canary = ctx.settings.github.hooks.canary
    hook = next(hook for hook in found.wanted if hook.kind == "jenkins")
    if canary is None:
        yield Row("canary", "note", "not looked for: no repository is named", "name one in github.hooks.canary")
    elif hook.secret_key not in found.in_force:
        yield Row("canary", "note", f"not looked for: the secret has no {hook.secret_key}")
    else:
        thing = f"canary {canary}"
        try:
            controller = jenkins()
            if ctx.target == "embedded" and controller.url == ctx.endpoints.jenkins_url:
                yield Row(
                    thing, "note", "not looked for: the embedded Jenkins takes no webhooks", "jenkins-bootstrap try"
                )
                return
            yield from pushed_rows(ctx, hook, canary, controller, sleep)
        except UsageError as error:
            yield Row(thing, "note", f"not looked for: {error.what}", error.hint)
        except BootstrapError as error:
            yield from failures(thing, error)


def pushed_rows(
    ctx: Context, hook: WantedHook, canary: str, controller: Controller, sleep: Callable[[float], None]
) -> Iterator[Row]:
    """Send the push, and wait until the job has noted it."""
    from secrets import token_hex

    from jenkins_bootstrap.cli.sources import github_api_url
    from jenkins_bootstrap.controller.events import deliver, job_events
    from jenkins_bootstrap.hooks.canary import BRANCH, canary_push, outcome

    thing = f"canary {canary}"
    owner = next((o.name for o in ctx.settings.github.owners if o.name.lower() == canary.partition("/")[0].lower()), "")
    job = f"{ctx.settings.jobs.folder}/{canary}"
    if not owner or job_events(controller, job) is None:
        yield Row(thing, "fail", f"Jenkins has no job {job}", "jenkins-bootstrap jobs sync; the filter must let it in")
        return
    # On the embedded target nothing answers at controller.url.
    url = hook.url if ctx.target == "aws" else f"{controller.url.rstrip('/')}/github-webhook/"
    push = canary_push(canary, github_api_url(ctx), ctx.secret_values[hook.secret_key], token_hex(8))
    with ctx.progress(f"looking for what Jenkins makes of a push for {canary}"):
        code = deliver(url, push.body, push.headers)
        if not 200 <= code < 300:
            remedy = remedy_of(Delivery(0, "", "", "push", code), "jenkins")
            yield Row(thing, "fail", f"a signed push to {url} got {code}", remedy)
            return
        came: str = "none"
        for waited in range(1, round(EFFECT_SECONDS) + 1):
            sleep(1.0)
            came = outcome(job_events(controller, job) or "", push.mark)
            if came == "done":
                yield Row(thing, "ok", f"{job} has noted a signed push and looked at GitHub, {waited} s after it")
                return
            if came == "failed":
                break
    page = f"{controller.url.rstrip('/')}/job/{'/job/'.join(job.split('/'))}/indexing/events"
    if came == "none":
        yield Row(
            thing,
            "fail",
            f"a signed push got {code}, but {job} has not noted it within {EFFECT_SECONDS:.0f} s",
            f"is the job enabled, does its filter of branches let {BRANCH}* in, and is its API address the one of "
            "github.api_url?",
        )
    else:
        how = "failed" if came == "failed" else f"was not done within {EFFECT_SECONDS:.0f} s"
        yield Row(thing, "fail", f"{job} has noted a signed push, but its look at GitHub {how}", f"read {page}")

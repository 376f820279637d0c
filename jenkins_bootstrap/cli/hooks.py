"""`hooks`: the webhooks on GitHub as the settings want them, and whether what they deliver arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.cli.jenkins import jenkins_options

if TYPE_CHECKING:
    from jenkins_bootstrap.plan import Plan


@click.group()
def hooks() -> None:
    """Webhooks on GitHub: one to Jenkins for builds, one to the receiver for the jobs themselves.

    \b
    Example:
      jenkins-bootstrap hooks plan
      jenkins-bootstrap hooks sync
      jenkins-bootstrap hooks check
    """


def choices(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `plan` and `sync` have in common."""
    function = click.option("--rotate", is_flag=True, help="Set every secret anew, also one that seems to be right.")(
        function
    )
    function = click.option(
        "--remove-former",
        "former",
        metavar="URL",
        multiple=True,
        help="Delete the webhooks that go to this address, a former one of this Jenkins. May be given several times.",
    )(function)
    return click.option(
        "--replace-app-webhook", is_flag=True, help="Take the GitHub App's own webhook though it goes elsewhere."
    )(function)


@hooks.command()
@choices
@click.option("--exit-code", is_flag=True, help="Exit with 3 when changes are pending.")
@global_options
def plan(ctx: Context, rotate: bool, former: tuple[str, ...], replace_app_webhook: bool, exit_code: bool) -> int | None:
    """Show what `hooks sync` would do.

    \b
    Example:
      jenkins-bootstrap hooks plan --exit-code
    """
    wanted = Wishes(rotate, replace_app_webhook, former)
    return bring_about(ctx, wanted, plan_only=True, exit_code=exit_code)


@hooks.command()
@choices
@plan_options
@global_options
def sync(
    ctx: Context, rotate: bool, former: tuple[str, ...], replace_app_webhook: bool, plan_only: bool, exit_code: bool
) -> int | None:
    """Make, change and tidy up the webhooks that go to Jenkins and to the receiver; others are never touched.

    \b
    Example:
      jenkins-bootstrap hooks sync
      jenkins-bootstrap hooks sync --rotate

    After a change of a webhook secret in Secrets Manager it sets the new one; deliveries signed with the one before are
    accepted for controller.boot.webhook_overlap_hours. It may be killed and run again at any time. After a change of
    address the webhooks to the former one are named; --remove-former deletes them.
    """
    wanted = Wishes(rotate, replace_app_webhook, former)
    return bring_about(ctx, wanted, plan_only=plan_only, exit_code=exit_code)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options ask for beyond what the settings say."""

    rotate: bool = False
    replace_app: bool = False
    former: tuple[str, ...] = ()


def bring_about(ctx: Context, wishes: Wishes, *, plan_only: bool, exit_code: bool) -> int | None:
    from jenkins_bootstrap.cli.webhooks import Hand, read
    from jenkins_bootstrap.errors import raise_all
    from jenkins_bootstrap.hooks.plan import plan_hooks
    from jenkins_bootstrap.plan import Executor, Journal, describe

    with read(ctx) as found:
        planned = plan_hooks(
            found.wanted,
            found.in_force,
            found.present,
            rotate=wishes.rotate,
            replace_app=wishes.replace_app,
            app_owed=found.app_owed,
            former=wishes.former,
        )
        for words in planned.warnings:
            ctx.warn(words)
        for words in found.notes:
            ctx.note(words)
        note_young_secrets(ctx, planned.plan, found.in_force)
        rows = describe(planned.plan)
        results: dict[str, str] = {}
        problems = list(found.problems)
        if not plan_only and planned.plan:
            hand = Hand(found.apis, ctx.secret_values, found.app_note)
            executor = Executor(hand.handlers(), Journal(ctx.state / "hooks.jsonl"), progress=ctx.progress)
            results = executor.run(planned.plan).results
            problems += hand.problems
    if ctx.json:
        data = [row | {"result": results.get(row["step"], "planned")} for row in rows]
        ctx.data({"steps": data, "warnings": list(planned.warnings)})
    else:
        for row in rows:
            done = results.get(row["step"])
            ctx.out(f"{row['does']} ({row['reason']})" + (f": {done}" if done else f"\n  {row['call']}"))
    ctx.note(f"{len(rows)} {'changes' if len(rows) != 1 else 'change'} {'pending' if plan_only else 'made'}")
    raise_all(problems)
    return CHANGES_PENDING if plan_only and exit_code and planned.plan else None


def note_young_secrets(ctx: Context, plan: Plan, in_force: Mapping[str, datetime]) -> None:
    """Before the change: a controller that has not looked yet refuses what is signed with a secret it does not know."""
    minutes = ctx.settings.controller.boot.look_every_minutes
    now = datetime.now(UTC)
    set_now = {hook.secret_key for step in plan.steps if (hook := getattr(step, "hook", None)) is not None}
    for key in sorted(set_now):
        known = in_force[key] + timedelta(minutes=minutes + 1)
        if now < known:
            ctx.warn(
                f"{key} is younger than {minutes} minutes (controller.boot.look_every_minutes): a controller that has "
                f"not looked since refuses what is signed with it; by {known:%H:%M:%S} UTC each has looked"
            )


@hooks.command()
@jenkins_options
@click.option("--ping/--no-ping", default=True, help="Have GitHub deliver a ping, and look for what came of it.")
@global_options
def check(ctx: Context, url: str | None, user: str | None, token_file: Path | None, ping: bool) -> int:
    """Whether the webhooks are right and what they deliver arrives: one row each, with the remedy.

    \b
    Example:
      jenkins-bootstrap hooks check
      jenkins-bootstrap hooks check --no-ping --json

    Looks at recent deliveries, has GitHub send a ping, and sends a signed push for github.hooks.canary to Jenkins,
    whose effect is looked for there. Exits with 1 when something is wrong.
    """
    from jenkins_bootstrap.cli.check import concluded, failures
    from jenkins_bootstrap.cli.hooks_check import canary_rows, webhook_rows
    from jenkins_bootstrap.cli.jenkins import controller_for
    from jenkins_bootstrap.cli.webhooks import read

    with read(ctx) as found:
        rows = list(webhook_rows(ctx, found, ping=ping))
        for problem in found.problems:
            rows += failures("GitHub", problem)
        rows += canary_rows(ctx, found, lambda: controller_for(ctx, url, user, token_file))
    return concluded(ctx, rows)

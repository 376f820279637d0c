"""`hooks`: the webhooks on GitHub as the settings want them, and whether what they deliver arrives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.cli.jenkins import jenkins_options


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
    return click.option(
        "--replace-app-webhook", is_flag=True, help="Take the GitHub App's own webhook though it goes elsewhere."
    )(function)


@hooks.command()
@choices
@click.option("--exit-code", is_flag=True, help="Exit with 3 when changes are pending.")
@global_options
def plan(ctx: Context, rotate: bool, replace_app_webhook: bool, exit_code: bool) -> int | None:
    """Show what `hooks sync` would do.

    \b
    Example:
      jenkins-bootstrap hooks plan --exit-code
    """
    return bring_about(ctx, plan_only=True, exit_code=exit_code, rotate=rotate, replace_app=replace_app_webhook)


@hooks.command()
@choices
@plan_options
@global_options
def sync(ctx: Context, rotate: bool, replace_app_webhook: bool, plan_only: bool, exit_code: bool) -> int | None:
    """Make, change and tidy up the webhooks that go to Jenkins and to the receiver; others are never touched.

    \b
    Example:
      jenkins-bootstrap hooks sync
      jenkins-bootstrap hooks sync --rotate

    After a change of a webhook secret in Secrets Manager it sets the new one; deliveries signed with the one before are
    accepted for controller.boot.webhook_overlap_hours. It may be killed and run again at any time.
    """
    return bring_about(ctx, plan_only=plan_only, exit_code=exit_code, rotate=rotate, replace_app=replace_app_webhook)


def bring_about(ctx: Context, *, plan_only: bool, exit_code: bool, rotate: bool, replace_app: bool) -> int | None:
    from jenkins_bootstrap.cli.webhooks import Hand, read
    from jenkins_bootstrap.errors import raise_all
    from jenkins_bootstrap.hooks.plan import plan_hooks
    from jenkins_bootstrap.plan import Executor, Journal, describe

    with read(ctx) as found:
        planned = plan_hooks(found.wanted, found.in_force, found.present, rotate=rotate, replace_app=replace_app)
        for words in planned.warnings:
            ctx.warn(words)
        for words in found.notes:
            ctx.note(words)
        rows = describe(planned.plan)
        results: dict[str, str] = {}
        problems = list(found.problems)
        if not plan_only and planned.plan:
            hand = Hand(found.apis, ctx.secret_values)
            executor = Executor(hand.handlers(), Journal(ctx.state / "hooks.jsonl"), progress=ctx.progress)
            results = executor.run(planned.plan).results
            problems += hand.problems
            note_young_secret(ctx, found.in_force)
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


def note_young_secret(ctx: Context, in_force: Any) -> None:
    """A controller that has not looked yet refuses what is signed with a secret that it does not know."""
    from datetime import UTC, datetime, timedelta

    minutes = ctx.settings.controller.boot.look_every_minutes
    if any(datetime.now(UTC) - since < timedelta(minutes=minutes + 1) for since in in_force.values()):
        ctx.note(
            f"a secret is younger than {minutes} minutes (controller.boot.look_every_minutes): a controller that has"
            " not looked since refuses deliveries until it does; hooks check tells"
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

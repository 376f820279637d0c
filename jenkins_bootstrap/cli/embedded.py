"""`embedded up`, `down`, `env`: the emulated AWS and GitHub as servers, for other tools and for a look around."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options

if TYPE_CHECKING:
    from jenkins_bootstrap.embedded.client import Status


@click.group()
def embedded() -> None:
    """The emulated AWS and GitHub as servers, for other tools.

    \b
    Example:
      jenkins-bootstrap embedded up
      eval "$(jenkins-bootstrap embedded env)"
      aws ec2 describe-images --owners self
    """


@embedded.command()
@plan_options
@global_options
def up(ctx: Context, plan_only: bool, exit_code: bool) -> int:
    """Start them, and make what the settings name and is not there.

    \b
    Example:
      jenkins-bootstrap embedded up --plan

    Every command that needs them starts them by itself; this one also makes again what somebody deleted.
    """
    from jenkins_bootstrap.embedded import client

    settings = ctx.settings
    if plan_only:
        return _show_up_plan(ctx, exit_code)
    endpoints = client.up(settings.embedded, ctx.folder, settings=settings, progress=ctx.progress, reseed=True)
    if ctx.json:
        ctx.data(
            {
                "aws": endpoints.aws_url,
                "github": endpoints.github_url,
                "jenkins": endpoints.jenkins_url,
                "state": str(endpoints.state),
                "pid": endpoints.pid,
                "ssh_port": endpoints.ssh_port,
                "started_now": endpoints.started_now,
            }
        )
        return 0
    ctx.out(f"AWS     {endpoints.aws_url}  (embedded, no account is used)")
    ctx.out(f"GitHub  {endpoints.github_url}")
    ctx.out(f"Jenkins {endpoints.jenkins_url}  (its jobs alone: nothing is built)")
    ctx.out(f"state   {endpoints.state}")
    ctx.note('other tools: eval "$(jenkins-bootstrap embedded env)"')
    return 0


def _show_up_plan(ctx: Context, exit_code: bool) -> int:
    from jenkins_bootstrap.embedded import client, seed

    settings = ctx.settings
    missing = client.seed_plan(settings.embedded, ctx.folder, settings)
    steps: list[str] = []
    if missing is None:
        steps.append("start the embedded AWS and GitHub")
        if client.has_state(settings.embedded, ctx.folder):
            steps.append("make what is missing of the surroundings (known once it runs)")
        else:
            missing = [thing.words for thing in seed.plan(settings, ())]
    steps += [f"make {words}" for words in missing or ()]
    return _show(ctx, steps, exit_code)


def _show(ctx: Context, steps: list[str], exit_code: bool) -> int:
    if ctx.json:
        ctx.data([{"step": step} for step in steps])
    else:
        for step in steps or ["nothing to do"]:
            ctx.out(step)
    return CHANGES_PENDING if steps and exit_code else 0


@embedded.command()
@click.option("--wipe", is_flag=True, help="Also remove the state folder: images, secrets, everything.")
@plan_options
@global_options
def down(ctx: Context, wipe: bool, plan_only: bool, exit_code: bool) -> int:
    """End them and their instances. Images and all else stay for the next start.

    \b
    Example:
      jenkins-bootstrap embedded down
      jenkins-bootstrap embedded down --wipe
    """
    from jenkins_bootstrap.embedded import client

    embedded_settings = ctx.settings.embedded
    if plan_only:
        return _show(ctx, _down_steps(client.status(embedded_settings, ctx.folder), wipe), exit_code)
    ended = client.down(embedded_settings, ctx.folder, wipe=wipe, progress=ctx.progress)
    if ctx.json:
        ctx.data({"was_running": ended.was_running, "wiped": ended.wiped})
    else:
        ctx.note("ended" if ended.was_running else "was not running")
        if ended.wiped:
            ctx.note("the state folder is removed")
    return 0


def _down_steps(status: Status, wipe: bool) -> list[str]:
    steps = []
    if status.endpoints is not None:
        steps.append(f"end the daemon (process {status.endpoints.pid}) and its instances")
    if wipe and status.exists:
        steps.append(f"remove {status.state} and all its images")
    return steps


@embedded.command()
@global_options
def env(ctx: Context) -> int:
    """Start them and print exports for the environment of other tools.

    \b
    Example:
      eval "$(jenkins-bootstrap embedded env)"
    """
    variables = ctx.endpoints.environment() | ctx.endpoints.jenkins_environment()
    if ctx.json:
        ctx.data(variables)
        return 0
    for name, value in variables.items():
        ctx.out(f"export {name}={shlex.quote(value)}")
    return 0


@embedded.command()
@click.argument("name")
@click.argument("key", required=False)
@global_options
def secret(ctx: Context, name: str, key: str | None) -> None:
    """Print a secret of the embedded AWS, or one KEY of a key-value secret. It was made on this machine, for it alone.

    \b
    Example:
      jenkins-bootstrap embedded secret jenkins admin_password
    """
    import json

    from jenkins_bootstrap.aws import secrets
    from jenkins_bootstrap.errors import SecretError, UsageError, nearest

    if ctx.target != "embedded":
        raise UsageError(
            "prints secrets of the embedded AWS only", where=f"--target {ctx.target}", hint="use the AWS CLI"
        )
    found = secrets.read(ctx.aws, name)
    if key is None:
        ctx.out(found.text)
        return
    where = f"secret {name}"
    try:
        values = json.loads(found.text)
        value = values[key]
    except (ValueError, TypeError):
        raise SecretError("has no keys", where=where, hint=f"jenkins-bootstrap embedded secret {name}") from None
    except KeyError:
        near = nearest(key, values)
        hint = f"did you mean {near}?" if near else f"its keys: {', '.join(sorted(values))}"
        raise SecretError(f"has no key {key}", where=where, hint=hint) from None
    ctx.out(str(value))

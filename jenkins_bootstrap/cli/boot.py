"""`boot`: what runs on a controller around Jenkins' start: before it, after it, when it ended, and the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.errors import BootstrapError, UsageError

if TYPE_CHECKING:
    from jenkins_bootstrap.boot.alarm import Alarm
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.boot.prepare import Boot

LAYOUT = "jenkins-bootstrap.layout"


@click.group("boot", invoke_without_command=True)
@click.option("--root", type=click.Path(path_type=Path), help="The controller's / (for tests).", hidden=True)
@plan_options
@global_options
def boot(ctx: Context, root: Path | None, plan_only: bool, exit_code: bool) -> int | None:
    """Put everything in place before Jenkins starts. Runs in an image, by jenkins.service.

    Finds everything the settings name again, verifies the plugins, prepares JENKINS_HOME, and writes the stages, facts
    and secrets to /run/jenkins-bootstrap. When it fails Jenkins is not started.

    \b
    Example:
      jenkins-bootstrap boot --plan
    """
    from jenkins_bootstrap.boot.layout import Layout

    click_context = click.get_current_context()
    layout = click_context.meta[LAYOUT] = Layout() if root is None else Layout(root.absolute())
    if click_context.invoked_subcommand is not None:
        if not layout.share.is_dir():
            raise BootstrapError(
                "there is no such folder",
                where=str(layout.share),
                hint="boot runs inside a controller image, by its unit",
            )
        return None
    if ctx.target_option is not None:
        raise UsageError("an image has the target it was baked for", where="--target", hint="leave it out")
    this = _boot(ctx, layout)
    if plan_only:
        return _show(ctx, this, exit_code)
    _run(ctx, this)
    return None


@boot.command("confirm")
@global_options
def confirm(ctx: Context) -> None:
    """Jenkins is up: see that every stage has run and no secret is left, and forget failed boots.

    \b
    Example:
      jenkins-bootstrap boot confirm
    """
    from jenkins_bootstrap.boot import failures

    layout = _layout()
    failures.confirm(layout, connect=lambda: _alarm(ctx, layout), tell=_say)


@boot.command("ended")
@global_options
def ended(ctx: Context) -> None:
    """Jenkins has ended: count a failure, show the page, and after the last attempt raise the alarm.

    Called by jenkins.service with what systemd says in the environment.

    \b
    Example:
      SERVICE_RESULT=exit-code EXIT_CODE=exited EXIT_STATUS=70 jenkins-bootstrap boot ended
    """
    from jenkins_bootstrap.boot import failures
    from jenkins_bootstrap.config.controller import Boot as BootSettings

    layout = _layout()
    try:
        settings = _boot(ctx, layout).settings.controller.boot
    except BootstrapError:
        settings = BootSettings()  # why they cannot be read is the reason of the failure, which `boot` has noted
    failures.ended(layout, settings, os.environ, connect=lambda: _alarm(ctx, layout), service=_systemctl, tell=_say)


@boot.command("page")
@click.option("--host", default="", help="The address to listen on; all when absent.")
@click.option("--port", type=int, help="The port; that of Jenkins when absent.")
@global_options
def page(ctx: Context, host: str, port: int | None) -> None:
    """Serve the page that says why Jenkins is not there, on its port, until ended.

    \b
    Example:
      jenkins-bootstrap boot page --host 127.0.0.1 --port 8099
    """
    from jenkins_bootstrap.boot import page as pages
    from jenkins_bootstrap.boot.layout import PORT

    with pages.server(_layout(), host=host, port=PORT if port is None else port) as server:
        server.serve_forever()


def _layout() -> Layout:
    layout: Layout = click.get_current_context().meta[LAYOUT]
    return layout


def _boot(ctx: Context, layout: Layout) -> Boot:
    from jenkins_bootstrap.boot.prepare import Boot

    return Boot(layout, environ=os.environ, say=_say, log=ctx.trace if ctx.verbose else None)


def _show(ctx: Context, this: Boot, exit_code: bool) -> int | None:
    from jenkins_bootstrap.plan import describe

    rows = describe(this.plan())
    if ctx.json:
        ctx.data(rows)
    for row in () if ctx.json else rows:
        reason = f"  ({row['reason']})" if row["reason"] else ""
        ctx.out(f"{row['step']:9} {row['does']}: {row['call']}{reason}")
    return CHANGES_PENDING if exit_code else None


def _run(ctx: Context, this: Boot) -> None:
    from jenkins_bootstrap.boot import failures

    try:
        outcome = this.run(ctx.progress)
    except Exception as error:
        failures.note(this.layout, _expected(error))
        if isinstance(error, BootstrapError):
            error.exit_status = 1  # to systemd it is one failure, whatever was wrong
        raise
    if ctx.json:
        ctx.data({"seconds": {key: round(value, 3) for key, value in outcome.seconds.items()}})
    else:
        told = ", ".join(f"{key} {value:.2f} s" for key, value in outcome.seconds.items() if value >= 0.01)
        ctx.note(f"everything is in place for Jenkins ({told})")


def _expected(error: Exception) -> BootstrapError:
    """Why the boot failed, as the page shows it; an unexpected error by its kind alone."""
    if isinstance(error, BootstrapError):
        return error
    return BootstrapError(
        f"unexpected {type(error).__name__}", where="boot", hint="journalctl -u jenkins.service names the report"
    )


def _alarm(ctx: Context, layout: Layout) -> Alarm | None:
    """What speaks to AWS of this instance; None on an embedded target that does not say which instance it is."""
    from jenkins_bootstrap.aws import metadata
    from jenkins_bootstrap.boot import documents
    from jenkins_bootstrap.boot.alarm import AwsAlarm
    from jenkins_bootstrap.boot.finding import gateway

    this = _boot(ctx, layout)
    real = this.target.endpoint is None
    instance = metadata.instance().id if real else documents.embedded_instance(layout)
    if not instance:
        return None
    return AwsAlarm(gateway(this.settings, this.target, this.log), instance, this.settings.project)


def _systemctl(verb: str, unit: str) -> None:
    subprocess.run(["systemctl", "--no-block", verb, unit], check=False)


def _say(line: str) -> None:
    """A line for the journal, even with -q: what a boot waits for is never hidden."""
    print(line, file=sys.stderr, flush=True)

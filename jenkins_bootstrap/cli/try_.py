"""`try`: a throwaway controller on this machine, with the settings' stages and jobs; ^C ends it and leaves nothing."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from jenkins_bootstrap.boot.local import LocalController, Ready
    from jenkins_bootstrap.cli.trial import Trial

PORT = 8080
OPTIONS = "JENKINS_JAVA_OPTIONS"
"""Environment variable with further options for Java, as Jenkins' own packages know it."""


@click.command("try")
@click.option("--war", type=click.Path(path_type=Path, dir_okay=False), help="A jenkins.war; else the settings' one.")
@click.option(
    "--plugins",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of plugin files, in place of those of the lock.",
)
@click.option("--port", type=click.IntRange(1, 65535), help=f"Port on loopback; {PORT}, or a free one.")
@plan_options
@global_options
def try_(
    ctx: Context, war: Path | None, plugins: Path | None, port: int | None, plan_only: bool, exit_code: bool
) -> int:
    """Start the controller of these settings on this machine, for a look around, until ^C.

    \b
    Example:
      jenkins-bootstrap try
      jenkins-bootstrap try --war jenkins.war --plugins plugins

    It is reached from this machine only. Jenkins and the plugins of the lock are downloaded and verified, once; a
    folder of plugins may hold other versions than the lock, and what differs is told. JENKINS_JAVA_OPTIONS in the
    environment gives Java further options.
    """
    from jenkins_bootstrap.boot.local import free_port
    from jenkins_bootstrap.cli import trial
    from jenkins_bootstrap.cli.surroundings import surroundings
    from jenkins_bootstrap.interrupts import ending_on_signals

    chosen = port or (PORT if _is_free(PORT) else free_port())
    if port is not None and not _is_free(port):
        raise BootstrapError(f"port {port} is taken", where="--port", hint="choose another, or none")
    with ending_on_signals(lambda: _say_ending(ctx)), surroundings(ctx):
        if plan_only:
            _show_plan(ctx, trial.gather(ctx, war, plugins, _url(chosen), download=False))
            return CHANGES_PENDING if exit_code else 0
        made = trial.gather(ctx, war, plugins, _url(chosen))
        _tell_differences(ctx, made)
        with trial.laid_out(ctx, made, chosen) as controller:
            controller.options = shlex.split(os.environ.get(OPTIONS, ""))
            _run(ctx, made, controller)
    return 0


def _run(ctx: Context, made: Trial, controller: LocalController) -> None:
    from jenkins_bootstrap.cli.jenkins import announced

    with ctx.progress(f"starting Jenkins {made.war_version} on port {controller.port}") as line:
        controller.start()
        ready = controller.wait(tell=line)
    with (
        announced(ctx, controller.url, controller.layout.service_token),
        suppress(KeyboardInterrupt),
    ):  # the way it ends
        _tell_ready(ctx, made, controller, ready)
        controller.watch(tell=ctx.note)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _say_ending(ctx: Context) -> None:
    """In a handler of signals, so past the streams' buffers."""
    if not ctx.quiet:
        os.write(2, b"\nending ...\n" if sys.stderr.isatty() else b"ending ...\n")


def _tell_differences(ctx: Context, made: Trial) -> None:
    if made.choice is None:
        return
    for name, by in made.choice.missing:
        ctx.warn(f"the plugin {name}, wanted by {by}, is not at hand")
    for words in made.choice.unfit:
        ctx.warn(words)
    differences = made.differences
    if differences:
        ctx.note(f"{len(differences)} of {len(made.lock.plugins)} plugins are not those of the lock:")
        for words in differences:
            ctx.note(f"  {words}")


def _tell_ready(ctx: Context, made: Trial, controller: LocalController, ready: Ready) -> None:
    user = str(ctx.secret_values["admin_username"])
    secret = made.settings.secrets.settings
    mine = ["jenkins-bootstrap", "-c", str(ctx.settings_path), "embedded", "secret", secret, "admin_password"]
    aws = ["aws", "secretsmanager", "get-secret-value", "--secret-id", secret, "--query", "SecretString"]
    reading = shlex.join(mine if ctx.target == "embedded" else aws)
    if ctx.json:
        ctx.data(
            {
                "url": controller.url,
                "user": user,
                "password": {"secret": secret, "key": "admin_password", "command": reading},
                "seconds": round(ready.seconds, 1),
                "restarts": ready.restarts,
                "stages": dict(ready.stages),
                "jobs": len(made.made.rendered.jobs),
                "pid": os.getpid(),
            }
        )
        return
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in ready.stages.items())
    ctx.note(f"up in {ready.seconds:.1f} s; the stages: {stages}")
    ctx.out(f"Jenkins   {controller.url}")
    ctx.out(f"user      {user}")
    ctx.out(f"password  key admin_password of the secret {secret}; another terminal prints it with")
    ctx.out(f"          {reading}")
    ctx.note("^C ends it and leaves nothing")


def _show_plan(ctx: Context, made: Trial) -> None:
    rendered = made.made.rendered
    plugins = made.versions
    source = "by the lock" if made.choice is None else f"at hand, {len(made.differences)} not as in the lock"
    if ctx.json:
        ctx.data(
            {
                "jenkins": made.war_version,
                "war": str(made.war.path) if made.war is not None else None,
                "url": made.settings.controller.url,
                "plugins": dict(plugins),
                "to_fetch": list(made.to_fetch),
                "differences": list(made.differences),
                "missing": [name for name, _ in made.choice.missing] if made.choice else [],
                "jobs": [job.path for job in rendered.jobs],
            }
        )
        return
    war = made.war.path if made.war is not None else "its war would be downloaded first"
    ctx.out(f"would start Jenkins {made.war_version} ({war})")
    ctx.out(f"  at {made.settings.controller.url}, in place of {ctx.settings.controller.url}")
    ctx.out(f"  with {len(plugins)} plugins {source}")
    if made.to_fetch:
        ctx.out(f"  {len(made.to_fetch)} of them would be downloaded first")
    ctx.out(f"  with {len(rendered.jobs)} jobs in {len(rendered.folders)} folders, {len(made.settings.agents)} clouds")
    ctx.out(f"  below {ctx.state / 'try'}, removed at the end")
    _tell_differences(ctx, made)
